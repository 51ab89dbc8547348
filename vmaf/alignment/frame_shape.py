"""Upright sizes and shapes of videos, which must agree before frames are scaled to one size."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from encoder import Source
from vmaf.errors import MeasureError, PairingError

__all__ = ["check_shape", "crop_in_samples", "display_size", "screen_size"]

#: largest relative difference of two aspect ratios; chosen by hand: heights of renditions are rounded, to 16 in some
#: encoders, and 1.85:1 in 16:9 differs by 4 %
MAX_ASPECT_DIFFERENCE = 0.03
#: rounding of each side of a rendition, samples; encoders need even sides
SIDE_ROUNDING = 2


def display_size(source: Source) -> tuple[int, int]:
    """Return the size of a video upright and in square pixels; odd sides stay odd if its pixels are square already."""
    if source.sample_aspect_ratio != 1:
        return source.display_size
    return _upright(source)


def screen_size(size: tuple[int, int], rows: int | None) -> tuple[int, int]:
    """Return a size scaled to a 16:9 screen with `rows` rows, or as it is if `rows` is None.

    The screen is turned upright for an upright video.
    """
    if rows is None:
        return size
    scale = min(Fraction(rows, min(size)), Fraction(rows * 16, 9 * max(size)))
    width, height = (round(side * scale / 2) * 2 for side in size)
    return width, height


def check_shape(reference: Source, shown: tuple[int, int], renditions: Sequence[Source]) -> None:
    """Raise when a rendition has another aspect ratio than the part of the reference that it shows.

    A rendition that lost the shape of its pixels is compared by its samples.

    Raises
    ------
    PairingError
        The aspect ratios differ by more than rounding: one side has bars, or is cropped or stretched.
    """
    for rendition in renditions:
        size = display_size(rendition)
        as_stored = _upright(reference), _upright(rendition)
        if not (_is_alike(shown, size) or (shown == display_size(reference) and _is_alike(*as_stored))):
            fitted = (
                min(shown[0], round(shown[1] * size[0] / size[1])),
                min(shown[1], round(shown[0] * size[1] / size[0])),
            )
            raise PairingError(
                f"{rendition.path}: {size[0]}x{size[1]} has another aspect ratio than {shown[0]}x{shown[1]} of"
                f" {reference.path}, so that frames do not match; if the reference has bars, crop it"
                f" (--crop {fitted[0]}x{fitted[1]})"
            )


def crop_in_samples(reference: Source, crop: tuple[int, int] | None) -> tuple[int, int] | None:
    """Return a crop in samples of the upright reference.

    Raises
    ------
    MeasureError
        The crop is larger than the reference.
    """
    if crop is None:
        return None
    shown, stored = display_size(reference), _upright(reference)
    if not all(0 < part <= whole for part, whole in zip(crop, shown, strict=True)):
        raise MeasureError(f"a crop of {crop[0]}x{crop[1]} is not within {shown[0]}x{shown[1]} of {reference.path}")
    width, height = (round(part * samples / whole) for part, samples, whole in zip(crop, stored, shown, strict=True))
    return width, height


def _upright(source: Source) -> tuple[int, int]:
    size = (source.width, source.height)
    return size[::-1] if source.rotation % 180 else size


def _is_alike(one: tuple[int, int], other: tuple[int, int]) -> bool:
    difference = abs(one[0] * other[1] / (one[1] * other[0]) - 1)
    rounding = SIDE_ROUNDING * max(1 / size[0] + 1 / size[1] for size in (one, other))
    return difference <= max(MAX_ASPECT_DIFFERENCE, rounding)
