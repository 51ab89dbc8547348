"""Hold the store during a run; report what killed runs left in it, and the damaged files that were removed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from shotladder.reporter import Reporter
from shotladder_runtime.store import Store

__all__ = ["clean_store", "hold_store"]


@contextmanager
def hold_store(store: Store, reporter: Reporter) -> Iterator[None]:
    """Hold a store during the block; at its end, report the damaged artefacts that were removed meanwhile.

    What a killed run left unfinished is deleted and reported first. An interrupt is reported with what is kept.
    """
    with store.hold() as run:
        _report_leftovers(run.deleted_count, store, reporter)
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


def clean_store(store: Store, reporter: Reporter) -> None:
    """Delete and report what killed runs left unfinished in a store, if it exists and can be written."""
    with suppress(OSError):
        _report_leftovers(store.delete_leftovers(), store, reporter)


def _report_leftovers(count: int | None, store: Store, reporter: Reporter) -> None:
    if count is not None:
        files = "1 unfinished file" if count == 1 else f"{count or 'no'} unfinished files"
        reporter.say(
            f"an earlier run or worker was killed: {files} deleted from {store.location}; finished encodes are used"
        )
