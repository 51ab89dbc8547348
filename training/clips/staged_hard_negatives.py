"""More hard negatives: stage lights, changes of focus, screens within the frame, crowds, rolling credits."""

from collections.abc import Callable

import cv2
import numpy as np

from samples.painting import Canvas, Size
from training.clips.hard_negatives import HardNegative

__all__ = ["STAGED_HARD_NEGATIVES"]


def lamp(rng: np.random.Generator, size: Size, frames: int) -> HardNegative:
    """Turn the light up or down over some frames, or open the iris; all of the picture or most of one side of it."""
    begin, length = int(rng.integers(12, frames - 50)), int(rng.integers(1, 40))
    gain = rng.uniform(0.45, 1.8) * (1 + rng.uniform(-0.15, 0.15, 3))
    shade = np.ones((1, size.width, 1), np.float32)
    if rng.random() < 0.5:
        middle, soft = rng.uniform(0.2, 0.8) * size.width, rng.uniform(0.05, 0.4) * size.width
        shade[0, :, 0] = 1 / (1 + np.exp((np.arange(size.width) - middle) / soft))

    def effect(picture: Canvas, k: int) -> Canvas:
        part = np.clip((k - begin) / length, 0, 1)
        return picture * (1 + shade * ((gain - 1) * part).astype(np.float32))

    return HardNegative(effect=effect)


def focus(rng: np.random.Generator, size: Size, frames: int) -> HardNegative:
    """Pull the focus away, back, or both."""
    begin, length, hold = int(rng.integers(12, frames - 60)), int(rng.integers(5, 24)), int(rng.integers(0, 20))
    most, away = rng.uniform(0.015, 0.06) * size.height, str(rng.choice(["away", "back", "both"]))

    def effect(picture: Canvas, k: int) -> Canvas:
        part = np.clip((k - begin) / length, 0, 1)
        if away == "back":
            part = 1 - part
        elif away == "both":
            part = min(part, np.clip((begin + 2 * length + hold - k) / length, 0, 1))
        return cv2.GaussianBlur(picture, (0, 0), most * part) if most * part > 0.3 else picture

    return HardNegative(effect=effect)


def roll(rng: np.random.Generator, size: Size, frames: int) -> HardNegative:
    """Turn the camera about its axis, up to a quarter turn within a second."""
    begin, length = int(rng.integers(12, frames - 40)), int(rng.integers(8, 30))
    angle = float(rng.choice([-1, 1]) * rng.uniform(20, 90))

    def effect(picture: Canvas, k: int) -> Canvas:
        part = float(np.clip((k - begin) / length, 0, 1))
        turn = cv2.getRotationMatrix2D((size.width / 2, size.height / 2), angle * part * part * (3 - 2 * part), 1.0)
        return cv2.warpAffine(picture, turn, (size.width, size.height), borderMode=cv2.BORDER_REFLECT)

    return HardNegative(effect=effect)


def screen(rng: np.random.Generator, size: Size, frames: int) -> HardNegative:
    """Put a screen into the picture, up to half of its area, whose programme has cuts of its own."""
    share = rng.uniform(0.35, 0.7)
    high, wide = int(share * size.height), int(share * size.width)
    top, left = int(rng.uniform(0, 1 - share) * size.height), int(rng.uniform(0, 1 - share) * size.width)
    cuts = np.cumsum(rng.integers(5, 40, 40))
    programme = [cv2.resize(rng.random((6, 10, 3)).astype(np.float32), (wide, high)) for _ in range(8)]

    def effect(picture: Canvas, k: int) -> Canvas:
        out = picture.copy()
        shown = programme[int(np.searchsorted(cuts, k, side="right")) % len(programme)]
        out[top : top + high, left : left + wide] = shown
        return out

    return HardNegative(effect=effect)


def swarm(rng: np.random.Generator, size: Size, frames: int) -> HardNegative:
    """Fill the picture with what moves fast every way: birds, leaves, a throng close to the camera."""
    count, pace = int(rng.integers(10, 70)), rng.uniform(0.01, 0.06)
    start, way = rng.random((count, 2)), rng.normal(0, pace, (count, 2))
    girth = rng.uniform(0.02, 0.14, count) * size.height
    coats = rng.random((count, 3)) * rng.uniform(0.2, 1.0)
    begin = int(rng.integers(0, frames // 2))

    def effect(picture: Canvas, k: int) -> Canvas:
        out = picture.copy()
        # they come in from outside
        for place, step, wide, coat in zip(start, way, girth, coats, strict=True):
            at = (place + step * (k - begin)) * 1.6 % 1.6 - 0.3 if k >= begin else place + step * (k - begin) * 4 - 2
            if k >= begin or abs(at[0] - 0.5) < 1:
                spot = (int(at[0] * size.width * 16), int(at[1] * size.height * 16))
                cv2.ellipse(out, spot, (int(wide * 16), int(wide * 9)), 0, 0, 360, tuple(coat), -1, cv2.LINE_AA, 4)
        return out

    return HardNegative(effect=effect)


def credit_roll(rng: np.random.Generator, size: Size, frames: int) -> HardNegative:
    """Run lines of names up the picture."""
    tall, points = 6 * size.height, max(6, int(rng.uniform(0.05, 0.1) * size.height))
    ink = np.zeros((tall, size.width, 3), np.uint8)
    for line in range(0, tall, int(points * rng.uniform(1.4, 2.5))):
        text = "".join(rng.choice(list("ABCDEFGHIKLMNOPRSTU  "), int(rng.integers(5, 18))))
        cv2.putText(ink, text, (int(rng.uniform(0.05, 0.3) * size.width), line), (255, 255, 255),
                    cv2.FontFace("sans"), points, 500)  # fmt: skip
    letters, pace = ink.astype(np.float32) / 255, rng.uniform(0.5, 5)
    dim = np.float32(rng.choice([1.0, 0.5, 0.0]))

    def effect(picture: Canvas, k: int) -> Canvas:
        start = int(pace * k) % (tall - size.height)
        return picture * dim + (1 - picture * dim) * letters[start : start + size.height]

    return HardNegative(effect=effect)


def held(rng: np.random.Generator, size: Size, frames: int) -> HardNegative:
    """Show every picture twice or more often, as drawn films do, while the camera moves by much."""
    each = int(rng.integers(2, 5))
    way = rng.normal(0, 1, 2) * rng.uniform(0.004, 0.02)
    jitter = rng.normal(0, rng.uniform(0, 0.03), (frames + 1, 2))

    def path(k: int) -> tuple[float, float, float]:
        at = min(max(k, 0), frames) // each * each
        return float(way[0] * at + jitter[at, 0]), float(way[1] * at + jitter[at, 1]), 1.0

    return HardNegative(path=path)


def stage(rng: np.random.Generator, size: Size, frames: int) -> HardNegative:
    """Light a stage with coloured lamps that switch at once or glide, one side or all of it."""
    changes = np.cumsum(rng.integers(3, 30, 80))
    glide = int(rng.choice([1, 1, 4, 10]))
    colours = rng.uniform(0.15, 1.2, (81, 2, 3)).astype(np.float32)
    across = np.linspace(0, 1, size.width, dtype=np.float32)[None, :, None]

    def effect(picture: Canvas, k: int) -> Canvas:
        n = int(np.searchsorted(changes, k, side="right"))
        since = k - changes[n - 1] if n else k
        part = np.float32(min(1.0, (since + 1) / glide))
        left, right = colours[max(n - 1, 0)] * (1 - part) + colours[n] * part
        return picture * (left + (right - left) * across)

    return HardNegative(effect=effect)


def entrance(rng: np.random.Generator, size: Size, frames: int) -> HardNegative:
    """Let something large come in and stay: up to two thirds of the picture are covered."""
    begin, length, broad = int(rng.integers(12, frames - 40)), int(rng.integers(4, 30)), rng.uniform(0.25, 0.6)
    coat = rng.random(3).astype(np.float32) * np.float32(rng.uniform(0.1, 0.9))
    weave = cv2.resize(rng.random((24, 32)).astype(np.float32), (size.width, size.height))[..., None]
    way, reach = rng.choice([-1, 1]), size.width
    grid_y, grid_x = np.mgrid[0 : size.height, 0 : size.width].astype(np.float32)
    bulge = 0.2 * np.sin(np.pi * grid_y / size.height)

    def effect(picture: Canvas, k: int) -> Canvas:
        part = np.clip((k - begin) / length, 0, 1)
        edge = -0.25 + part * (broad + 0.1)
        where = grid_x / reach if way > 0 else 1 - grid_x / reach
        cover = np.clip((edge + bulge - where) * 25, 0, 1)[..., None]
        return picture + (coat * (0.75 + 0.5 * weave) - picture) * cover

    return HardNegative(effect=effect)


STAGED_HARD_NEGATIVES: dict[str, Callable[[np.random.Generator, Size, int], HardNegative]] = {
    negative.__name__: negative for negative in (lamp, focus, roll, screen, swarm, credit_roll, held, stage, entrance)
}
"""Every hard negative of this module by name."""
