"""Thumbnails of frames, by which `vmaf.alignment.frame_content` finds duplicated frames."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vmaf.native.polyphase import COLUMN_BORDER, ROW_BORDER, Layout

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
    columns = layout.width // 4
    inside = plane[ROW_BORDER : ROW_BORDER + layout.height, : 4 * layout.phase_stride]
    phases = inside.reshape(layout.height, 4, layout.phase_stride)
    lines = phases[:, :, COLUMN_BORDER : COLUMN_BORDER + max(columns, 1)].mean(axis=1)
    rows = max(layout.height // BLOCK, 1)
    blocks = lines[: rows * min(BLOCK, layout.height)].reshape(rows, -1, lines.shape[1])
    means: NDArray[np.float32] = (blocks.mean(axis=1) / 65535.0).astype(np.float32)
    return means
