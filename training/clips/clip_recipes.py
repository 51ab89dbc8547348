"""Recipes of the clips that the shot classifiers are trained on: generated variants, and kinds that those lack."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from samples.painting import Size
from training.clips import variants
from training.clips.scenes import FOLDS, Camera, look, panorama, panorama_scene
from training.clips.transitions import TRANSITIONS

__all__ = [
    "TEST_FOLD",
    "blended_cuts",
    "cuts_in_stage_light",
    "difficult_kinds",
    "fold_of",
    "more_hard_negatives",
    "more_transitions",
    "mosaic",
    "pans",
    "variant",
]

#: The fold of `variants.fold_of` that is never used for training.
TEST_FOLD = FOLDS - 1
#: Kinds of `variants` with the most errors, plain cuts as often as all others.
_DIFFICULT_KINDS = ("cut", "stage", "cut", "explosion", "cut", "compression", "cut", "dissolve_light")
#: Hard negatives with the most false cuts, stage lights as often as all others.
_FREQUENT_ERRORS = (
    "stage",
    "explosion",
    "stage",
    "compression",
    "stage",
    "caption",
    "stage",
    "held",
    "stage",
    "flash",
    "stage",
    "strobe",
)
_SIZES = ((320, 180), (320, 180), (256, 192), (320, 180), (400, 168), (192, 336))


def variant(seed: int) -> variants.Clip:
    """Make a clip of the kind and, here, of the size that its seed says: wide, tall, narrow, or as it comes."""
    width, height = _SIZES[seed // len(variants.KINDS) // FOLDS % len(_SIZES)]
    return variants.generate(seed, width=width, height=height)


def fold_of(kind: str, seed: int) -> int:
    """Return the cross-validation fold of a clip, 0 to 2; clips of different folds share no texture and no scene."""
    return variants.fold_of(seed) if kind in variants.KINDS else seed % TEST_FOLD


def blended_cuts(seed: int) -> variants.Clip:
    """Make shots with plain cuts between, most with a frame that mixes both, as a change of frame rate leaves it."""
    rng = np.random.default_rng((seed, 79))
    # of the fold that `fold_of` says
    made = variants.generate(len(variants.KINDS) * (FOLDS * seed + seed % TEST_FOLD), kind="cut")
    frames, truth = made.frames, made.truth | {"kind": "blended_cuts", "seed": seed}
    for n in truth["cuts"]:
        if rng.random() < 0.7:
            weight = rng.uniform(0.25, 0.75)
            frames[n] = (frames[n - 1] * (1 - weight) + frames[n] * weight).astype(np.uint8)
            truth["unsure"].append(
                {"start": n + 1, "stop": n + 2, "alternative_of": n, "why": "the first frame without the old shot"}
            )
    return variants.Clip("blended_cuts", seed, frames, truth, made.crf)


def difficult_kinds(seed: int) -> variants.Clip:
    """Make one more clip of a kind with many errors."""
    # beyond the seeds of `variant` and `blended_cuts`
    return _more(
        "difficult_kinds", seed, _DIFFICULT_KINDS[seed % len(_DIFFICULT_KINDS)], seed // len(_DIFFICULT_KINDS), 1000
    )


def more_hard_negatives(seed: int) -> variants.Clip:
    """Make one more clip of a hard negative with many false cuts."""
    # beyond the seeds of `difficult_kinds`
    return _more(
        "more_hard_negatives", seed, _FREQUENT_ERRORS[seed % len(_FREQUENT_ERRORS)], seed // len(_FREQUENT_ERRORS), 3000
    )


def more_transitions(seed: int) -> variants.Clip:
    """Make one more clip of gradual transitions."""
    # beyond the seeds of `cuts_in_stage_light`
    return _more(
        "more_transitions", seed, TRANSITIONS[1 + seed % (len(TRANSITIONS) - 1)], seed // len(TRANSITIONS), 7000
    )


def _more(name: str, seed: int, kind: str, turn: int, beyond: int) -> variants.Clip:
    """Make a variant of a kind, of the fold that `fold_of` says and of a size that goes by turns."""
    width, height = _SIZES[turn % len(_SIZES)]
    base = len(variants.KINDS) * (FOLDS * (beyond + seed) + seed % TEST_FOLD)
    made = variants.generate(base, kind=kind, width=width, height=height)
    return variants.Clip(name, seed, made.frames, made.truth | {"kind": name, "seed": seed}, made.crf)


def cuts_in_stage_light(seed: int) -> variants.Clip:
    """Make shots of a stage with plain cuts between: its lamps switch, glide and swing on over the cuts."""
    rng = np.random.default_rng((seed, 80))
    # beyond the seeds of `more_hard_negatives`
    made = _more("cuts_in_stage_light", seed, "cut", seed // TEST_FOLD, 5000)
    height, width = made.frames.shape[1:3]
    frames = made.frames
    light = _lamps(rng, width, height, len(frames)) if rng.random() < 0.5 else _stage(rng, width, height, len(frames))
    for k, picture in enumerate(frames):
        frames[k] = np.clip(light(picture / np.float32(255), k) * 255, 0, 255)
    return made


def _stage(rng: np.random.Generator, width: int, height: int, frames: int) -> Callable[[np.ndarray, int], np.ndarray]:
    """Return the effect of the hard negative with coloured stage lights."""
    effect = variants.ALL_HARD_NEGATIVES["stage"](rng, Size(width, height), frames).effect
    assert effect is not None
    return effect


def _lamps(rng: np.random.Generator, width: int, height: int, frames: int) -> Callable[[np.ndarray, int], np.ndarray]:
    """Return what some lamps make of a picture: they switch in groups, at once or gliding, and may swing."""
    count = int(rng.integers(2, 7))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / height
    places, broad = rng.random((count, 2)) * (width / height, 1), rng.uniform(0.15, 1.2, count)
    swing, pace = rng.choice([0, 0, 0.1, 0.4], count), rng.uniform(0.05, 0.5, count)
    colours, dim = rng.uniform(0, 1.3, (count, 3)).astype(np.float32), rng.uniform(0.15, 0.6, 3).astype(np.float32)
    switched = [np.cumsum(rng.integers(4, 40, frames)) for _ in range(3)]
    power = np.zeros((count, frames), np.float32)
    for lamp in range(count):
        glide = int(rng.choice([1, 1, 1, 2, 6, 12]))
        at = np.searchsorted(switched[rng.integers(0, 3)], np.arange(1 - glide, frames), side="right")
        power[lamp] = np.convolve((at + rng.integers(0, 2)) % 2, np.ones(glide) / glide, "valid")

    def light(picture: np.ndarray, k: int) -> np.ndarray:
        shed = np.broadcast_to(dim, picture.shape).copy()
        for lamp in np.flatnonzero(power[:, k]):
            at = places[lamp, 0] + swing[lamp] * np.sin(pace[lamp] * k)
            spot = np.exp(-((x - at) ** 2 + (y - places[lamp, 1]) ** 2) / broad[lamp] ** 2).astype(np.float32)
            shed += spot[..., None] * (power[lamp, k] * colours[lamp])
        return picture * shed

    return light


def mosaic(seed: int) -> variants.Clip:
    """Make shots of drifting or still mosaics, grey or coloured, hard or soft, cuts or dissolves between."""
    rng = np.random.default_rng((seed, 77))
    width, height = int(rng.integers(20, 90)) * 4, int(rng.integers(12, 50)) * 4
    grey, soft = rng.random() < 0.7, float(rng.choice([0, 0, 0, 1.5, 3, 5]))
    # a mosaic is a kind of card, and cards dissolve
    longest = int(rng.choice([0, 30, 50]))
    # tiles of one size lie on one grid, whose edges stay at a cut; those as large as blocks are found again anywhere
    sides = rng.choice([*range(3, 24), *[8, 16] * 8], int(rng.integers(3, 6)))
    sides = sides if rng.random() < 0.4 else sides[:1].repeat(len(sides))
    shots = [_tiles(rng, width, height, int(side), grey, soft) for side in sides]
    frames, cuts, gradual = [], [], []
    at = 0
    for number, shot in enumerate(shots):
        stay = int(rng.integers(24 if longest else 12, 50))
        frames += [shot(at + k) for k in range(stay)]
        at += stay
        if number + 1 == len(shots):
            break
        mixed = int(rng.integers(6, longest)) if longest else 0
        if mixed:
            gradual.append({"kind": "dissolve", "start": len(frames), "stop": len(frames) + mixed})
        else:
            cuts.append(len(frames))
        for k in range(mixed):
            weight = (k + 1) / (mixed + 1)
            frames.append((1 - weight) * shot(at + k) + weight * shots[number + 1](k))
        at = mixed
    frames = [np.clip(picture, 0, 255).astype(np.uint8) for picture in frames]
    truth = {"kind": "mosaic", "seed": seed, "cuts": cuts, "gradual": gradual, "flashes": [], "unsure": []}
    return variants.Clip("mosaic", seed, np.stack(frames), truth, 22.0)


def _tiles(
    rng: np.random.Generator, width: int, height: int, side: int, grey: bool, soft: float
) -> Callable[[int], np.ndarray]:
    """Return a shot of random tiles that drift, or lie still."""
    low, high = np.sort(rng.uniform(10, 245, 2))
    tiles = rng.uniform(low, max(high, low + 30), (height // side + 24, width // side + 24, 3))
    tiles = tiles.mean(-1, keepdims=True).repeat(3, -1) if grey else tiles
    large = np.kron(tiles, np.ones((side, side, 1)))
    if soft:
        large = cv2.GaussianBlur(large, (0, 0), soft)
    drift = rng.uniform(-2.5, 2.5, 2) * rng.choice([0, 1])
    noise = rng.choice([0, 2])

    def show(k: int) -> np.ndarray:
        y, x = 48 + (drift * k).astype(int)
        rows, columns = np.arange(y, y + height) % len(large), np.arange(x, x + width) % large.shape[1]
        return large[rows[:, None], columns] + rng.normal(0, noise, 1)

    return show


def pans(seed: int) -> variants.Clip:
    """Make shots over which a camera that does not stop carries the whole picture away, cuts between."""
    rng, size = np.random.default_rng((seed, 78)), Size(320, 180)
    frames: list[np.ndarray] = []
    cuts = []
    for _ in range(int(rng.integers(2, 4))):
        pace = rng.uniform(0.015, 0.14) * np.array([rng.choice([-1, 1]), 0.0])
        pace = pace if rng.random() < 0.7 else pace[::-1] * rng.uniform(0.3, 1)
        seen = Camera(*(-20 * pace), zoom=float(rng.uniform(0.9, 1.4)), move_x=float(pace[0]), move_y=float(pace[1]))
        picture = panorama(rng, size, seed % TEST_FOLD)
        shot = panorama_scene(rng, size, picture, seen, look(rng, 0.3), actors=int(rng.integers(0, 4)))
        if frames:
            cuts.append(len(frames))
        frames += [np.uint8(np.clip(shot(k), 0, 1) * 255) for k in range(int(rng.integers(30, 90)))]
    truth = {"kind": "pans", "seed": seed, "cuts": cuts, "gradual": [], "flashes": [], "unsure": []}
    return variants.Clip("pans", seed, np.stack(frames), truth, float(rng.choice([18, 23, 28])))
