"""The value `Presentation`: what a player knows about a title before playback."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abr.errors import PresentationError
from shotladder_runtime.notebook_html import property_table
from shotladder_runtime.optional import require

__all__ = ["Audio", "Presentation", "Rung", "SourceFile"]


@dataclass(frozen=True, slots=True)
class Rung:
    """One rung of a presentation, as a manifest describes it (a Representation in DASH, a variant in HLS).

    Attributes
    ----------
    id : str
        Name of the rung.
    bitrate : int
        Nominal bitrate in the manifest, bit/s.
    width, height : int or None
        Frame size, pixels; None when unknown.
    """

    id: str
    bitrate: int
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class SourceFile:
    """The file that a presentation was encoded from.

    Attributes
    ----------
    name : str
        Without its folder.
    bytes : int or None
        Its size; None when it is not known.
    """

    name: str
    bytes: int | None = None

    def may_be(self, other: SourceFile) -> bool:
        """Return whether both may be one video: their names are equal, or their sizes are.

        Examples
        --------
        >>> SourceFile("film.mp4", 1000).may_be(SourceFile("copy of film.mp4", 1000))
        True
        >>> SourceFile("film.mp4", 1000).may_be(SourceFile("match.mp4", 2000))
        False
        """
        return self.name == other.name or (self.bytes is not None and self.bytes == other.bytes)


@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    """An audio track that is downloaded in segments of its own.

    Attributes
    ----------
    durations : ndarray
        Duration of every audio segment, s, shape (audio segments,).
    sizes : ndarray
        Size of every audio segment, bytes, int64, the same shape.
    """

    durations: NDArray[np.float64]
    sizes: NDArray[np.int64]

    def __post_init__(self) -> None:
        """Check and freeze the arrays."""
        durations = np.ascontiguousarray(self.durations, np.float64)
        sizes = np.ascontiguousarray(self.sizes, np.int64)
        if durations.ndim != 1 or durations.shape != sizes.shape or not len(durations):
            raise PresentationError(f"audio: durations have shape {durations.shape}, sizes have {sizes.shape}")
        for name, values in (("durations", durations), ("sizes", sizes)):
            if not np.all(np.isfinite(values) & (values > 0)):
                segment = int(np.argmin(np.isfinite(values) & (values > 0)))
                raise PresentationError(f"audio: {name}[{segment}] is {values[segment]}, expected a number > 0")
            values.setflags(write=False)
            object.__setattr__(self, name, values)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Presentation:
    """Durations, sizes and VMAF of every segment of every rung.

    Attributes
    ----------
    title : str
        Name of the presentation.
    rungs : tuple of Rung
        In increasing order of bitrate.
    durations : ndarray
        Duration of every segment, s, shape (segments,).
    sizes : ndarray
        Size of every segment, bytes, int64, shape (segments, rungs).
    vmaf : ndarray or None
        0 to 100, shape (segments, rungs), NaN where a segment was not measured; None when none was.
    ssim_db : ndarray or None
        SSIM, dB, the same shape.
    notes : tuple of str
        What was unusual when the presentation was read.
    audio : Audio or None
        The audio track, when it has segments of its own.
    source : SourceFile or None
        What it was encoded from; None when the document does not state it.

    Examples
    --------
    >>> rungs = (Rung("low", 1_000_000), Rung("high", 3_000_000))
    >>> Presentation("clip", rungs, np.full(10, 4.0), np.full((10, 2), [500_000, 1_500_000]))
    <Presentation 'clip': 10 segments, 40.0 s, 2 rungs from 1 to 3 Mbit/s, without VMAF>
    """

    title: str
    rungs: tuple[Rung, ...]
    durations: NDArray[np.float64]
    sizes: NDArray[np.int64]
    vmaf: NDArray[np.float64] | None = None
    ssim_db: NDArray[np.float64] | None = None
    notes: tuple[str, ...] = ()
    audio: Audio | None = None
    source: SourceFile | None = None

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

    def __repr__(self) -> str:
        vmaf = "without VMAF" if self.vmaf is None else "with VMAF"
        return (
            f"<Presentation {self.title!r}: {len(self.durations)} segments, {self.duration:.1f} s, "
            f"{self._describe_rungs()}, {vmaf}>"
        )

    def _repr_html_(self) -> str:
        return property_table(
            f"Presentation {self.title}",
            {
                "segments": len(self.durations),
                "duration": f"{self.duration:.1f} s",
                "rungs": self._describe_rungs(),
                "VMAF": "no" if self.vmaf is None else "yes",
                "audio": "no" if self.audio is None else f"{len(self.audio.durations)} segments",
                "notes": "; ".join(self.notes) or None,
            },
        )

    def _describe_rungs(self) -> str:
        rates = [rung.bitrate / 1e6 for rung in self.rungs]
        if len(rates) == 1:
            return f"1 rung of {rates[0]:.3g} Mbit/s"
        return f"{len(rates)} rungs from {rates[0]:.3g} to {rates[-1]:.3g} Mbit/s"

    @property
    def duration(self) -> float:
        """Total duration, s."""
        return float(self.durations.sum())

    @property
    def bitrates(self) -> NDArray[np.float64]:
        """Nominal bitrate of every rung, bit/s."""
        return np.array([rung.bitrate for rung in self.rungs], np.float64)

    def capped(self, height: int) -> Presentation:
        """Return the presentation without the rungs above a height in pixels; the lowest rung is always kept."""
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

    def repeated(self, count: int) -> Presentation:
        """Return the presentation played `count` times in a row, as one presentation.

        Sessions of short presentations end before buffer-based policies leave their startup phase.

        Examples
        --------
        >>> short = Presentation("clip", (Rung("low", 1_000_000),), np.full(2, 4.0), np.full((2, 1), 500_000))
        >>> short.repeated(3).duration
        24.0
        """
        if count < 1:
            raise ValueError(f"count: {count} is not positive")
        audio = self.audio and Audio(np.tile(self.audio.durations, count), np.tile(self.audio.sizes, count))
        return replace(
            self,
            durations=np.tile(self.durations, count),
            sizes=np.tile(self.sizes, (count, 1)),
            vmaf=None if self.vmaf is None else np.tile(self.vmaf, (count, 1)),
            ssim_db=None if self.ssim_db is None else np.tile(self.ssim_db, (count, 1)),
            audio=audio,
        )

    def renamed(self, title: str) -> Presentation:
        """Return the presentation with another title."""
        return replace(self, title=title)

    def to_pandas(self) -> Any:
        """Return a DataFrame with a row for each segment of each rung.

        Returns
        -------
        pandas.DataFrame
            Columns `segment`, `rung` (0 is the lowest), `id`, `start` (s), `duration` (s), `bytes`, `bitrate` (bit/s
            of the segment), `height` (pixels), `vmaf`, `ssim_db`; NaN or None when absent.

        Raises
        ------
        MissingPackageError
            When pandas is not installed (extra `pandas`).
        """
        pandas = require("pandas", extra="pandas")
        segments, rungs = self.sizes.shape
        durations = np.repeat(self.durations, rungs)
        absent = np.full(self.sizes.size, np.nan)
        return pandas.DataFrame(
            {
                "segment": np.repeat(np.arange(segments), rungs),
                "rung": np.tile(np.arange(rungs), segments),
                "id": [rung.id for rung in self.rungs] * segments,
                "start": np.repeat(np.cumsum(self.durations) - self.durations, rungs),
                "duration": durations,
                "bytes": self.sizes.ravel(),
                "bitrate": 8 * self.sizes.ravel() / durations,
                "height": [rung.height for rung in self.rungs] * segments,
                "vmaf": absent if self.vmaf is None else self.vmaf.ravel(),
                "ssim_db": absent if self.ssim_db is None else self.ssim_db.ravel(),
            }
        )


def _check(pres: Presentation) -> None:
    """Raise the first fault, with its location and value."""
    if not pres.rungs or not len(pres.durations):
        raise PresentationError(f"{pres.title}: the presentation has no rungs or no segments")
    if pres.sizes.shape != (len(pres.durations), len(pres.rungs)):
        raise PresentationError(
            f"{pres.title}: sizes have shape {pres.sizes.shape}, expected ({len(pres.durations)}, {len(pres.rungs)}) "
            f"for the segments and rungs"
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
        raise PresentationError(f"{pres.title}: a rung has a bitrate of {min(rates)} bit/s, expected > 0")
    if rates != sorted(rates):
        raise PresentationError(f"{pres.title}: the rungs are not in increasing order of bitrate: {rates}")
