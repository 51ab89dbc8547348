"""Drawing tools that all scenes share: noise tiles, text, blending, the frame size."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["Canvas", "Painter", "Size", "blend", "gradients", "letter", "noise_tile", "ramp", "ridge", "upscale"]

Canvas = NDArray[np.float32]
Painter = Callable[[Canvas, float], None]
"""Paints the frame of a scene at a time (s, from the start of its shot) over the whole canvas."""


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height of the frame in pixels, both even."""

    width: int
    height: int

    @property
    def aspect(self) -> float:
        """Width in heights."""
        return self.width / self.height

    def canvas(self, divisor: int = 1) -> Canvas:
        """Return a black canvas, `divisor` times smaller."""
        return np.zeros((self.height // divisor, self.width // divisor, 3), np.float32)


def noise_tile(seed: int, *, side: int = 1024, coarsest: int = 4, octaves: int = 7, gain: float = 0.5) -> Canvas:
    """Return a periodic tile of fractal value noise.

    Parameters
    ----------
    seed
        Names the tile.
    side
        Its side in pixels, a power of two.
    coarsest
        Cells along a side in the first octave, a power of two; every further octave doubles them.
    octaves, gain
        How many octaves, and how each one's amplitude follows from the one before.

    Returns
    -------
    Canvas
        (side, side), spread over 0 to 1.
    """
    rng = np.random.default_rng(seed)
    tile = np.zeros((side, side), np.float32)
    amplitude = 1.0
    for octave in range(octaves):
        cells = min(coarsest << octave, side)
        grid = rng.random((cells, cells), np.float32)
        margin = 4
        grid = np.pad(grid, margin, mode="wrap")
        zoom = side // cells
        grown = cv2.resize(grid, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
        tile += amplitude * grown[margin * zoom : margin * zoom + side, margin * zoom : margin * zoom + side]
        amplitude *= gain
    low, high = tile.min(), tile.max()
    return np.ascontiguousarray((tile - low) / (high - low))


def gradients(tile: Canvas) -> tuple[Canvas, Canvas]:
    """Return the periodic tile's slopes along x and y, each of unit standard deviation."""
    along_x = np.roll(tile, -1, 1) - np.roll(tile, 1, 1)
    along_y = np.roll(tile, -1, 0) - np.roll(tile, 1, 0)
    return along_x / along_x.std(), along_y / along_y.std()


def ridge(seed: int, count: int, *, span: float, rough: float = 0.5, octaves: int = 8) -> Canvas:
    """Return a skyline: `count` heights (0 to 1) of fractal noise over `span` coarsest cells."""
    rng = np.random.default_rng(seed)
    line = np.zeros(count, np.float64)
    position = np.linspace(0.0, span, count)
    for octave in range(octaves):
        knots = rng.random(int(span * 2**octave) + 3)
        place = position * 2**octave
        base = place.astype(int)
        part = place - base
        part = part * part * (3 - 2 * part)
        line += rough**octave * (knots[base] * (1 - part) + knots[base + 1] * part)
    line -= line.min()
    return (line / line.max()).astype(np.float32)


def ramp(stops: list[tuple[float, tuple[float, float, float]]], at: NDArray[np.floating]) -> Canvas:
    """Return colours along a gradient of (position, colour) stops."""
    places = [place for place, _ in stops]
    return np.stack([np.interp(at, places, [colour[c] for _, colour in stops]) for c in range(3)], -1).astype(
        np.float32
    )


def blend(canvas: Canvas, colour: Canvas | tuple[float, float, float], alpha: Canvas) -> None:
    """Blend `colour` over the canvas with the opacity `alpha` (height, width)."""
    weight = alpha[..., None]
    canvas += (np.asarray(colour, np.float32) - canvas) * weight


def upscale(small: Canvas, canvas: Canvas) -> None:
    """Fill the canvas with a smaller image, enlarged smoothly."""
    height, width = canvas.shape[:2]
    cv2.resize(small, (width, height), dst=canvas, interpolation=cv2.INTER_LINEAR)


def letter(
    size: Size, text: str, at: tuple[float, float], height: float, *, weight: int = 400, spacing: float = 0.0
) -> Canvas:
    """Return the coverage (0 to 1) of a line of text set in OpenCV's own sans.

    Parameters
    ----------
    size
        Of the picture.
    text
        One line.
    at
        Middle of the baseline, in picture heights.
    height
        Type size in picture heights.
    weight
        Of the variable font, 100 to 900.
    spacing
        Extra space after each letter, in type sizes.

    Returns
    -------
    Canvas
        (height, width) float32.
    """
    oversample = 4  # OpenCV positions text at whole pixels
    points = max(4, round(height * size.height * oversample))
    face = cv2.FontFace("sans")
    advances = [_advance(face, character, points, weight) + spacing * points for character in text]
    total = sum(advances) - spacing * points
    high = points * 2
    strip = np.zeros((high, int(total) + 2 * points), np.uint8)
    pen = float(points)
    for character, advance in zip(text, advances, strict=True):
        cv2.putText(strip, character, (round(pen), round(points * 1.4)), (255, 255, 255), face, points, weight)
        pen += advance
    shift = np.float32(
        [
            [1 / oversample, 0, at[0] * size.height - (points + total / 2) / oversample],
            [0, 1 / oversample, at[1] * size.height - points * 1.4 / oversample],
        ]
    )
    strip = cv2.blur(strip, (oversample, oversample))
    placed = cv2.warpAffine(strip, shift, (size.width, size.height), flags=cv2.INTER_LINEAR)
    return placed.astype(np.float32) / 255


def _advance(face: "cv2.FontFace", character: str, points: int, weight: int) -> float:
    # the bounding box of a single glyph has no side bearings, so measure it between two others
    def width(text: str) -> int:
        return int(cv2.getTextSize((0, 0), text, (0, 0), face, points, weight)[2])

    return width(f"|{character}|") - width("||")
