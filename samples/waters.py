"""Scenes of water: the sea at dusk, in a storm, at dawn; rain on a window above a city."""

import itertools

import cv2
import numpy as np

from samples import brushes
from samples.painting import Canvas, Painter, Size, gradients, noise_tile

__all__ = ["dawn", "dusk", "rain", "storm"]

STORM_FLASH = (1.0, 0.35, 0.8, 0.45, 0.15)
"""Brightness of the lightning in each of its frames."""


def _waves() -> tuple[Canvas, Canvas, Canvas]:
    tile = noise_tile(11, coarsest=32, octaves=5, gain=0.45)
    return noise_tile(12, coarsest=4), *gradients(tile)


def dusk(size: Size) -> Painter:
    """Paint the reflection of the sun on a calm sea."""
    cloud, slope_x, slope_z = _waves()
    palette = np.array([[0.10, 0.11, 0.30], [0.93, 0.42, 0.22], [1.0, 0.62, 0.25], [0.02, 0.06, 0.12]])
    horizon = 0.46
    first = int(horizon * size.height)

    def paint(canvas: Canvas, time: float) -> None:
        sun = np.array([0.62 * size.aspect, 0.40 + 0.006 * time, 0.055])
        brushes.sky(canvas, first, horizon, palette, sun, cloud, 4.0 * time, 1.0)
        brushes.sea(canvas, first, horizon, slope_x, slope_z, palette, sun, time, 0.62)

    return paint


def dawn(size: Size) -> Painter:
    """Paint a pale morning with distant gulls."""
    cloud, slope_x, slope_z = _waves()
    palette = np.array([[0.36, 0.55, 0.74], [0.98, 0.80, 0.70], [1.0, 0.74, 0.52], [0.05, 0.20, 0.26]])
    horizon = 0.56
    first = int(horizon * size.height)
    rng = np.random.default_rng(21)
    birds = rng.random((14, 4))

    def paint(canvas: Canvas, time: float) -> None:
        sun = np.array([0.36 * size.aspect, 0.555 - 0.022 * time, 0.045])
        brushes.sky(canvas, first, horizon, palette * 0.9, sun, cloud, 300 + 5.0 * time, 0.7)
        brushes.sea(canvas, first, horizon, slope_x, slope_z, palette * 0.9, sun, time + 40, 0.8)
        for across, up, pace, phase in birds:
            x = (0.5 + 0.32 * across + (0.03 + 0.02 * pace) * time) * size.width
            y = (0.18 + 0.2 * up + 0.012 * np.sin(time + 6 * phase)) * size.height
            span = (0.008 + 0.010 * pace) * size.height
            flap = np.sin(2 * np.pi * (time * (1.6 + pace) + phase)) * 0.55 * span
            wing = np.array([[x - span, y - flap], [x - 0.4 * span, y - 0.3 * span - 0.3 * flap], [x, y],
                             [x + 0.4 * span, y - 0.3 * span - 0.3 * flap], [x + span, y - flap]])  # fmt: skip
            points = np.round(wing * 16).astype(np.int32)
            cv2.polylines(canvas, [points], False, (0.16, 0.18, 0.24), max(1, size.height // 500), cv2.LINE_AA, 4)

    return paint


def storm(size: Size, *, flash_at: float, rate: int = 24) -> Painter:
    """Paint a black sea under clouds that lightning lights for a few frames, `flash_at` s into the shot."""
    cloud, slope_x, slope_z = _waves()
    palette = np.array([[0.07, 0.09, 0.12], [0.17, 0.20, 0.22], [0.12, 0.14, 0.16], [0.01, 0.025, 0.035]])
    horizon = 0.52
    small = size.canvas(2)
    bolt = _bolt(size, (0.60 * size.aspect, 0.04), (0.66 * size.aspect, horizon))
    rain = noise_tile(31, side=1024, coarsest=256, octaves=2)
    low, high = np.array([0.03, 0.04, 0.06]), np.array([0.34, 0.38, 0.42])

    def paint(canvas: Canvas, time: float) -> None:
        frame = round((time - flash_at) * rate)
        lit = STORM_FLASH[frame] if 0 <= frame < len(STORM_FLASH) else 0.0
        heave = 0.012 * np.sin(1.7 * time)
        line = horizon + heave
        first = int(line * size.height)
        brushes.clouds(small, (first + 3) // 2, cloud, time + 5, low, high + 0.5 * lit, 2.1)
        canvas[:] = cv2.resize(small, (size.width, size.height), interpolation=cv2.INTER_LINEAR)
        bright = palette + lit * np.array([[0.4], [0.5], [0.5], [0.05]])
        sun = np.array([0.64 * size.aspect, 0.36, 0.1])
        brushes.sea(canvas, first, line, slope_x, slope_z, bright, sun, 1.8 * time + 9, 2.2)
        if lit > 0.3:
            canvas += (lit * bolt)[..., None] * np.array([0.95, 0.97, 1.1], np.float32)
        if lit > 0:
            canvas += np.float32(0.30 * lit) * np.array([0.85, 0.9, 1.0], np.float32)
        shift = int(time * 2600) % 1024
        streaks = np.roll(rain, (shift, shift // 5), (0, 1))[: size.height // 16 + 1, : size.width // 2]
        fall = cv2.resize(streaks, (size.width, size.height), interpolation=cv2.INTER_LINEAR)
        canvas += (np.maximum(fall - 0.72, 0) * (0.35 + lit))[..., None]

    return paint


def _bolt(size: Size, start: tuple[float, float], end: tuple[float, float]) -> Canvas:
    rng = np.random.default_rng(41)
    drawn = np.zeros((size.height, size.width), np.float32)

    def fork(a: np.ndarray, b: np.ndarray, width: float, depth: int) -> None:
        points = [a, b]
        for spread in 0.12 * 0.55 ** np.arange(6):
            middles = [(p + q) / 2 + rng.normal(0, spread, 2) * 0.35 for p, q in itertools.pairwise(points)]
            points = [x for pair in zip(points, middles, strict=False) for x in pair] + [points[-1]]
        line = np.round(np.array(points) * size.height * 16).astype(np.int32)
        cv2.polylines(drawn, [line], False, width, max(1, round(size.height / 360 * width)), cv2.LINE_AA, 4)
        if depth:
            for at in rng.integers(len(points) // 4, 3 * len(points) // 4, 3):
                fork(points[at], points[at] + rng.normal((0.08, 0.13), (0.12, 0.05)), 0.6 * width, depth - 1)

    fork(np.array(start), np.array(end), 1.0, 2)
    return drawn + 1.6 * cv2.GaussianBlur(drawn, (0, 0), 0.02 * size.height)


def rain(size: Size) -> Painter:
    """Paint a city at night through a wet window."""
    rng = np.random.default_rng(51)
    glass = _city(size, rng)
    tall = size.height
    beads = np.column_stack([
        rng.random(900) * size.width, rng.random(900) * tall,
        (0.003 + 0.016 * rng.random(900) ** 3) * tall, 0.9 + 0.3 * rng.random(900),
    ])  # fmt: skip
    runners = rng.random((34, 5))
    grid_x, grid_y = np.meshgrid(np.arange(size.width, dtype=np.float32), np.arange(tall, dtype=np.float32))
    cars = rng.random((16, 4))

    def paint(canvas: Canvas, time: float) -> None:
        behind = glass.copy()
        brushes.splat(behind, _traffic(size, cars, time), 1.0)
        map_x, map_y = grid_x.copy(), grid_y.copy()
        shade = np.ones((tall, size.width), np.float32)
        brushes.lens(map_x, map_y, shade, beads)
        brushes.lens(map_x, map_y, shade, _runs(size, runners, time))
        cv2.remap(behind, map_x, map_y, cv2.INTER_LINEAR, dst=canvas, borderMode=cv2.BORDER_REFLECT)
        canvas *= shade[..., None]

    return paint


def _city(size: Size, rng: np.random.Generator) -> Canvas:
    canvas = size.canvas()
    down = np.linspace(0, 1, size.height, dtype=np.float32)[:, None, None]
    canvas += np.array([0.05, 0.07, 0.15], np.float32) + down * np.array([0.16, 0.09, 0.08], np.float32)
    tints = np.array(
        [[1.0, 0.62, 0.25], [1.0, 0.35, 0.18], [0.35, 0.6, 1.0], [0.95, 0.9, 0.7], [0.2, 0.85, 0.7], [1.0, 0.25, 0.5]]
    )
    count = 190
    spots = np.empty((count, 6))
    spots[:, 0] = rng.random(count) * size.width
    spots[:, 1] = (0.12 + 0.62 * rng.beta(2.6, 1.7, count)) * size.height
    spots[:, 2] = (0.018 + 0.048 * rng.random(count) ** 2) * size.height
    spots[:, 3:] = tints[rng.integers(0, len(tints), count)] * (0.10 + 0.55 * rng.random((count, 1)) ** 2)
    brushes.splat(canvas, spots, 1.0)
    return canvas


def _traffic(size: Size, cars: np.ndarray, time: float) -> np.ndarray:
    spots = np.empty((len(cars), 6))
    for k, (start, lane, pace, tint) in enumerate(cars):
        way = 1 if lane > 0.5 else -1
        across = (start + way * (0.07 + 0.05 * pace) * time) % 1.2 - 0.1
        colour = (1.0, 0.9, 0.7) if way > 0 else (1.0, 0.12, 0.08)
        spots[k] = (across * size.width, (0.80 + 0.06 * lane) * size.height, 0.042 * size.height,
                    *(0.35 + 0.4 * tint) * np.array(colour))  # fmt: skip
    return spots


def _runs(size: Size, runners: np.ndarray, time: float) -> np.ndarray:
    rows = []
    for start, across, pace, girth, phase in runners:
        # a drop rests, then slides: a sawtooth through a smooth step
        walk = (start + time * (0.06 + 0.16 * pace)) % 1.0
        y = 1.25 * (walk + 0.04 * np.sin(9 * walk + 6 * phase)) - 0.1
        x = across * size.aspect + 0.006 * np.sin(17 * y + 9 * phase)
        radius = 0.013 + 0.014 * girth
        for trail in range(1, 9):
            back = y - 0.028 * trail * (1 + 0.3 * phase)
            rows.append(
                (
                    across * size.aspect + 0.006 * np.sin(17 * back + 9 * phase),
                    back,
                    radius * (0.42 - 0.04 * trail),
                    1.3,
                )
            )
        rows.append((x, y, radius, 1.35))
    drops = np.array(rows)
    drops[:, :3] *= size.height
    return drops
