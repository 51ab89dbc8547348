"""The result of a measurement: the scores of one rendition, frame by frame, and their pools."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shotladder_runtime.notebook_html import property_table
from shotladder_runtime.optional import require
from shotladder_runtime.passwords import without_password

__all__ = ["SERIES", "Array", "Pool", "Scores"]

Array = NDArray[np.float64]

#: the series that `Scores` can hold, by name: label for axes, with unit
SERIES = {
    "vmaf": "VMAF",
    "adm2": "ADM",
    "motion2": "motion of the reference",
    "vif_scale0": "VIF at full size",
    "vif_scale1": "VIF at half size",
    "vif_scale2": "VIF at a quarter of the size",
    "vif_scale3": "VIF at an eighth of the size",
    "vmaf_neg": "VMAF NEG",
    "vmaf_low": "VMAF, lower bound of the 95 % interval",
    "vmaf_high": "VMAF, upper bound of the 95 % interval",
    "psnr_y": "PSNR of luma (dB)",
    "psnr_u": "PSNR of Cb (dB)",
    "psnr_v": "PSNR of Cr (dB)",
    "ssim_y": "SSIM of luma",
    "ssim_u": "SSIM of Cb",
    "ssim_v": "SSIM of Cr",
    "xpsnr_y": "XPSNR of luma (dB)",
    "xpsnr_u": "XPSNR of Cb (dB)",
    "xpsnr_v": "XPSNR of Cr (dB)",
    "cambi": "CAMBI",
}


@dataclass(frozen=True, slots=True)
class Pool:
    """Pools of per-frame scores.

    Attributes
    ----------
    mean : float
    harmonic_mean : float
        libvmaf's: of score + 1, less 1.
    p5 : float
        5th percentile.
    min : float

    Examples
    --------
    >>> Pool.of(np.array([80.0, 90.0, 100.0])).mean
    90.0
    """

    mean: float
    harmonic_mean: float
    p5: float
    min: float

    @classmethod
    def of(cls, scores: Array) -> Pool:
        """Pool a non-empty array of scores."""
        return cls(
            mean=float(scores.mean()),
            harmonic_mean=float(1.0 / np.mean(1.0 / (scores + 1.0)) - 1.0),
            p5=float(np.percentile(scores, 5)),
            min=float(scores.min()),
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False, kw_only=True)
class Scores:
    """Scores of one rendition against its reference.

    All arrays have one entry for each measured frame and are read-only. Every name of `SERIES` is also an attribute:
    `scores.psnr_y` is `scores.series["psnr_y"]`, or None if that was not requested or the model does not use it.

    Attributes
    ----------
    path : str
        The rendition.
    reference : str
        What it was measured against.
    model : str
        libvmaf's name of the model.
    model_digest : str
        First 16 hexadecimal digits of the SHA-256 of the model's JSON text.
    engine : str
        `native` or `libvmaf`.
    libvmaf : str
        Which libvmaf the numbers follow: its version string, or the version that the native engine reproduces.
    width, height, bit_depth : int
        Size and bit depth of the compared frames.
    frame_stride : int
        Frames whose number is a multiple of this were measured.
    frames : int64 array
        Numbers of the measured frames in the reference.
    times : float64 array, s
        Presentation times of the measured frames in the reference.
    series : mapping of str to float64 array
        Per-frame scores by the names of `SERIES`, in that order:

        - `vmaf`, 0 to 100; always there
        - `adm2`, `motion2`, `vif_scale0` to `vif_scale3`: the features of v0.6.x models
        - `vmaf_neg`: the same model without enhancement gain
        - `vmaf_low`, `vmaf_high`: bounds of the 95 % bootstrap interval
        - `psnr_y`, `psnr_u`, `psnr_v`: dB, as ffmpeg's `psnr`; infinite where the planes are equal
        - `ssim_y`, `ssim_u`, `ssim_v`: as ffmpeg's `ssim`
        - `xpsnr_y`, `xpsnr_u`, `xpsnr_v`: dB, as ffmpeg's `xpsnr`; infinite where the planes are equal
        - `cambi`: banding, as libvmaf's CAMBI
    duplicated_frames : tuple of (int, int)
        Frames that look like a reference frame adjacent to their own, with that reference frame: duplicated or frozen.
        Only the native engine detects them, and only where the adjacent frame is measured too.
    missing : tuple of (int, int)
        Frames [start, stop) of the reference that the rendition does not hold.
    cpu_seconds : float
        CPU time of this rendition, s; the CPU time of the reference is divided equally among the renditions.
    """

    path: str
    reference: str
    model: str
    model_digest: str
    engine: str
    libvmaf: str
    width: int
    height: int
    bit_depth: int
    frame_stride: int
    frames: NDArray[np.int64]
    times: Array
    series: Mapping[str, Array]
    duplicated_frames: tuple[tuple[int, int], ...] = ()
    missing: tuple[tuple[int, int], ...] = ()
    cpu_seconds: float = 0.0

    def __post_init__(self) -> None:
        """Put the series in order, and make all arrays read-only."""
        series = {name: np.array(self.series[name], np.float64) for name in SERIES if name in self.series}
        object.__setattr__(self, "series", series)
        object.__setattr__(self, "frames", np.array(self.frames, np.int64))
        object.__setattr__(self, "times", np.array(self.times, np.float64))
        for array in (self.frames, self.times, *series.values()):
            array.flags.writeable = False

    def __getattr__(self, name: str) -> Array | None:
        # only called for names that are not fields; `series` itself may be unset while an instance is unpickled
        if name in SERIES:
            return self.series.get(name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        return [*object.__dir__(self), *SERIES]

    @property
    def vmaf(self) -> Array:
        """VMAF of every measured frame, 0 to 100."""
        return self.series["vmaf"]

    @property
    def pool(self) -> Pool:
        """Pools of VMAF over all measured frames."""
        return Pool.of(self.vmaf)

    @property
    def mean(self) -> float:
        """Mean VMAF."""
        return self.pool.mean

    @property
    def harmonic_mean(self) -> float:
        """Harmonic mean of VMAF."""
        return self.pool.harmonic_mean

    @property
    def p5(self) -> float:
        """5th percentile of VMAF."""
        return self.pool.p5

    @property
    def min(self) -> float:
        """Minimum VMAF of a frame."""
        return self.pool.min

    def pools(self, ranges: Iterable[tuple[int, int]]) -> tuple[Pool | None, ...]:
        """Pool VMAF over ranges of reference frames, such as segments or shots.

        Parameters
        ----------
        ranges : iterable of (int, int)
            Frames [start, stop) of the reference.

        Returns
        -------
        tuple of Pool or None
            None for a range in which no frame was measured.
        """
        bounds = [np.searchsorted(self.frames, pair) for pair in ranges]
        return tuple(Pool.of(self.vmaf[a:b]) if b > a else None for a, b in bounds)

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame` with one row for each measured frame (extra `pandas`).

        The index `frame` is the number of the reference frame. The columns are `time` (s) and every series.

        Raises
        ------
        MissingPackageError
            pandas is not installed.
        """
        pandas = require("pandas", extra="pandas")
        index = pandas.Index(self.frames, name="frame")
        return pandas.DataFrame({"time": self.times, **self.series}, index=index)

    def plot(self, name: str = "vmaf", *, ax: Any = None) -> Any:
        """Plot a series over the time of the reference (extra `plot`).

        Parameters
        ----------
        name : str
            One of `series`.
        ax : matplotlib Axes, optional
            By default those of a new figure.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        KeyError
            The series was not measured.
        MissingPackageError
            matplotlib is not installed.
        """
        if name not in self.series:
            raise KeyError(f"{name} was not measured; measured: {', '.join(self.series)}")
        if ax is None:
            pyplot = require("matplotlib.pyplot", extra="plot")
            _, ax = pyplot.subplots(figsize=(8, 3), layout="constrained")
        ax.plot(self.times, self.series[name], label=self.path)
        ax.set(xlabel="time (s)", ylabel=SERIES[name])
        return ax

    def __repr__(self) -> str:
        return f"Scores({without_password(self.path)!r}: VMAF {self.mean:.2f}, {len(self.frames)} frames, {self.model})"

    def _repr_html_(self) -> str:
        pool = self.pool
        pools = f"mean {pool.mean:.2f}, harmonic mean {pool.harmonic_mean:.2f}, 5th percentile {pool.p5:.2f}"
        properties = {
            "VMAF": f"{pools}, minimum {pool.min:.2f}",
            "reference": without_password(self.reference),
            "frames": f"{len(self.frames)} of {self.width}x{self.height}, {self.bit_depth} bits",
            "model": f"{self.model}, {self.engine} engine",
            "series": ", ".join(self.series),
            "duplicated frames": len(self.duplicated_frames) or None,
            "missing": ", ".join(f"{start} to {stop - 1}" for start, stop in self.missing) or None,
        }
        return property_table(f"Scores {without_password(self.path)}", properties)
