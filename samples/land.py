"""Scenes of land: dunes under a slow pan, a forest from a train, ridges at nightfall, a house in snow."""

import cv2
import numpy as np

from samples import brushes
from samples.painting import Canvas, Painter, Size, blend, noise_tile, ramp, ridge

__all__ = ["dunes", "forest", "ridges", "snow"]


def dunes(size: Size) -> Painter:
    """Paint a slow pan over rippled sand: fine texture everywhere, with uniform motion."""
    pace = 0.075  # frame heights/s
    wide = size.width + int(pace * 8 * size.height)
    panorama = _sand(wide, size.height)

    def paint(canvas: Canvas, time: float) -> None:
        shift = np.float32([[1, 0, -(0.1 + pace * time) * size.height], [0, 1, 0]])
        cv2.warpAffine(panorama, shift, (size.width, size.height), dst=canvas, flags=cv2.INTER_CUBIC)

    return paint


def _sand(wide: int, tall: int) -> Canvas:
    x = np.arange(wide, dtype=np.float32) / tall
    y = np.arange(tall, dtype=np.float32)[:, None] / tall
    picture = np.broadcast_to(ramp([(0, (0.36, 0.56, 0.78)), (0.45, (0.93, 0.80, 0.66))], y), (tall, wide, 3)).astype(
        np.float32
    )
    rough = noise_tile(101, coarsest=8, octaves=6)
    grit = np.random.default_rng(102).normal(0, 1, (tall, wide)).astype(np.float32)
    grit = cv2.GaussianBlur(grit, (0, 0), 0.6)
    repeats = (-(-tall // 1024), -(-wide // 1024))
    wander = np.tile(rough, repeats)[:tall, :wide]
    for layer in range(5):
        depth = layer / 4
        crest = (
            0.36
            + 0.13 * layer
            + (0.10 + 0.10 * depth) * (ridge(110 + layer, wide, span=2.5 * (2.2 - depth), rough=0.34, octaves=5) - 0.5)
        )
        below = y - crest
        cover = np.clip(below * tall + 0.5, 0, 1)
        # brightness follows the slope of the crest, extended down the flank at an angle with a wavy edge
        slope = cv2.GaussianBlur((np.gradient(crest) * tall)[None, :].astype(np.float32), (0, 0), 0.012 * tall)[0]
        slant = x[None, :] + below * (1.5 - 0.9 * depth) + 0.10 * (wander - 0.5)
        lean = slope[np.clip((slant * tall).astype(int), 0, wide - 1)]
        lit = 1 / (1 + np.exp(-22 * (lean + 0.10 * (wander - 0.5) + 0.015)))
        fine = 60 + 120 * (1 - depth)
        ripple = np.sin(2 * np.pi * (fine * (below * 1.4 + 0.10 * x) + 5.5 * wander)) * (0.35 + 0.65 * lit)
        shade = 0.50 + 0.42 * lit + 0.050 * ripple * (0.4 + depth) + 0.045 * grit * (0.3 + depth) - 0.20 * below
        sun, dark = np.array([1.0, 0.73, 0.42]), np.array([0.36, 0.17, 0.16])
        colour = (dark + (sun - dark) * np.clip(shade, 0, 1.1)[..., None]).astype(np.float32)
        haze = 0.55 * (1 - depth) ** 1.5
        colour += (np.array([0.93, 0.78, 0.66], np.float32) - colour) * np.float32(haze)
        blend(picture, colour, cover.astype(np.float32))
    return np.ascontiguousarray(picture)


def forest(size: Size) -> Painter:
    """Paint the view from a train: close trunks move fast, distant ones slowly, with mist between them."""
    layers = [_trees(size, 130 + k, k / 4) for k in range(5)]
    mist_colour = np.array([0.92, 0.90, 0.78])
    down = np.linspace(0, 1, size.height, dtype=np.float32)[:, None]
    sky = ramp([(0, (0.60, 0.72, 0.74)), (0.55, (0.95, 0.90, 0.74)), (1, (0.80, 0.80, 0.62))], down)

    def paint(canvas: Canvas, time: float) -> None:
        canvas[:] = sky
        for k, (strip, colour) in enumerate(layers):
            speed = (0.06, 0.16, 0.4, 0.9, 1.9)[k]
            shift = int((speed * time + 0.3 * k) * size.height) % strip.shape[1]
            mist = (0.30 - 0.06 * k) * (k < 4) * np.clip((down[:, 0] - 0.25) * 2, 0, 1)
            brushes.lay(canvas, strip, shift, np.array(colour), mist, mist_colour)

    return paint


def _trees(size: Size, seed: int, near: float) -> tuple[Canvas, tuple[float, float, float]]:
    rng = np.random.default_rng(seed)
    tall, wide = size.height, int(size.height * (2.5 + 2.5 * near))
    strip = np.zeros((tall, wide), np.float32)
    ground = 0.70 + 0.10 * near + 0.05 * ridge(seed + 50, wide, span=6)
    seam = wide // 8  # the strip is periodic
    ground[-seam:] = np.linspace(ground[-seam], ground[0], seam)
    strip[np.arange(tall)[:, None] > ground * tall] = 1.0
    count = int(26 - 17 * near)
    for k in range(count):
        x = (k + rng.random()) / count * wide
        girth = (0.006 + 0.042 * near**2) * tall * (0.7 + 0.6 * rng.random())
        foot = ground[int(x) % wide] * tall + 4
        head = (0.32 - 0.5 * near) * tall * (0.6 + 0.8 * rng.random())
        trunk = np.array([[x - girth, foot], [x - 0.5 * girth, head], [x + 0.5 * girth, head], [x + girth, foot]])
        cv2.fillPoly(strip, [np.round(trunk * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
        tiers = 16
        for tier in range(tiers):
            part = (tier + rng.random()) / tiers
            y = head + (foot - head) * 0.85 * part
            reach = (0.02 + 0.11 * part) * tall * (0.5 + near) * (0.5 + 0.7 * rng.random())
            for way in (-1, 1):
                droop = reach * (0.35 + 0.3 * rng.random())
                bough = np.array([[x, y - 0.5 * droop], [x + way * reach, y + droop], [x, y + 0.45 * droop]])
                cv2.fillPoly(strip, [np.round(bough * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
    # motion blur of half a frame at the speed of the layer
    smear = max(1, int((0.06, 0.16, 0.4, 0.9, 1.9)[round(near * 4)] * tall / 48))
    strip = cv2.blur(np.concatenate([strip, strip[:, :smear]], 1), (smear, 1))[:, :wide]
    fade = 1 - near
    return strip, (0.05 + 0.50 * fade, 0.10 + 0.50 * fade, 0.07 + 0.44 * fade)


def ridges(size: Size) -> Painter:
    """Paint mountains in layers under a saturated evening sky: smooth gradients without grain, so they band."""
    down = np.linspace(0, 1, size.height, dtype=np.float32)[:, None]
    lines = [
        0.40 + 0.105 * k - (0.20 - 0.018 * k) * ridge(150 + k, size.width, span=2 + 0.8 * k, rough=0.46)
        for k in range(6)
    ]
    near, far = np.array([0.05, 0.015, 0.10]), np.array([0.70, 0.20, 0.42])
    hills, open_sky = size.canvas(), np.ones((size.height, size.width, 1), np.float32)
    for k, line in enumerate(lines):
        part = k / 5
        mist = np.clip((down - line) / 0.35, 0, 1)[..., None]
        colour = far + (near - far) * part**0.7
        cover = np.clip((down - line) * size.height + 0.5, 0, 1)
        blend(hills, (colour + mist * (1 - part) * np.array([0.35, 0.20, 0.10])).astype(np.float32), cover)
        open_sky *= 1 - cover[..., None]
    evening = [
        (0, (0.14, 0.05, 0.38)),
        (0.25, (0.46, 0.09, 0.52)),
        (0.48, (0.96, 0.33, 0.36)),
        (0.66, (1.0, 0.74, 0.32)),
    ]

    def paint(canvas: Canvas, time: float) -> None:
        night = 0.06 * time
        canvas[:] = ramp(evening, down + night * 0.35) * np.float32(1 - 0.35 * night)
        x, y = 0.24 * size.width, (0.225 + 0.022 * time) * size.height
        glow = np.array([[0.85, 0.30, 0.16, 0.02], [0.16, 0.5, 0.4, 0.15]]) * (size.height, 1, 1, 1)
        brushes.splat(canvas, np.column_stack([(x, x), (y, y), glow]), 0.0)
        centre = (round(x * 16), round(y * 16))
        cv2.circle(canvas, centre, round(0.045 * size.height * 16), (1.0, 0.93, 0.70), -1, cv2.LINE_AA, 4)
        canvas *= open_sky
        canvas += hills * np.float32(1 - 0.5 * night)

    return paint


def snow(size: Size) -> Painter:
    """Paint snow falling past a lit house."""
    still = _house(size)
    rng = np.random.default_rng(171)
    flakes = rng.random((700, 4))

    def paint(canvas: Canvas, time: float) -> None:
        canvas[:] = still
        near = flakes[:, 3] ** 3
        x = (
            flakes[:, 0] * 1.2 + 0.05 * time * (1 + 2 * near) + 0.012 * np.sin(2 * time + 40 * flakes[:, 2])
        ) % 1.2 - 0.1
        y = (flakes[:, 1] * 1.2 + time * (0.13 + 0.38 * near)) % 1.2 - 0.1
        spots = np.empty((len(flakes), 6))
        spots[:, 0], spots[:, 1] = x * size.width, y * size.height
        spots[:, 2] = np.maximum((0.0028 + 0.011 * near) * size.height, 0.8)
        spots[:, 3:] = (0.75 - 0.35 * near)[:, None] * np.array([0.86, 0.92, 1.0])
        brushes.splat(canvas, spots, 0.0)

    return paint


def _house(size: Size) -> Canvas:
    tall = size.height
    x = np.arange(size.width, dtype=np.float32)[None, :] / tall
    y = np.arange(tall, dtype=np.float32)[:, None] / tall
    picture = np.broadcast_to(
        ramp([(0, (0.03, 0.05, 0.13)), (0.62, (0.16, 0.22, 0.36))], y), (tall, size.width, 3)
    ).copy()
    for k in range(3):
        strip, _ = _trees(size, 180 + k, 0.08 * k)
        blend(picture, (0.10 - 0.03 * k, 0.15 - 0.04 * k, 0.24 - 0.06 * k), strip[:, : size.width])
    drift = 0.70 + 0.05 * np.sin(1.7 * x + 0.4) + 0.02 * np.sin(5 * x)
    ground = np.clip((y - drift) * tall, 0, 1)
    warm = 1 / (1 + ((x - 1.08) ** 2 * 4 + (y - 0.74) ** 2 * 40))
    colour = np.array([0.33, 0.41, 0.58]) * (1.05 - 0.8 * (y - 0.7))[..., None] + warm[..., None] * np.array(
        [0.42, 0.24, 0.02]
    )
    blend(picture, colour.astype(np.float32), ground.astype(np.float32))

    def area(points: list[tuple[float, float]], colour: tuple[float, float, float]) -> None:
        cv2.fillPoly(picture, [np.round(np.array(points) * tall * 16).astype(np.int32)], colour, cv2.LINE_AA, 4)

    area([(0.86, 0.75), (0.86, 0.55), (1.30, 0.55), (1.30, 0.75)], (0.075, 0.06, 0.075))
    area([(1.18, 0.52), (1.18, 0.36), (1.24, 0.36), (1.24, 0.52)], (0.06, 0.05, 0.065))
    area([(0.80, 0.565), (1.0, 0.385), (1.18, 0.385), (1.36, 0.565)], (0.40, 0.47, 0.62))
    area([(0.80, 0.565), (0.81, 0.575), (1.35, 0.575), (1.36, 0.565)], (0.05, 0.05, 0.08))
    for left in (0.92, 1.14):
        area([(left, 0.69), (left, 0.61), (left + 0.09, 0.61), (left + 0.09, 0.69)], (1.0, 0.76, 0.34))
        for bar in (left + 0.042,):
            area([(bar, 0.69), (bar, 0.61), (bar + 0.006, 0.61), (bar + 0.006, 0.69)], (0.12, 0.08, 0.06))
    brushes.splat(picture, np.array([[1.08 * tall, 0.65 * tall, 0.34 * tall, 0.30, 0.18, 0.04]]), 0.0)
    return picture
