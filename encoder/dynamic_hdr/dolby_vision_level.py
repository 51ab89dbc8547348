"""The level of Dolby Vision by size and frame rate."""

from __future__ import annotations

from fractions import Fraction

__all__ = ["find_level"]

#: Max pixels per second and max width of each level, from 1 (Dolby Vision Profiles and Levels 1.4, table 4).
_LEVELS = (
    (1280 * 720 * 24, 1280),
    (1280 * 720 * 30, 1280),
    (1920 * 1080 * 24, 1920),
    (1920 * 1080 * 30, 2560),
    (1920 * 1080 * 60, 3840),
    (3840 * 2160 * 24, 3840),
    (3840 * 2160 * 30, 3840),
    (3840 * 2160 * 48, 3840),
    (3840 * 2160 * 60, 3840),
    (3840 * 2160 * 120, 3840),
    (3840 * 2160 * 120, 7680),
    (7680 * 4320 * 60, 7680),
    (7680 * 4320 * 120, 7680),
)


def find_level(size: tuple[int, int], frame_rate: Fraction) -> int:
    """Return the lowest level of a rendition, the highest one if it exceeds all.

    Examples
    --------
    >>> find_level((1920, 1080), Fraction(24000, 1001)), find_level((3840, 2160), Fraction(25))
    (3, 7)
    """
    width, height = size
    rate = width * height * frame_rate
    for level, (max_rate, max_width) in enumerate(_LEVELS, 1):
        if rate <= max_rate and max(size) <= max_width:
            return level
    return len(_LEVELS)
