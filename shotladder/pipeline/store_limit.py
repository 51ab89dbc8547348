"""Keep the store within a size, without the deletion of anything that a run uses."""

from __future__ import annotations

from shotladder.report.readable_units import format_size
from shotladder.reporter import Reporter
from shotladder_runtime.store import Store, list_artefacts, prune

__all__ = ["enforce_store_limit"]


def enforce_store_limit(store: Store, limit: int, reporter: Reporter) -> None:
    """Delete the least recently used artefacts until a store has at most `limit` bytes; report if it remains larger.

    What a run in progress has used or made is kept. A run calls this when it ends: at its start it could delete what
    it resumes from.
    """
    gone = prune(store, max_size=limit)
    if gone:
        reporter.say(f"{store.location}: {format_size(sum(a.size for a in gone))} deleted for --store-limit")
    size = sum(artefact.size for artefact in list_artefacts(store))
    if size > limit:
        reporter.say(
            f"{store.location}: contains {format_size(size)}, more than --store-limit {format_size(limit)}, because"
            " sources in progress use it"
        )
