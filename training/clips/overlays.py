"""What lies over a whole clip, its transitions too: black bars, a logo, a ticker; or no colour at all."""

from collections.abc import Callable

import cv2
import numpy as np

from samples.painting import Canvas, Size

__all__ = ["Overlay", "choose_overlay"]

Overlay = Callable[[Canvas, int], Canvas]
"""Frame k of a clip as it is broadcast."""


def choose_overlay(rng: np.random.Generator, size: Size) -> Overlay:
    """Choose what a clip wears; two in three wear nothing."""
    kind = str(rng.choice(list(_SHARES), p=list(_SHARES.values())))
    return {"none": _none, "grey": _grey, "bars": _bars, "logo": _logo, "ticker": _ticker}[kind](rng, size)


_SHARES = {"none": 0.64, "grey": 0.1, "bars": 0.1, "logo": 0.1, "ticker": 0.06}


def _none(_rng: np.random.Generator, _size: Size) -> Overlay:
    return lambda picture, k: picture


def _grey(_rng: np.random.Generator, _size: Size) -> Overlay:
    weights = np.array([0.2126, 0.7152, 0.0722], np.float32)
    return lambda picture, k: (picture @ weights)[..., None].repeat(3, -1)


def _bars(rng: np.random.Generator, size: Size) -> Overlay:
    window = np.zeros((size.height, size.width, 1), np.float32)
    deep, wide = (rng.uniform(0.06, 0.14), 0.0) if rng.random() < 0.7 else (0.0, rng.uniform(0.08, 0.2))
    top, left = int(deep * size.height), int(wide * size.width)
    window[top : size.height - top, left : size.width - left] = 1
    return lambda picture, k: picture * window


def _logo(rng: np.random.Generator, size: Size) -> Overlay:
    ink = np.zeros((size.height, size.width, 1), np.float32)
    side = int(rng.uniform(0.05, 0.1) * size.height)
    corner = (int(rng.choice([2, size.width - 3]) * 1.0), int(rng.choice([0.14, 0.86]) * size.height))
    x = corner[0] + (2 * side if corner[0] < size.width // 2 else -2 * side)
    cv2.circle(ink, (x, corner[1]), side, 1.0, -1, cv2.LINE_AA)
    cv2.circle(ink, (x, corner[1]), side // 2, 0.3, -1, cv2.LINE_AA)
    cover, colour = ink * np.float32(rng.uniform(0.5, 1.0)), rng.uniform(0.3, 1.0, 3).astype(np.float32)
    return lambda picture, k: picture + (colour - picture) * cover


def _ticker(rng: np.random.Generator, size: Size) -> Overlay:
    deep, pace = int(rng.uniform(0.08, 0.16) * size.height), rng.uniform(0.5, 4)
    band = np.zeros((deep, 4 * size.width, 3), np.uint8)
    text = "".join(rng.choice(list("ABCDEFGHIKLMNOPRSTU  "), 80))
    cv2.putText(band, text, (0, int(0.75 * deep)), (255, 255, 255), cv2.FontFace("sans"), max(4, int(0.6 * deep)), 500)
    ground, ink = rng.uniform(0, 0.5, 3).astype(np.float32), band.astype(np.float32) / 255

    def dress(picture: Canvas, k: int) -> Canvas:
        start = int(pace * k) % (3 * size.width)
        out = picture.copy()
        letters = ink[:, start : start + size.width]
        out[size.height - deep :] = ground + (1 - ground) * letters
        return out

    return dress
