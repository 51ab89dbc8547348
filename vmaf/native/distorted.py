"""Measure one frame of a rendition against a prepared reference frame."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from vmaf.native.kernels import adm_kernels as adm
from vmaf.native.kernels import vif_kernels as vif
from vmaf.native.polyphase import fill
from vmaf.native.reference import Geometry, Reference, Scratch, cube_root, pyramid, transform

__all__ = ["DistortedMeasurement"]


class DistortedMeasurement:
    """Measure frames of one size; the memory is allocated once.

    Parameters
    ----------
    geometry : Geometry
    gain_limit : int
        Maximum of the enhancement gain: 100, or 1 in NEG models.
    neg : bool
        Also measure with a limit of 1.
    """

    def __init__(self, geometry: Geometry, gain_limit: int, *, neg: bool) -> None:
        self.geometry = geometry
        self.neg = neg
        self.planes = geometry.planes()
        self.bands = [geometry.band_arrays(s, np.int16 if s == 0 else np.int32) for s in range(4)]
        self.vif_limits = np.full((1, vif.LANES), float(gain_limit))
        self.adm_limits = np.stack([np.full(8, gain_limit, np.int64), np.ones(8, np.int64)])
        self.weights = [np.repeat(np.array(w, np.int64)[:, None], 8, axis=1) for w in adm.WEIGHTS]
        width = geometry.bands[0].width + 2 * adm.SLACK
        self.rows = [np.zeros((4, width), np.int32) for _ in range(10)]
        self.line = np.zeros((3, 8), np.int64)

    def features(self, reference: Reference, samples: Any, scratch: Scratch) -> Any:
        """Return the features of a frame.

        Parameters
        ----------
        reference : Reference
        samples : uint8 or uint16 array, (height, width)
        scratch : Scratch

        Returns
        -------
        float64 array, (1 or 2, 5)
            adm2 and vif_scale0 to vif_scale3; with `neg`, the second row has them for a gain limit of 1.
        """
        fill(samples, self.planes[0], self.geometry.layouts[0].phase_stride)
        pyramid(self.geometry, scratch, self.planes)
        transform(self.geometry, scratch, self.planes[0], self.bands)
        variants = 2 if self.neg else 1
        out = np.empty((variants, 5))
        for scale in range(4):
            out[:, 1 + scale] = self._vif(scale, reference, scratch.vif[scale])[:variants]
        parts = np.array([self._adm(scale, reference) for scale in range(4)])
        whole = sum(reference.adm_denominators)
        layout = self.geometry.layouts[0]
        # libvmaf treats smaller sums as 0
        min_sum = 1e-10 * layout.width * layout.height / (1920.0 * 1080.0)
        for n in range(variants):
            kept = float(parts[:, n].sum())
            kept, total = (0.0 if x < min_sum else x for x in (kept, whole))
            out[n, 0] = 1.0 if total == 0.0 else kept / total
        return out

    def _vif(self, scale: int, reference: Reference, scratch: dict[str, Any]) -> list[float]:
        geometry = self.geometry
        layout = geometry.layouts[scale]
        # table entries of the logarithms above and below the fraction, and above that of NEG
        entries, totals = np.zeros((3, 1), np.int64), np.zeros(4, np.int64)
        kernel = vif.KERNELS["rendition", scale, geometry.kinds[scale]]
        kernel(
            reference.planes[scale], self.planes[scale], layout.width, layout.height, layout.phase_stride, layout.count,
            geometry.shifts[scale], geometry.product_shifts[scale], vif.TABLE, self.neg, self.vif_limits,
            scratch["samples"], *scratch["products"], *scratch["joints"], scratch["means"],
            scratch["joint_upper"], scratch["joint_lower"], scratch["upper"], scratch["lower"],
            scratch["mu"], scratch["joint"], scratch["squares"],
            reference.means[scale], reference.sigmas[scale],
            scratch["above"], scratch["below"], scratch["above_neg"],
            scratch["lanes"], entries, totals,
        )  # fmt: skip
        # positions that are flat in the reference count as lost in proportion to the variance of the rendition there
        flat_variance = int(totals[0]) + 65536 * int(totals[1])
        lost = reference.flat_counts[scale] - (flat_variance / 16384.0) / 65025.0
        above, below, above_neg = (int(each) for each in entries[:, 0])
        logarithms = (int(totals[2]) + above - below, int(totals[3]) + above_neg - below)
        numerators = [np.float32(each / 2048.0 + lost) for each in logarithms]
        return [float(x / np.float32(reference.vif_denominators[scale])) for x in numerators]

    def _adm(self, scale: int, reference: Reference) -> list[float]:
        """Return the restored part of one scale, with the gain limit of the model and with 1."""
        band = self.geometry.bands[scale]
        is_first = scale == 0
        # shifts of the cubes, of the sums of rows, and the exponents that are left, as in libvmaf's integer ADM
        columns = math.ceil(math.log2(band.width))
        cubes = [math.ceil(math.log2(band.width) - bits) for bits in (4, 4, 3)] if is_first else [columns] * 3
        row = math.ceil(math.log2(band.height))
        units = (52, 52, 57) if is_first else ((45, 39, 36)[scale - 1],) * 3
        shifts = np.repeat(np.array(cubes, np.int64)[:, None], 8, axis=1)
        total = np.zeros((2, 3), np.int64)
        adm.NUMERATORS[is_first](
            *reference.bands[scale][:3], *self.bands[scale][:3], *reference.reciprocals[scale],
            *reference.shifts[scale], self.adm_limits, self.weights[scale], shifts, self.neg,
            band.width, band.height, band.left, band.top, row, *self.rows, self.line, total,
        )  # fmt: skip
        floor = cube_root(np.float32(band.area / 32))
        sums = []
        for n in range(2):
            part = np.float32(0)
            for b in range(3):
                part += cube_root(np.float32(int(total[n, b]) / 2.0 ** (units[b] - cubes[b] - row))) + floor
            sums.append(float(part))
        return sums
