"""Per-frame change metrics as an array: what shot detection is based on, for plots and for one's own detectors."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import encoder
from encoder.media.frames import decode
from encoder.media.source import Source
from ladders.shots.frame_window import FrameWindow
from ladders.shots.kernels.frame_comparison import CHANGE_METRICS
from ladders.shots.scan import Progress

__all__ = ["CHANGE_METRICS", "ChangeMetrics", "measure_changes"]

#: Frames in memory at a time.
_CAPACITY = 64


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ChangeMetrics:
    """Metrics of each frame relative to the one before it.

    Attributes
    ----------
    names : tuple of str
        `CHANGE_METRICS`, the names of the columns. docs/shots.md gives their formulas.
    values : float32 array, shape (frames, len(names))
        Row 0 is zero: the first frame has no frame before it.
    """

    names: tuple[str, ...]
    values: NDArray[np.float32]

    def __repr__(self) -> str:
        """Return the size in short."""
        return f"ChangeMetrics({len(self.values)} frames, {len(self.names)} metrics)"

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        """Return the column of a metric, shape (frames,)."""
        return self.values[:, self.names.index(name)]

    def to_pandas(self) -> Any:
        """Return a pandas DataFrame, a row per frame and a column per metric (needs the extra `pandas`)."""
        import pandas

        return pandas.DataFrame(self.values, columns=list(self.names))


def measure_changes(
    source: Source | str | os.PathLike[str], *, threads: int | None = None, progress: Progress | None = None
) -> ChangeMetrics:
    """Measure how each frame of a source differs from the one before it.

    Parameters
    ----------
    source : Source or path
        What `encoder.inspect` returned, or a path, which is inspected first.
    threads : int, optional
        Threads of the decoder, 0 for one a core; None costs the least CPU time.
    progress : callable, optional
        Called with (frames done, frames in total).

    Returns
    -------
    ChangeMetrics

    Raises
    ------
    SourceError
        If the source no longer opens, or its content has changed.

    Examples
    --------
    >>> metrics = measure_changes("source.mp4")  # doctest: +SKIP
    >>> metrics["inter_residual_ratio"].argmax()  # doctest: +SKIP
    95
    """
    opened = source if isinstance(source, Source) else encoder.inspect(Path(source))
    values = np.zeros((opened.frame_count, len(CHANGE_METRICS)), np.float32)
    window: FrameWindow | None = None

    def repeat(start: int, stop: int) -> None:
        for _ in range(start, stop):
            if window is not None:
                make_room(window)
                window.push_undecodable()

    def make_room(full: FrameWindow) -> None:
        if full.is_full:
            full.discard_before(full.stop - 1)

    # as the scan: without loop filter
    for frame in decode(opened, threads=threads, deblock=False, on_undecodable=repeat):
        if window is None:
            window = FrameWindow(opened, frame, _CAPACITY)
        make_room(window)
        window.push(frame)
        values[frame.number] = window.changes[window.count - 1]
        if progress is not None:
            progress(frame.number + 1, opened.frame_count)
    return ChangeMetrics(CHANGE_METRICS, values)
