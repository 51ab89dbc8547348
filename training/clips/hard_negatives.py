"""Hard negatives: effects within one shot that detectors take for cuts, generated from a seed.

Each function takes (rng, size, frames) and returns a `HardNegative`: a camera path, an effect on each frame, and the
frames that are brightened.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from samples.painting import Canvas, Size

__all__ = ["HARD_NEGATIVES", "HardNegative"]


@dataclass(frozen=True, slots=True)
class HardNegative:
    """An effect within one shot.

    Attributes
    ----------
    path : callable, optional
        Returns the position of the camera (x, y in frame heights, zoom factor) at a frame.
    effect : callable, optional
        Returns frame k with the effect applied.
    flashes : tuple of (int, int)
        Ranges [start, stop) of frames that are brightened.
    crf : float, optional
        CRF of the encode; by default the clip chooses.
    """

    path: Callable[[int], tuple[float, float, float]] | None = None
    effect: Callable[[Canvas, int], Canvas] | None = None
    flashes: tuple[tuple[int, int], ...] = ()
    crf: float | None = None


def flash(rng: np.random.Generator, _size: Size, frames: int) -> HardNegative:
    """Make one to four flashes of one to four frames, whole picture or a part of it, up to all white."""
    power, flashes = np.zeros(frames), []
    for first in np.sort(rng.choice(np.arange(12, frames - 16), int(rng.integers(1, 5)), replace=False)):
        length = int(rng.integers(1, 5))
        if flashes and first < flashes[-1][1] + 6:
            continue
        power[first : first + length] = rng.uniform(0.35, 1.0) * rng.uniform(0.4, 1.0, length)
        flashes.append((int(first), int(first) + length))
    tint = 1 - rng.uniform(0, 0.25, 3).astype(np.float32)
    return HardNegative(effect=lambda p, k: p + (tint - p) * np.float32(power[k]), flashes=tuple(flashes))


def strobe(rng: np.random.Generator, _size: Size, frames: int) -> HardNegative:
    """Make a strobe: light every few frames for a second or more, black or bright between."""
    period, begin = int(rng.integers(2, 6)), int(rng.integers(10, 30))
    end = min(frames - 10, begin + int(rng.integers(24, 72)))
    high, low = rng.uniform(0.4, 0.9), rng.uniform(0.25, 1.0)

    def effect(picture: Canvas, k: int) -> Canvas:
        if not begin <= k < end:
            return picture
        return picture + (1 - picture) * np.float32(high) if (k - begin) % period == 0 else picture * np.float32(low)

    return HardNegative(effect=effect, flashes=tuple((k, k + 1) for k in range(begin, end, period)))


def fast_pan(rng: np.random.Generator, size: Size, frames: int) -> HardNegative:
    """Make a whip pan that ends where it rests: up to a third of the frame's width a frame, smeared by its shutter."""
    begin, length = int(rng.integers(15, frames // 2)), int(rng.integers(5, 16))
    reach = rng.choice([-1, 1]) * rng.uniform(0.6, 1.5) * size.aspect * (0.4 if length < 8 else 1.0)

    def place(k: float) -> float:
        part = np.clip((k - begin) / length, 0, 1)
        return float(reach * part * part * (3 - 2 * part))

    def effect(picture: Canvas, k: int) -> Canvas:
        smear = int(abs(place(k + 0.25) - place(k - 0.25)) * size.height)
        return cv2.blur(picture, (smear, 1)) if smear > 1 else picture

    return HardNegative(path=lambda k: (place(k), 0.0, 1.0), effect=effect)


def explosion(rng: np.random.Generator, size: Size, frames: int) -> HardNegative:
    """Light a ball of fire that fills the picture in a few frames and burns out over a second."""
    begin, growth, fade = int(rng.integers(15, frames // 2)), rng.uniform(1.5, 6), rng.uniform(10, 30)
    x, y = rng.uniform(0.2, 0.8) * size.width, rng.uniform(0.3, 0.8) * size.height
    grid_y, grid_x = np.mgrid[0 : size.height, 0 : size.width].astype(np.float32)
    far = np.hypot(grid_x - x, grid_y - y) / size.height
    tongues = rng.random((9, 16)).astype(np.float32)
    rough = cv2.resize(tongues, (size.width, size.height), interpolation=cv2.INTER_CUBIC)
    sparks = rng.normal(0, 1, (160, 2))

    def effect(picture: Canvas, k: int) -> Canvas:
        age = k - begin
        if age < 0:
            return picture
        radius = 0.9 * (1 - np.exp(-(age + 1) / growth))
        power = np.exp(-age / fade)
        ball = np.clip((radius * (0.7 + 0.6 * rough) - far) * 6, 0, 1) * np.float32(power)
        heat = np.stack(
            [np.clip(1.6 * ball, 0, 1), np.clip(1.5 * ball - 0.3, 0, 1), np.clip(1.4 * ball - 0.7, 0, 1)], -1
        )
        out = picture * (1 - 0.8 * ball[..., None]) + heat + np.float32(0.25 * power)
        for sx, sy in sparks:
            reach = age * 0.02 * size.height
            at = (int(x + sx * reach), int(y + sy * reach + 0.02 * age * age))
            cv2.circle(out, at, 1, (1.0, float(0.7 * power), 0.2), -1)
        return out

    def path(k: int) -> tuple[float, float, float]:
        power = 0.03 * np.exp(-max(k - begin, 0) / 8) * (k >= begin)
        return float(power * np.sin(2.9 * k)), float(power * np.cos(4.1 * k)), 1.0

    return HardNegative(path=path, effect=effect, flashes=((begin, min(frames - 1, begin + int(fade)) + 1),))


def shake(rng: np.random.Generator, _size: Size, frames: int) -> HardNegative:
    """Run with the camera: a walk of up to a tenth of the height a frame."""
    strength = rng.uniform(0.02, 0.10)
    walk = np.convolve(rng.normal(0, 1, 2 * frames + 8), [0.25, 0.5, 0.25], "same").reshape(2, -1) * strength
    return HardNegative(path=lambda k: (float(walk[0, k]), float(walk[1, k]), 1.0))


def caption(rng: np.random.Generator, size: Size, frames: int) -> HardNegative:
    """Show titles, lower thirds and subtitles that come and go over the running shot, at once or fading."""
    events = []
    for _ in range(int(rng.integers(2, 6))):
        first = int(rng.integers(5, frames - 20))
        events.append((first, first + int(rng.integers(15, 60)), int(rng.choice([1, 1, 6])), _sign(rng, size)))

    def effect(picture: Canvas, k: int) -> Canvas:
        for first, last, ramp, (cover, colour) in events:
            weight = np.clip(min(k - first + 1, last - k) / ramp, 0, 1)
            if weight > 0:
                picture = picture + (colour - picture) * (cover * np.float32(weight))[..., None]
        return picture

    return HardNegative(effect=effect)


def _sign(rng: np.random.Generator, size: Size) -> tuple[Canvas, Canvas]:
    cover = np.zeros((size.height, size.width), np.float32)
    colour = np.ones((size.height, size.width, 3), np.float32)
    top = int(rng.uniform(0.1, 0.75) * size.height)
    if rng.random() < 0.6:
        deep = int(rng.uniform(0.15, 0.4) * size.height)
        left = int(rng.uniform(0, 0.3) * size.width)
        cover[top : top + deep, left:] = 0.85
        colour[top : top + deep, left:] = rng.random(3) * 0.5
    text = "".join(rng.choice(list("ABCDEFGHIKLMNOPRSTU  "), int(rng.integers(6, 26))))
    points = int(rng.uniform(0.06, 0.18) * size.height)
    ink = np.zeros((size.height, size.width, 3), np.uint8)
    cv2.putText(
        ink, text, (int(0.06 * size.width), top + 2 * points), (255, 255, 255), cv2.FontFace("sans"), points, 500
    )
    letters = ink[..., 0].astype(np.float32) / 255
    colour += (1 - colour) * letters[..., None]
    return np.maximum(cover, letters), colour


def compression(rng: np.random.Generator, _size: Size, _frames: int) -> HardNegative:
    """Starve the encoder, nothing else: blocks, and keyframes that pop."""
    return HardNegative(crf=float(rng.uniform(38, 48)))


def occlusion(rng: np.random.Generator, size: Size, frames: int) -> HardNegative:
    """Let something close and large cross the whole picture in a few frames, once or twice."""
    begins = [int(b) for b in rng.integers(12, frames - 24, int(rng.integers(1, 3)))]
    length, broad = int(rng.integers(4, 14)), rng.uniform(0.5, 1.2)
    coat = rng.random(3).astype(np.float32) * np.float32(rng.uniform(0.1, 0.9))
    weave = cv2.resize(rng.random((24, 32)).astype(np.float32), (size.width, size.height))[..., None]
    way = rng.choice([-1, 1])
    across = np.arange(size.width, dtype=np.float32)[None, :] / size.width
    bulge = 0.12 * np.sin(np.linspace(0, np.pi, size.height, dtype=np.float32))[:, None]

    def effect(picture: Canvas, k: int) -> Canvas:
        for begin in begins:
            part = (k - begin) / length
            if 0 <= part <= 1:
                middle = -broad / 2 - 0.15 + part * (1.3 + broad)
                middle = middle if way > 0 else 1 - middle
                cover = np.clip((broad / 2 + bulge - np.abs(across - middle)) * 18, 0, 1)[..., None]
                picture = picture + (coat * (0.75 + 0.5 * weave) - picture) * cover
        return picture

    return HardNegative(effect=effect)


def zoom(rng: np.random.Generator, _size: Size, frames: int) -> HardNegative:
    """Make a crash zoom, in or out, up to three times within a third of a second."""
    begin, length = int(rng.integers(15, frames - 30)), int(rng.integers(6, 24))
    factor = float(rng.uniform(1.5, 3.0)) ** float(rng.choice([-0.6, 1.0]))

    def path(k: int) -> tuple[float, float, float]:
        part = np.clip((k - begin) / length, 0, 1)
        return 0.0, 0.0, float(factor ** (part * part * (3 - 2 * part)))

    return HardNegative(path=path)


def flicker(rng: np.random.Generator, _size: Size, frames: int) -> HardNegative:
    """Imitate a bad lamp: every frame's brightness differs by up to a third; sometimes it steps and stays."""
    gain = 1 + rng.uniform(0.05, 0.33) * rng.uniform(-1, 1, frames)
    if rng.random() < 0.5:
        gain[int(rng.integers(20, frames - 20)) :] *= rng.choice([0.55, 0.7, 1.35])
    return HardNegative(effect=lambda p, k: p * np.float32(gain[k]))


HARD_NEGATIVES: dict[str, Callable[[np.random.Generator, Size, int], HardNegative]] = {
    negative.__name__: negative
    for negative in (flash, strobe, fast_pan, explosion, shake, caption, compression, occlusion, zoom, flicker)
}
"""Every hard negative of this module by name."""
