"""Progress of a part of the work as a range of the progress of the whole."""

from __future__ import annotations

from ladders.probing.probe_runner import Progress

__all__ = ["sub_range"]


def sub_range(progress: Progress | None, start: float, stop: float) -> Progress | None:
    """Return a progress callback that maps (done, total) to the range from `start` to `stop` of another callback."""
    if progress is None:
        return None
    whole = progress
    return lambda done, total: whole(start + (stop - start) * done / max(total, 1), 1.0)
