"""The value `Presentation`: what a player can know of a title before it plays it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from abr.errors import PresentationError

__all__ = ["Audio", "Presentation", "Rung", "renamed"]


@dataclass(frozen=True, slots=True)
class Rung:
    """One quality level.

    Attributes
    ----------
    id : str
        Its name.
    bitrate : int
        Nominal bits/s, what a manifest says.
    width, height : int or None
        Pixels, None where unknown.
    """

    id: str
    bitrate: int
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    """One audio track.

    Attributes
    ----------
    durations : ndarray
        Seconds of every segment; not those of the video.
    sizes : ndarray
        Bytes of every segment, int64.
    """

    durations: NDArray[np.float64]
    sizes: NDArray[np.int64]

    def __post_init__(self) -> None:
        """Check and freeze the arrays."""
        durations = np.ascontiguousarray(self.durations, np.float64)
        sizes = np.ascontiguousarray(self.sizes, np.int64)
        if durations.ndim != 1 or durations.shape != sizes.shape or not len(durations):
            raise PresentationError(f"audio of {durations.shape} durations and {sizes.shape} sizes")
        for name, values in (("durations", durations), ("sizes", sizes)):
            if not np.all(np.isfinite(values) & (values > 0)):
                segment = int(np.argmin(np.isfinite(values) & (values > 0)))
                raise PresentationError(f"audio: {name} of segment {segment}: {values[segment]}")
            values.setflags(write=False)
            object.__setattr__(self, name, values)


@dataclass(frozen=True, slots=True, eq=False)
class Presentation:
    """Durations, bytes and quality of every segment of every rung; rungs from the lowest bitrate up.

    Attributes
    ----------
    title : str
        Its name.
    rungs : tuple of Rung
        Lowest bitrate first.
    durations : ndarray
        Seconds of every segment.
    sizes : ndarray
        Bytes, int64, shape (segments, rungs).
    vmaf : ndarray or None
        0 to 100, shape (segments, rungs), NaN where a segment was not measured; None without any.
    ssim_db : ndarray or None
        SSIM in dB, the same shape.
    notes : tuple of str
        What was found odd while reading.
    audio : Audio or None
        The audio that plays with it, where that has segments of its own.
    """

    title: str
    rungs: tuple[Rung, ...]
    durations: NDArray[np.float64]
    sizes: NDArray[np.int64]
    vmaf: NDArray[np.float64] | None = None
    ssim_db: NDArray[np.float64] | None = None
    notes: tuple[str, ...] = ()
    audio: Audio | None = None

    def __post_init__(self) -> None:
        """Check the shapes and freeze the arrays."""
        object.__setattr__(self, "durations", np.ascontiguousarray(self.durations, np.float64))
        object.__setattr__(self, "sizes", np.ascontiguousarray(self.sizes, np.int64))
        _check(self)
        for name in ("vmaf", "ssim_db"):
            table = getattr(self, name)
            if table is not None:
                table = np.ascontiguousarray(table, np.float64)
                if table.shape != self.sizes.shape:
                    raise PresentationError(
                        f"{self.title}: {name} has shape {table.shape}, sizes have {self.sizes.shape}"
                    )
                object.__setattr__(self, name, table)
                table.setflags(write=False)
        self.durations.setflags(write=False)
        self.sizes.setflags(write=False)

    @property
    def duration(self) -> float:
        """Seconds in all."""
        return float(self.durations.sum())

    @property
    def bitrates(self) -> NDArray[np.float64]:
        """Nominal bits/s of every rung."""
        return np.array([rung.bitrate for rung in self.rungs], np.float64)

    def capped(self, height: int) -> Presentation:
        """Return the part that a screen of so many lines asks for; at least the lowest rung."""
        keep = [i for i, rung in enumerate(self.rungs) if rung.height is None or rung.height <= height] or [0]
        if len(keep) == len(self.rungs):
            return self
        return replace(
            self,
            rungs=tuple(self.rungs[i] for i in keep),
            sizes=self.sizes[:, keep],
            vmaf=None if self.vmaf is None else self.vmaf[:, keep],
            ssim_db=None if self.ssim_db is None else self.ssim_db[:, keep],
        )


def renamed(pres: Presentation, title: str) -> Presentation:
    """Return the presentation under another title."""
    return replace(pres, title=title)


def _check(pres: Presentation) -> None:
    """Raise what is wrong, where, with the value."""
    if not pres.rungs or not len(pres.durations):
        raise PresentationError(f"{pres.title}: no rungs or no segments")
    if pres.sizes.shape != (len(pres.durations), len(pres.rungs)):
        raise PresentationError(
            f"{pres.title}: sizes of shape {pres.sizes.shape} for {len(pres.durations)} segments "
            f"and {len(pres.rungs)} rungs"
        )
    if not np.all(np.isfinite(pres.durations)) or np.any(pres.durations <= 0):
        segment = int(np.argmin(np.where(np.isfinite(pres.durations), pres.durations, -1)))
        raise PresentationError(f"{pres.title}: segment {segment} lasts {pres.durations[segment]} s")
    if np.any(pres.sizes <= 0):
        segment, rung = (int(i) for i in np.argwhere(pres.sizes <= 0)[0])
        raise PresentationError(
            f"{pres.title}: segment {segment} of rung {pres.rungs[rung].id} has {pres.sizes[segment, rung]} bytes"
        )
    rates = [rung.bitrate for rung in pres.rungs]
    if min(rates) <= 0:
        raise PresentationError(f"{pres.title}: a rung of {min(rates)} bits/s")
    if rates != sorted(rates):
        raise PresentationError(f"{pres.title}: rungs are not in the order of their bitrates: {rates}")
