"""The matrix by which RGB becomes luma and chroma, so that both sides of a comparison are converted alike."""

from __future__ import annotations

import av

from encoder import Source
from vmaf.errors import MeasureError

__all__ = ["is_full_range", "is_rgb", "rgb_matrix"]

#: FFmpeg's name of the matrix of a video -> its name in the option of the scale filter
MATRICES = {
    "bt709": "bt709",
    "fcc": "fcc",
    "bt470bg": "bt470bg",
    "smpte170m": "smpte170m",
    "smpte240m": "smpte240m",
    "bt2020nc": "bt2020",
}
#: that of a video that states none: FFmpeg's default for RGB without tags
DEFAULT_MATRIX = "smpte170m"
#: that of two videos in RGB
BOTH_RGB_MATRIX = "bt709"


def is_rgb(video: Source) -> bool:
    """Return whether the frames of a video are RGB or have a palette of RGB."""
    pixels = av.VideoFormat(video.pixel_format)
    return bool(pixels.is_rgb or pixels.has_palette)


def is_full_range(video: Source) -> bool:
    """Return whether the samples of a video use the full range; FFmpeg takes grey without tags for full range."""
    if video.colour.range is None:
        return video.pixel_format.startswith(("gray", "ya"))
    return video.colour.range == "pc"


def rgb_matrix(other: Source) -> str:
    """Return the matrix for RGB that is compared with another video, as the option of the scale filter.

    Raises
    ------
    MeasureError
        The other video states a matrix that FFmpeg does not convert RGB to.
    """
    if is_rgb(other):
        return BOTH_RGB_MATRIX
    matrix = other.colour.matrix
    if matrix is None:
        return DEFAULT_MATRIX
    if matrix not in MATRICES:
        raise MeasureError(f"{other.path}: RGB cannot be compared with a video of the matrix {matrix}")
    return MATRICES[matrix]
