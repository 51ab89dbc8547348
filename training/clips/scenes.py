"""What the test clips for shot detection show: seeded pictures with a camera over them and actors in them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from samples import land, night, screens, waters
from samples.painting import Canvas, Size, noise_tile, ridge

__all__ = [
    "FOLDS",
    "Camera",
    "Look",
    "Shown",
    "camera",
    "look",
    "panorama",
    "panorama_scene",
    "sample_video_scene",
    "title_card_scene",
]

Shown = Callable[[int], Canvas]
"""A shot: its picture at frame k counted from the shot's start; k may be negative or beyond its end."""

FOLDS = 4
"""Textures and scenes of the film are dealt into so many folds, which share none."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a shot was taken: `contrast` about `level`, grain of standard deviation `grain`, blur in pixels."""

    contrast: float = 1.0
    level: float = 0.0
    grain: float = 0.0
    blur: float = 0.0


@dataclass(frozen=True, slots=True)
class Camera:
    """Where a camera looks on a panorama, in frame heights, and how that changes a frame."""

    x: float
    y: float
    zoom: float = 1.0
    move_x: float = 0.0
    move_y: float = 0.0
    zoom_rate: float = 0.0
    shake: float = 0.0
    phase: float = 0.0
    path: Callable[[int], tuple[float, float, float]] | None = field(default=None, compare=False)
    """Extra shift x, y and zoom factor of frame k: with which a hard negative moves the camera."""


_SCENES = (land.dunes, land.forest, land.ridges, land.snow, night.aurora, night.lighthouse, night.drive, night.embers,
           night.ink, screens.terminal, waters.dusk, waters.dawn, waters.rain)  # fmt: skip


@cache
def _tile(seed: int) -> Canvas:
    return noise_tile(seed, side=512, coarsest=(4, 8, 16, 32)[seed % 4], octaves=5, gain=0.55)


@cache
def _grain() -> Canvas:
    normal = np.random.default_rng(7).normal(0, 1, (512, 512)).astype(np.float32)
    return cv2.GaussianBlur(normal, (0, 0), 0.5) / np.float32(0.7)


def look(rng: np.random.Generator, difficulty: float) -> Look:
    """Choose how a shot was taken; a higher difficulty (0 to 1) makes it darker, flatter, grainier."""
    if rng.random() > difficulty:
        return Look(grain=float(rng.choice([0.0, 0.005, 0.012])), blur=float(rng.choice([0.0, 0.0, 0.8])))
    if rng.random() < 0.15:  # out of focus, or a still card of soft shades
        return Look(contrast=float(rng.uniform(0.4, 1.0)), blur=float(rng.uniform(2, 5)))
    return Look(
        contrast=float(rng.uniform(0.25, 0.8)),
        level=float(rng.uniform(-0.06, 0.15)),
        grain=float(rng.uniform(0.0, 0.035)),
        blur=float(rng.choice([0.0, 0.7, 1.5])),
    )


def camera(rng: np.random.Generator, size: Size) -> Camera:
    """Choose a camera at rest, or one that pans, follows what is fast, tilts, zooms or is held by hand."""
    kind = rng.choice(
        ["still", "still", "still", "pan", "pan", "tilt", "tilt", "zoom", "zoom", "hand", "hand", "follow"]
    )
    pace = 0.05 if kind == "follow" else 0.012
    return Camera(
        x=float(rng.uniform(-0.5, 0.5)) * size.aspect,
        y=float(rng.uniform(-0.45, 0.45)),
        zoom=float(rng.uniform(0.8, 1.5)),
        move_x=float(rng.uniform(-pace, pace)) if kind in ("pan", "hand", "follow") else 0.0,
        move_y=float(rng.uniform(-0.006, 0.006)) if kind == "tilt" else 0.0,
        zoom_rate=float(rng.uniform(-0.006, 0.006)) if kind == "zoom" else 0.0,
        shake=float(rng.uniform(0.003, 0.012)) if kind == "hand" else 0.0,
        phase=float(rng.uniform(0, 100)),
    )


def panorama(rng: np.random.Generator, size: Size, fold: int) -> Canvas:
    """Paint a still picture 2.4 times the frame: land, a room, a face, a crowd, or cut paper."""
    tall, wide = round(2.4 * size.height), round(2.4 * size.width)
    base = rng.random((3, 3)) * rng.uniform(0.5, 1.0)
    if rng.random() < 0.4:  # a muted film
        base = base * 0.35 + base.mean(1, keepdims=True) * 0.65
    down = np.linspace(0, 1, tall)[:, None]
    picture = (base[0] + (base[1] - base[0]) * down)[:, None, :] * np.ones((1, wide, 1))
    tile = _tile(500 + 4 * fold + int(rng.integers(4)))
    texture = cv2.resize(tile, (wide, tall), interpolation=cv2.INTER_LINEAR)
    fine = np.tile(tile, (-(-tall // 512), -(-wide // 512)))[:tall, :wide]
    strength = rng.uniform(0.1, 0.5)
    picture = (picture + strength * (texture - 0.5)[..., None] + rng.uniform(0, 0.35) * (fine - 0.5)[..., None]).astype(
        np.float32
    )
    kind = rng.choice(["land", "room", "face", "crowd", "paper"])
    {"land": _land, "room": _room, "face": _face, "crowd": _crowd, "paper": _paper}[str(kind)](picture, rng)
    return np.clip(picture, 0, 1)


def _colour(rng: np.random.Generator) -> tuple[float, float, float]:
    shade = rng.random(3) * rng.uniform(0.2, 1.0)
    return (float(shade[0]), float(shade[1]), float(shade[2]))


def _land(picture: Canvas, rng: np.random.Generator) -> None:
    tall, wide = picture.shape[:2]
    rows = np.arange(tall)[:, None]
    for layer in range(int(rng.integers(2, 6))):
        line = (0.3 + 0.14 * layer + 0.2 * ridge(int(rng.integers(1 << 30)), wide, span=rng.uniform(2, 8))) * tall
        cover = np.clip(rows - line, 0, 1)[..., None]
        picture += ((np.array(_colour(rng), np.float32) + 0.4 * picture - 0.2) - picture) * cover.astype(np.float32)


def _room(picture: Canvas, rng: np.random.Generator) -> None:
    tall, wide = picture.shape[:2]
    for _ in range(int(rng.integers(8, 26))):
        x, y = int(rng.integers(wide)), int(rng.integers(tall))
        w, h = int(rng.uniform(0.03, 0.25) * wide), int(rng.uniform(0.04, 0.4) * tall)
        picture[y : y + h, x : x + w] = 0.75 * np.array(_colour(rng)) + 0.25 * picture[y : y + h, x : x + w]
        cv2.rectangle(picture, (x, y), (x + w, y + h), _colour(rng), 1, cv2.LINE_AA)


def _face(picture: Canvas, rng: np.random.Generator) -> None:
    tall, wide = picture.shape[:2]
    picture[:] = cv2.GaussianBlur(picture, (0, 0), 0.03 * tall)
    skin = np.array([0.85, 0.65, 0.52]) * rng.uniform(0.35, 1.0)
    for _ in range(int(rng.integers(1, 4))):
        x, y, s = rng.uniform(0.3, 0.7) * wide, rng.uniform(0.35, 0.6) * tall, rng.uniform(0.10, 0.2) * tall
        cv2.ellipse(
            picture, (int(x), int(y + 2.2 * s)), (int(1.9 * s), int(1.3 * s)), 0, 0, 360, _colour(rng), -1, cv2.LINE_AA
        )
        cv2.ellipse(picture, (int(x), int(y)), (int(0.74 * s), int(s)), 0, 0, 360, tuple(skin), -1, cv2.LINE_AA)
        cv2.ellipse(
            picture,
            (int(x), int(y - 0.5 * s)),
            (int(0.8 * s), int(0.65 * s)),
            0,
            180,
            360,
            _colour(rng),
            -1,
            cv2.LINE_AA,
        )
        for eye in (-0.3, 0.3):
            cv2.circle(picture, (int(x + eye * s), int(y)), max(1, int(0.08 * s)), (0.1, 0.08, 0.08), -1, cv2.LINE_AA)


def _crowd(picture: Canvas, rng: np.random.Generator) -> None:
    tall, wide = picture.shape[:2]
    for y in np.sort(rng.uniform(0.2, 1.1, int(rng.integers(60, 220)))):
        x, s = rng.uniform(0, wide), (0.01 + 0.03 * y) * tall
        cv2.ellipse(
            picture,
            (int(x), int(y * tall + 2 * s)),
            (int(1.2 * s), int(1.6 * s)),
            0,
            0,
            360,
            _colour(rng),
            -1,
            cv2.LINE_AA,
        )
        cv2.circle(picture, (int(x), int(y * tall)), max(1, int(0.6 * s)), (0.7, 0.55, 0.45), -1, cv2.LINE_AA)


def _paper(picture: Canvas, rng: np.random.Generator) -> None:
    tall, wide = picture.shape[:2]
    for _ in range(int(rng.integers(6, 40))):
        middle, reach = rng.random(2) * (wide, tall), rng.uniform(0.03, 0.25) * tall
        points = middle + rng.normal(0, reach, (int(rng.integers(3, 7)), 2))
        cv2.fillPoly(picture, [cv2.convexHull(np.round(points * 16).astype(np.int32))], _colour(rng), cv2.LINE_AA, 4)


def panorama_scene(
    rng: np.random.Generator, size: Size, picture: Canvas, seen: Camera, taken: Look, *, actors: int = 0
) -> Shown:
    """Return a shot of a panorama: a camera over it, actors that move through it."""
    height, width = size.height, size.width
    tall, wide = picture.shape[:2]
    cast = rng.random((actors, 6))
    grain_seed = int(rng.integers(1 << 30))
    coats = [np.array(_colour(rng)) for _ in range(actors)]

    def show(k: int) -> Canvas:
        x, y = seen.x + seen.move_x * k, seen.y + seen.move_y * k
        zoom = seen.zoom * np.exp(seen.zoom_rate * k)
        if seen.shake:
            a = k / 24 + seen.phase
            x += seen.shake * (np.sin(7.1 * a) + 0.6 * np.sin(16.7 * a))
            y += seen.shake * (np.sin(5.9 * a + 1) + 0.6 * np.sin(19.3 * a))
        if seen.path is not None:
            dx, dy, factor = seen.path(k)
            x, y, zoom = x + dx, y + dy, zoom * factor
        matrix = np.float32(
            [
                [zoom, 0, width / 2 - zoom * (wide / 2 + x * height)],
                [0, zoom, height / 2 - zoom * (tall / 2 + y * height)],
            ]
        )
        canvas = cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        for (start, lane, pace, girth, sway, phase), coat in zip(cast, coats, strict=True):
            place = (start + (pace - 0.5) * 0.03 * k) % 1.4 - 0.2
            s = (0.05 + 0.16 * girth) * height * zoom
            at = (
                int(place * width * 16),
                int((0.35 + 0.5 * lane + 0.03 * sway * np.sin(k / 3 + 9 * phase)) * height * 16),
            )
            cv2.ellipse(canvas, at, (int(0.5 * s * 16), int(1.3 * s * 16)), 0, 0, 360, tuple(coat), -1, cv2.LINE_AA, 4)
            cv2.circle(
                canvas, (at[0], at[1] - int(1.5 * s * 16)), int(0.35 * s * 16), (0.75, 0.58, 0.47), -1, cv2.LINE_AA, 4
            )
        return _take(canvas, taken, grain_seed + k)

    return show


def choose_sample_scene(rng: np.random.Generator, fold: int, last: int | None) -> int:
    """Choose one of the sample film's scenes that a fold has, another than the last."""
    mine = range(fold, len(_SCENES), FOLDS)
    place = int(rng.integers(len(mine)))
    return mine[place] if mine[place] != last else mine[place - 1]


def sample_video_scene(rng: np.random.Generator, size: Size, taken: Look, scene: int) -> Shown:
    """Return a shot of one of the sample film's scenes, from a random moment on."""
    painter = _SCENES[scene](size)
    begin, grain_seed = rng.uniform(0, 3), int(rng.integers(1 << 30))
    canvas = size.canvas()

    def show(k: int) -> Canvas:
        painter(canvas, max(0.0, begin + k / 24))
        return _take(np.clip(canvas, 0, 1), taken, grain_seed + k)

    return show


def title_card_scene(rng: np.random.Generator, size: Size, taken: Look) -> Shown:
    """Return a shot of what no camera saw: a flat or shaded card, bars, a title on it, a moving disc, or static."""
    kind = str(rng.choice(["flat", "shade", "bars", "title", "disc", "static"]))
    ground = np.zeros((size.height, size.width, 3), np.float32) + np.array(_colour(rng), np.float32)
    if kind == "shade":
        across = np.linspace(0, 1, size.width, dtype=np.float32)[None, :, None]
        ground += (np.array(_colour(rng), np.float32) - ground) * across
    elif kind == "bars":
        colours = rng.random((int(rng.integers(3, 9)), 3)).astype(np.float32)
        ground[:] = colours[np.arange(size.width) * len(colours) // size.width]
    elif kind == "title":
        text = "".join(rng.choice(list("ABCDEFGHIKLMNOPRSTU  "), int(rng.integers(3, 16))))
        points, at = int(rng.uniform(0.1, 0.25) * size.height), (size.width // 10, int(0.6 * size.height))
        ink = np.zeros((size.height, size.width, 3), np.uint8)
        cv2.putText(ink, text, at, (255, 255, 255), cv2.FontFace("sans"), points, 600)
        ground += (np.array(_colour(rng), np.float32) - ground) * (ink.astype(np.float32) / 255)
    coat, pace, strength = _colour(rng), rng.uniform(-0.03, 0.03, 2), rng.uniform(0.05, 0.3)
    start, radius = rng.random(2), rng.uniform(0.06, 0.25) * size.height
    grain_seed = int(rng.integers(1 << 30))

    def show(k: int) -> Canvas:
        canvas = ground.copy()
        if kind == "disc":
            place = np.abs((start + pace * k) % 2 - 1) * (size.width, size.height)
            cv2.circle(canvas, (int(16 * place[0]), int(16 * place[1])), int(16 * radius), coat, -1, cv2.LINE_AA, 4)
        elif kind == "static":
            own = np.random.default_rng((grain_seed, k & 0xFFFF))
            canvas += own.normal(0, strength, (size.height, size.width, 1)).astype(np.float32)
        return _take(np.clip(canvas, 0, 1), taken, grain_seed + k)

    return show


def _take(canvas: Canvas, taken: Look, seed: int) -> Canvas:
    if taken.blur:
        canvas = cv2.GaussianBlur(canvas, (0, 0), taken.blur)
    if taken.contrast != 1.0 or taken.level:
        canvas = (canvas - 0.3) * taken.contrast + 0.3 * taken.contrast + taken.level
    if taken.grain:
        shift: NDArray[np.int64] = np.random.default_rng(seed).integers(0, 512, 2)
        height, width = canvas.shape[:2]
        grain = np.tile(_grain(), (-(-height // 512) + 1, -(-width // 512) + 1))
        canvas = canvas + taken.grain * grain[shift[0] : shift[0] + height, shift[1] : shift[1] + width, None]
    return np.clip(canvas, 0, 1).astype(np.float32)
