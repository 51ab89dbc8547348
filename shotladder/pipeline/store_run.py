"""Hold the store during a run, and report the damaged files that the run removed from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from shotladder.reporter import Reporter
from shotladder_runtime.store import Store

__all__ = ["hold_store"]


@contextmanager
def hold_store(store: Store, reporter: Reporter) -> Iterator[None]:
    """Hold a store during the block; at its end, report the damaged artefacts that were removed meanwhile.

    An interrupt is reported with what is kept.
    """
    with store.hold() as run:
        try:
            yield
        except KeyboardInterrupt:
            # a terminal that was closed takes no message
            with suppress(OSError):
                reporter.say(f"Finished encodes are kept in {store.location}; the same command continues from there.")
            raise
        finally:
            if names := run.damaged():
                kinds = Counter(name.split("/")[0] for name in names)
                listed = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
                reporter.say(f"damaged files of the store were removed and are made again when needed: {listed}")
