"""The contact sheet: an image with the first, middle and last frame of every shot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from encoder import Source, SourceError, decode
from ladders import Shot
from shotladder.report.frame_images import to_upright_bgr
from shotladder.reporter import Advance

__all__ = ["write_contact_sheet"]

#: Height of a frame, space between frames, and height of a caption, pixels. All values here are chosen by hand.
_HEIGHT = 72
_GAP = 6
_CAPTION = 16
#: Shots per row.
_COLUMNS = 4
#: Colour of captions (BGR) and grey level of the background.
_INK = (230, 230, 230)
_BACKGROUND = 24
_FONT = cv2.FONT_HERSHEY_SIMPLEX
#: Font size relative to the base size of the font.
_SCALE = 0.4


def write_contact_sheet(source: Source, shots: Sequence[Shot], path: Path, progress: Advance | None = None) -> None:
    """Write an image with three frames of every shot, left to right, top to bottom.

    Raises
    ------
    SourceError
        If the image cannot be written.
    """
    wide, high = source.display_size
    width = max(8, round(_HEIGHT * wide / high))
    captions = [
        f"{n}  {float(source.time(shot.start)):.2f} s  {shot.start}-{shot.stop - 1}  {shot.transition}"
        for n, shot in enumerate(shots, 1)
    ]
    # three frames of an upright video are narrower than the caption
    widest = max(cv2.getTextSize(text, _FONT, _SCALE, 1)[0][0] for text in captions)
    cell = (max(3 * width, widest) + _GAP, _HEIGHT + _CAPTION + _GAP)
    columns = min(_COLUMNS, len(shots))
    rows = -(-len(shots) // columns)
    sheet = np.full((rows * cell[1] + _GAP, columns * cell[0] + _GAP, 3), _BACKGROUND, np.uint8)
    positions: dict[int, list[tuple[int, int]]] = {}
    for n, shot in enumerate(shots):
        y, x = _GAP + n // columns * cell[1], _GAP + n % columns * cell[0]
        for k, number in enumerate((shot.start, (shot.start + shot.stop) // 2, shot.stop - 1)):
            positions.setdefault(number, []).append((y + _CAPTION, x + k * width))
        cv2.putText(sheet, captions[n], (x, y + _CAPTION - 4), _FONT, _SCALE, _INK, 1, cv2.LINE_AA)
    for frame in decode(source, on_undecodable=lambda start, stop: None):
        for y, x in positions.get(frame.number, ()):
            sheet[y : y + _HEIGHT, x : x + width] = to_upright_bgr(frame, source, (width, _HEIGHT))
        if progress is not None and frame.number % 64 == 0:
            progress(frame.number, source.frame_count)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), sheet):
        raise SourceError(f"{path}: the contact sheet cannot be written there")
