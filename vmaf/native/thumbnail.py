"""Thumbnails of frames, by which `vmaf.alignment.frame_content` finds duplicated frames."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vmaf.native.kernels.thumbnail_kernel import block_sums
from vmaf.native.polyphase import Layout

__all__ = ["thumbnail"]

#: rows, and columns, of the smallest VIF scale that are averaged to one value; chosen by hand, not tuned
BLOCK = 4


def thumbnail(plane: NDArray[Any], layout: Layout) -> NDArray[np.float32]:
    """Return the block means of the smallest VIF scale of a frame.

    Parameters
    ----------
    plane : uint16 array
        The scale in polyphase layout.
    layout : Layout

    Returns
    -------
    float32 array, (height / 4, width / 4) of the scale
        Luma, 0 to 1.
    """
    lines = min(BLOCK, layout.height)
    sums = np.empty((max(layout.height // BLOCK, 1), max(layout.width // BLOCK, 1)), np.int64)
    block_sums(plane, layout.phase_stride, lines, sums)
    return (sums / (lines * BLOCK * 65535.0)).astype(np.float32)
