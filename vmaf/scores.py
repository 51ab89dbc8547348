"""What measuring gives: the scores of one rendition, frame by frame, and their pools."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Pool", "Scores"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pool:
    """Pools of per-frame scores: mean, harmonic mean (libvmaf's, of score + 1), 5th percentile, minimum.

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


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Scores of one rendition against its reference.

    All arrays have one entry per measured frame and are read-only; an array that was not asked for, or
    that the model does not use, is `None`.

    Attributes
    ----------
    path : str
        The rendition.
    reference : str
        What it was measured against.
    model : str
        libvmaf's name of the model.
    model_digest : str
        First digits of the SHA-256 of the model's text.
    engine : str
        `native` or `libvmaf`.
    libvmaf : str
        Which libvmaf the numbers follow: its version string, or the generation that the native engine
        reproduces.
    width, height, bit_depth : int
        Size and depth of the compared pictures.
    every : int
        One frame in this many was measured.
    frames : int64 array
        Numbers of the measured frames, in the reference.
    vmaf : float64 array
    adm2, motion2, vif_scale0, vif_scale1, vif_scale2, vif_scale3 : float64 array or None
    vmaf_neg : float64 array or None
        The same model without enhancement gain.
    vmaf_low, vmaf_high : float64 array or None
        Bounds of the 95 % bootstrap interval.
    psnr_y, psnr_u, psnr_v : float64 array or None
        dB, as ffmpeg's `psnr`; infinite where the planes are equal.
    ssim_y, ssim_u, ssim_v : float64 array or None
        As ffmpeg's `ssim`.
    cambi : float64 array or None
        Banding, as libvmaf's CAMBI.
    misplaced : tuple of (int, int)
        Frames that look like a neighbour of the reference frame that they should show, with that neighbour: doubled
        or frozen. Only the native engine looks, and only at neighbours that are measured too.
    missing : tuple of (int, int)
        Frames [first, last) of the reference that were to be compared and that the rendition does not hold.
    cpu_seconds : float
        This rendition's share of the processor time of the call.
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
    every: int
    frames: NDArray[np.int64]
    vmaf: Array
    adm2: Array | None = None
    motion2: Array | None = None
    vif_scale0: Array | None = None
    vif_scale1: Array | None = None
    vif_scale2: Array | None = None
    vif_scale3: Array | None = None
    vmaf_neg: Array | None = None
    vmaf_low: Array | None = None
    vmaf_high: Array | None = None
    psnr_y: Array | None = None
    psnr_u: Array | None = None
    psnr_v: Array | None = None
    ssim_y: Array | None = None
    ssim_u: Array | None = None
    ssim_v: Array | None = None
    cambi: Array | None = None
    misplaced: tuple[tuple[int, int], ...] = ()
    missing: tuple[tuple[int, int], ...] = ()
    cpu_seconds: float = 0.0

    @property
    def pool(self) -> Pool:
        """Pools over all measured frames."""
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
        """Worst frame's VMAF."""
        return self.pool.min

    def pools(self, ranges: Iterable[tuple[int, int]]) -> tuple[Pool | None, ...]:
        """Pool VMAF over ranges of reference frames, as of segments or shots.

        Parameters
        ----------
        ranges : iterable of (int, int)
            Frames [first, last) of the reference.

        Returns
        -------
        tuple of Pool or None
            `None` for a range in which no frame was measured.
        """
        bounds = [np.searchsorted(self.frames, pair) for pair in ranges]
        return tuple(Pool.of(self.vmaf[a:b]) if b > a else None for a, b in bounds)

    def series(self) -> dict[str, Array]:
        """Return every per-frame array that is there, by name, VMAF first."""
        named = {name: getattr(self, name) for name in SERIES}
        return {name: array for name, array in named.items() if array is not None}


#: Names of the per-frame arrays.
SERIES = (
    *("vmaf", "adm2", "motion2", "vif_scale0", "vif_scale1", "vif_scale2", "vif_scale3"),
    *("vmaf_neg", "vmaf_low", "vmaf_high"),
    *("psnr_y", "psnr_u", "psnr_v", "ssim_y", "ssim_u", "ssim_v", "cambi"),
)
