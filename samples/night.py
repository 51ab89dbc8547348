"""Scenes of night: an aurora, a lighthouse in grain, a road, a fire, inks that glow."""

import cv2
import numpy as np

from samples import brushes, light_brushes
from samples.painting import Canvas, Painter, Size, blend, noise_tile, ramp, ridge, upscale

__all__ = ["aurora", "drive", "embers", "ink", "lighthouse"]


def aurora(size: Size) -> Painter:
    """Paint northern lights above a ridge and a star field that rotates slowly."""
    rng = np.random.default_rng(201)
    stars = rng.random((620, 4))
    tile = noise_tile(202, coarsest=8, octaves=5)
    down = np.linspace(0, 1, size.height, dtype=np.float32)[:, None]
    sky = ramp([(0, (0.010, 0.018, 0.060)), (0.8, (0.035, 0.085, 0.130))], down)
    crest = 0.93 - 0.24 * ridge(203, size.width, span=4, rough=0.48)
    hill = np.clip((down - crest) * size.height + 0.5, 0, 1)
    small = size.canvas(2)

    def paint(canvas: Canvas, time: float) -> None:
        small[:] = 0
        light_brushes.aurora(small, tile, time)
        upscale(small, canvas)
        canvas += sky
        angle = 0.004 * time
        x, y = stars[:, 0] * 1.2 - 0.1 - 0.5, stars[:, 1] - 1.2
        spots = np.empty((len(stars), 6))
        spots[:, 0] = (0.5 + x * np.cos(angle) - y * np.sin(angle)) * size.width
        spots[:, 1] = (1.2 + x * np.sin(angle) + y * np.cos(angle)) * size.height
        spots[:, 2] = np.maximum((0.0016 + 0.0030 * stars[:, 2] ** 6) * size.height, 0.9)
        twinkle = 0.75 + 0.25 * np.sin(time * (3 + 5 * stars[:, 3]) + 60 * stars[:, 3])
        spots[:, 3:] = (twinkle * (0.25 + 0.75 * stars[:, 2] ** 3))[:, None] * np.array([0.9, 0.95, 1.0])
        brushes.splat(canvas, spots, 0.0)
        blend(canvas, (0.008, 0.014, 0.022), hill)

    return paint


def lighthouse(size: Size) -> Painter:
    """Paint a lighthouse turning in the dark; the shot list adds the film grain."""
    tall = size.height
    tile = noise_tile(211, coarsest=8, octaves=6)
    down = np.linspace(0, 1, tall, dtype=np.float32)[:, None]
    sky = ramp([(0, (0.020, 0.026, 0.045)), (0.75, (0.055, 0.065, 0.085))], down)
    x = np.arange(size.width) / tall
    rise = np.clip((x - 0.72) / 0.5, 0, 1)
    crest = 0.80 - 0.17 * rise * rise * (3 - 2 * rise) - 0.035 * (ridge(212, size.width, span=9, rough=0.5) - 0.5)
    rock = np.clip((down - crest) * tall + 0.5, 0, 1).astype(np.float32)
    tower = np.zeros((tall, size.width), np.float32)
    side = np.clip((x - 1.15) / 0.12, 0, 1)[None, :, None]
    bands = np.where(((down > 0.44) & (down < 0.52)) | (down > 0.60), 0.55, 1.0)[..., None]
    tower_colour = ((0.17 - 0.13 * side) * bands * np.array([1.0, 0.95, 0.9])).astype(np.float32)
    for shape in (
        [(1.155, 0.68), (1.18, 0.36), (1.24, 0.36), (1.265, 0.68)],
        [(1.165, 0.365), (1.165, 0.35), (1.255, 0.35), (1.255, 0.365)],
        [(1.185, 0.36), (1.185, 0.29), (1.21, 0.262), (1.235, 0.29), (1.235, 0.36)],
    ):
        cv2.fillPoly(tower, [np.round(np.array(shape) * tall * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)

    def paint(canvas: Canvas, time: float) -> None:
        swing = np.cos(2 * np.pi * (0.17 * time + 0.06))
        canvas[:] = sky
        half = np.ascontiguousarray(canvas[::2, ::2])
        light_brushes.beam(half, tile, 1.21, 0.32, swing, time)
        upscale(half, canvas)
        blend(canvas, tower_colour, tower)
        blend(canvas, (0.014, 0.016, 0.022), rock)
        lamp = np.array([[1.21 * tall, 0.32 * tall, 0.035 * tall, 1.2, 1.05, 0.75]])
        brushes.splat(canvas, lamp, 0.0)

    return paint


def drive(size: Size) -> Painter:
    """Paint a road under headlights between lamps, in fast motion."""
    tile = noise_tile(221, coarsest=32, octaves=5)
    horizon = 0.47
    down = np.linspace(0, 1, size.height, dtype=np.float32)[:, None]
    sky = ramp([(0, (0.012, 0.014, 0.035)), (horizon, (0.11, 0.075, 0.085))], down)
    lamps = np.arange(14)

    def paint(canvas: Canvas, time: float) -> None:
        shake = 0.004 * np.sin(31 * time) + 0.003 * np.sin(47 * time + 1)
        line = horizon + shake
        canvas[:] = sky
        light_brushes.road(canvas, line, tile, 34.0 * time)
        spots = []
        for way, colour in ((-1, (1.0, 0.62, 0.25)), (1, (1.0, 0.68, 0.32))):
            for k in lamps[::-1]:
                for blur in range(6):  # motion blur of half a frame, in six steps
                    far = 0.35 + (k * 1.6 - 34.0 * 0.32 * (time + blur / 288)) % (len(lamps) * 1.6)
                    x = size.aspect / 2 + way * 0.95 / far
                    y = line - 0.52 / far
                    bright = 0.33 / (1 + 0.05 * far * far)
                    spots.append((x, y, 0.05 / far + 0.004, *(bright * np.array(colour))))
                    spots.append((x, y, 0.30 / far + 0.01, *(0.10 * bright * np.array(colour))))
        for side in (-0.035, 0.035):
            spots.append((size.aspect / 2 + 0.09 + side, line + 0.045, 0.022, 1.0, 0.08, 0.05))
            spots.append((size.aspect / 2 + 0.09 + side, line + 0.045, 0.07, 0.30, 0.02, 0.02))
        rows = np.array(spots)
        rows[:, :3] *= size.height
        brushes.splat(canvas, rows, 0.0)

    return paint


def embers(size: Size) -> Painter:
    """Paint a fire with sparks."""
    tile = noise_tile(231, coarsest=8, octaves=6)
    rng = np.random.default_rng(232)
    sparks = rng.random((420, 5))
    small = size.canvas(2)

    def paint(canvas: Canvas, time: float) -> None:
        light_brushes.fire(small, tile, time)
        upscale(small, canvas)
        age = (sparks[:, 0] + time * (0.25 + 0.35 * sparks[:, 1])) % 1.0
        lift = age**0.85
        x = (
            0.5
            + (sparks[:, 2] - 0.5) * (0.22 + 0.55 * lift)
            + 0.03 * np.sin(9 * lift * (1 + sparks[:, 3]) + 50 * sparks[:, 4])
        )
        spots = np.empty((len(sparks), 6))
        spots[:, 0], spots[:, 1] = x * size.width, (1.0 - 1.05 * lift) * size.height
        spots[:, 2] = np.maximum((0.0022 + 0.005 * sparks[:, 3] ** 4) * size.height, 0.9)
        fade = np.sin(np.pi * np.clip(age, 0, 1)) * (0.6 + 0.4 * np.sin(40 * age + 90 * sparks[:, 4]))
        spots[:, 3:] = fade[:, None] * np.array([1.3, 0.62, 0.20])
        brushes.splat(canvas, spots, 0.0)

    return paint


def ink(size: Size) -> Painter:
    """Paint mixing inks, close up."""
    tile = noise_tile(241, coarsest=8, octaves=5, gain=0.42)
    palette = np.array([[0.01, 0.03, 0.11], [0.00, 0.36, 0.48], [1.0, 0.14, 0.44], [1.0, 0.78, 0.42]])
    small = size.canvas(2)

    def paint(canvas: Canvas, time: float) -> None:
        light_brushes.ink(small, tile, time, palette)
        upscale(small, canvas)

    return paint
