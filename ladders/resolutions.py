"""Candidate resolutions of a source."""

from __future__ import annotations

from fractions import Fraction

__all__ = ["candidate_sizes"]

#: Common heights of 16:9 video; video of another aspect ratio is scaled to fit into the same 16:9 box.
STANDARD_HEIGHTS = (2160, 1440, 1080, 720, 540, 432, 360, 234)


def candidate_sizes(display: tuple[int, int], max_height: int | None = None) -> dict[int, tuple[int, int]]:
    """Return the candidate sizes by nominal height, tallest first.

    Parameters
    ----------
    display : (int, int)
        Size of the source in square pixels after rotation.
    max_height : int, optional
        Maximum nominal height.

    Returns
    -------
    dict
        From nominal height (of the 16:9 box that the video fits into) to (width, height), both even. The size of the
        source is the first, unless `max_height` excludes it; larger sizes are not included.

    Examples
    --------
    >>> candidate_sizes((1280, 720))
    {720: (1280, 720), 540: (960, 540), 432: (768, 432), 360: (640, 360), 234: (416, 234)}
    >>> candidate_sizes((1280, 544))[360]
    (640, 272)
    """
    width, height = display
    landscape = (width, height) if width >= height else (height, width)
    nominal = max(Fraction(landscape[1]), Fraction(landscape[0] * 9, 16))
    own = round(nominal)
    # a size hardly smaller than that of the source is not a useful candidate
    heights = [own, *(h for h in STANDARD_HEIGHTS if h < own * 0.9)]
    # a maximum below all of them is the only height
    kept = heights if max_height is None else [h for h in heights if h <= max_height] or [max_height]
    return {h: display if h == own else (_even(width * h / nominal), _even(height * h / nominal)) for h in kept}


def _even(length: Fraction) -> int:
    return max(2, 2 * round(length / 2))
