"""The features of a reference frame that every comparison with it needs, computed once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from vmaf.native.kernels import adm_kernels as adm
from vmaf.native.kernels import vif_kernels as vif
from vmaf.native.kernels import wavelet_kernels
from vmaf.native.kernels.motion_kernels import motion
from vmaf.native.polyphase import COLUMN_BORDER, Layout, fill

__all__ = ["Band", "Geometry", "Reference", "Scratch", "cube_root", "pyramid", "transform"]


@dataclass(frozen=True, slots=True)
class Band:
    """Size and crop of a wavelet scale: the outer tenth on every side is cropped."""

    width: int
    height: int
    left: int
    top: int

    @classmethod
    def of(cls, width: int, height: int) -> Band:
        """Return the band of this size."""
        return cls(width, height, int(width * 0.1 - 0.5), int(height * 0.1 - 0.5))

    @property
    def area(self) -> int:
        """Coefficients within the crop."""
        return (self.width - 2 * self.left) * (self.height - 2 * self.top)


class Geometry:
    """Sizes, layouts and shifts of every scale, for frames of one size and bit depth.

    Parameters
    ----------
    width, height : int
    depth : int
        Bits of a sample, 8 to 12.
    """

    def __init__(self, width: int, height: int, depth: int) -> None:
        self.depth = depth
        self.layouts = [Layout.of(width, height)]
        for _ in range(3):
            self.layouts.append(self.layouts[-1].half())
        self.bands = []
        for _ in range(4):
            width, height = (width + 1) // 2, (height + 1) // 2
            self.bands.append(Band.of(width, height))
        shallow = depth == 8
        self.kinds = ("shallow" if shallow else "deep", "deep", "deep", "deep")
        self.sample = np.uint8 if shallow else np.uint16
        # right shifts of filtered samples and of filtered products
        self.shifts = (depth, 16, 16, 16)
        self.product_shifts = (2 * (depth - 8), 16, 16, 16)

    def planes(self) -> list[Any]:
        """Return empty planes of the four scales of VIF."""
        kinds = (self.sample, np.uint16, np.uint16, np.uint16)
        return [layout.empty(kind) for layout, kind in zip(self.layouts, kinds, strict=True)]

    def band_arrays(self, scale: int, dtype: Any) -> list[Any]:
        """Return empty arrays for the three detail bands and, last, the smooth band."""
        band = self.bands[scale]
        width = (2 * self.layouts[0].count if scale == 0 else band.width) + adm.SLACK
        return [np.zeros((band.height, width), dtype) for _ in range(4)]


class Scratch:
    """Scratch memory of one thread for the kernels."""

    def __init__(self, geometry: Geometry) -> None:
        self.vif = [self._vif(geometry, scale) for scale in range(4)]
        layout = geometry.layouts[0]
        self.low, self.high = layout.rows(1, np.int16), layout.rows(1, np.int16)
        self.line_low, self.line_high = (np.zeros(geometry.bands[0].width + adm.SLACK, np.int64) for _ in range(2))
        self.shrunk = layout.rows(1, np.uint16)
        self.blurred = layout.rows(1, np.int32)
        self.sizes = np.zeros((4, layout.count + 64))

    @staticmethod
    def _vif(geometry: Geometry, scale: int) -> dict[str, Any]:
        layout, halves = geometry.layouts[scale], 1 if geometry.kinds[scale] == "shallow" else 2
        # each block of columns is stored with all its rows, two rows as pairs
        blocks = layout.row_stride // vif.LANES, 2 * vif.LANES * vif.pair_rows(scale)
        pairs = vif.ROWS, 2 * (2 * layout.phase_stride + COLUMN_BORDER)
        return {
            "samples": np.zeros(blocks, np.int16),
            "products": [np.zeros(blocks, np.int16) for _ in range(halves)],
            "joints": [np.zeros(blocks, np.int16) for _ in range(halves)],
            **{name: np.zeros(pairs, np.int16) for name in ("means", "upper", "lower", "joint_upper", "joint_lower")},
            **{name: np.zeros((1, 4 * layout.count), np.uint32) for name in ("mu", "joint", "squares")},
            # indices of this row and of the one before
            **{n: np.zeros((2, 4 * layout.count), np.uint16) for n in ("above", "below", "above_neg")},
            "lanes": np.zeros((4, vif.LANES), np.int32),
        }


def pyramid(geometry: Geometry, scratch: Scratch, planes: list[Any]) -> None:
    """Compute the other three scales of VIF from the first."""
    for scale in range(3):
        layout, below = geometry.layouts[scale], geometry.layouts[scale + 1]
        kernel = vif.KERNELS["shrink", scale, geometry.kinds[scale]]
        kernel(
            planes[scale], planes[scale + 1], layout.height, layout.phase_stride, layout.count, below.phase_stride,
            geometry.shifts[scale], scratch.shrunk, layout.width,
        )  # fmt: skip


def transform(geometry: Geometry, scratch: Scratch, plane: Any, bands: list[list[Any]]) -> None:
    """Compute the wavelet bands (h, v, d, and the smooth one) of four scales."""
    layout = geometry.layouts[0]
    h, v, d, a = bands[0]
    wavelet_kernels.wavelet_first(
        plane, layout.width, layout.height, geometry.depth, layout.phase_stride, layout.count,
        scratch.low, scratch.high, a, v, h, d,
    )  # fmt: skip
    for scale in (1, 2, 3):
        above = geometry.bands[scale - 1]
        down, along = ((0, 15), (16, 16), (16, 15))[scale - 1]
        h, v, d, a = bands[scale]
        wavelet_kernels.wavelet(
            bands[scale - 1][3], above.width, above.height, down, along,
            scratch.line_low, scratch.line_high, a, v, h, d,
        )  # fmt: skip


class Reference:
    """A reference frame with the features that comparisons need.

    Attributes
    ----------
    vif_denominators : list of float
        By scale.
    adm_denominators : list of float
        By scale, for the bands h, v, d together.
    """

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry
        self.planes = geometry.planes()
        # each row has its four phases one after another
        self.means = [np.zeros((layout.height, 4 * layout.count), np.uint32) for layout in geometry.layouts]
        self.sigmas = [np.zeros_like(mean, np.int32) for mean in self.means]
        self.bands = [geometry.band_arrays(s, np.int16 if s == 0 else np.int32) for s in range(4)]
        self.reciprocals = [geometry.band_arrays(s, np.int32)[:3] for s in range(4)]
        self.shifts = [geometry.band_arrays(s, np.int32)[:3] for s in range(4)]
        self.vif_denominators = [0.0] * 4
        self.flat_counts = [0] * 4
        self.adm_denominators = [0.0] * 4

    def fill(self, samples: Any) -> None:
        """Store a frame, (height, width) samples; `motion_from` needs no more than this."""
        fill(samples, self.planes[0], self.geometry.layouts[0].phase_stride)

    def prepare(self, scratch: Scratch) -> None:
        """Compute the features of the stored frame that comparisons need."""
        geometry = self.geometry
        pyramid(geometry, scratch, self.planes)
        for scale in range(4):
            self._vif(scale, scratch.vif[scale])
        transform(geometry, scratch, self.planes[0], self.bands)
        for scale in range(4):
            self._adm(scale)

    def motion_from(self, before: Reference, scratch: Scratch) -> float:
        """Return the motion between the previous frame and this one."""
        layout = self.geometry.layouts[0]
        total = motion(
            before.planes[0], self.planes[0], layout.width, layout.height, layout.phase_stride, layout.count,
            self.geometry.depth, scratch.blurred, scratch.sizes,
        )  # fmt: skip
        return float(total) / 256.0 / (layout.width * layout.height)

    def _vif(self, scale: int, scratch: dict[str, Any]) -> None:
        geometry = self.geometry
        layout = geometry.layouts[scale]
        entries, totals = np.zeros((1, 1), np.int64), np.zeros(4, np.int64)
        kernel = vif.KERNELS["reference", scale, geometry.kinds[scale]]
        kernel(
            self.planes[scale], layout.width, layout.height, layout.phase_stride, layout.count, geometry.shifts[scale],
            geometry.product_shifts[scale], vif.TABLE, scratch["samples"], *scratch["products"], scratch["means"],
            scratch["upper"], scratch["lower"], scratch["mu"], scratch["squares"], scratch["above"],
            self.means[scale], self.sigmas[scale], scratch["lanes"], entries, totals,
        )  # fmt: skip
        self.flat_counts[scale] = int(totals[1]) - layout.height * (4 * layout.count - layout.width)
        logarithms = int(totals[0] + entries[0, 0])
        self.vif_denominators[scale] = float(np.float32(logarithms / 2048.0 + self.flat_counts[scale]))

    def _adm(self, scale: int) -> None:
        band = self.geometry.bands[scale]
        right, bottom = band.width - band.left, band.height - band.top
        total = np.float32(0)
        for b in range(3):
            coefficients = self.bands[scale][b]
            adm.divide(coefficients, band.width, band.height, self.reciprocals[scale][b], self.shifts[scale][b])
            square, half, cube, row, unit = _energy_shifts(band, scale, b)
            acc = adm.energy(coefficients, band.top, bottom, band.left, right, square, half, cube, row)
            factor = adm.SENSITIVITY[scale][2 if b == 2 else 0]
            total += cube_root(np.float32(int(acc) / 2.0**unit * factor**3)) + cube_root(np.float32(band.area / 32))
        self.adm_denominators[scale] = float(total)


def _energy_shifts(band: Band, scale: int, b: int) -> tuple[int, int, int, int, int]:
    """Return the shifts of libvmaf's denominator: square, its rounding, cube, row, and the rest as an exponent of 2."""
    if scale == 0:
        row = max(math.ceil(math.log2(band.area) - 20), 0)
        return 0, 0, 0, row, 18 - row
    square = (31, 30, 31)[scale - 1]
    cube = math.ceil(math.log2(band.width - 2 * band.left))
    row = math.ceil(math.log2(band.height - 2 * band.top))
    # libvmaf rounds by a whole unit, not by half of one
    return square, 1 << square, cube, row, (32, 27, 23)[scale - 1] - row - cube


def cube_root(value: Any) -> Any:
    """Return the power of a single-precision 1/3, correctly rounded to single precision."""
    return np.float32(float(value) ** float(np.float32(1.0 / 3.0)))
