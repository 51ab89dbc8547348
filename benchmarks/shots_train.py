"""Train the judges of cuts and of gradual transitions on generated clips, and write `ladders/shot_weights.py`.

    python -m benchmarks.shots_train [--folder DIR] [--first-seed 660] [--seeds 660] [--mosaics 80] [--pans 80]
        [--write]

Clips come from `samples.variants` (a range of seeds, every kind alike), and from `mosaic` and `pans`: hard-edged
textures without colour, and cameras that do not stop, which those do not hold. Nothing of real clips is trained on.
Scores are cross-validated by clip: a clip is judged by weights that saw none of its frames. The folder keeps the
clips, so that a second run only trains.
"""

from __future__ import annotations

import argparse
import collections
import json
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from scipy.optimize import minimize

import encoder
from benchmarks.shot_scores import F1, matched
from ladders.cuts import CUT_FEATURES, cut_candidates, cut_features
from ladders.gradual import describe, gradual_candidates, lags_up_to
from ladders.judgement import Judge
from ladders.pictures import Pictures
from ladders.shot_evidence import ShotParameters, Transition
from ladders.shots import choose
from samples import variants
from samples.painting import Size
from samples.worlds import Camera, look, panorama, picture_world

FOLDS = 3
#: Networks that a judge is the mean of.
JUDGES = 3
SIZES = ((320, 180), (320, 180), (256, 192), (320, 180), (400, 168), (192, 336))
WEIGHTS = Path(__file__).parents[1] / "ladders" / "shot_weights.py"


def mosaic(seed: int, path: Path) -> None:
    """Write shots of drifting mosaics of random grain, grey or coloured; the truth beside them."""
    rng = np.random.default_rng((seed, 77))
    width, height = int(rng.integers(20, 90)) * 4, int(rng.integers(12, 50)) * 4
    frames, cuts = [], []
    grey = rng.random() < 0.7
    for _ in range(int(rng.integers(3, 6))):
        side = int(rng.integers(3, 24))
        low, high = np.sort(rng.uniform(10, 245, 2))
        tiles = rng.uniform(low, max(high, low + 30), (height // side + 24, width // side + 24, 3))
        tiles = tiles.mean(-1, keepdims=True).repeat(3, -1) if grey else tiles
        large = np.kron(tiles, np.ones((side, side, 1)))
        drift = rng.uniform(-2.5, 2.5, 2)
        if frames:
            cuts.append(len(frames))
        for k in range(int(rng.integers(12, 50))):
            y, x = 48 + (drift * k).astype(int)
            picture = np.roll(large, (-y, -x), (0, 1))[:height, :width] + rng.normal(0, rng.choice([0, 2]), 1)
            frames.append(np.clip(picture, 0, 255).astype(np.uint8))
    truth = {"kind": "mosaic", "seed": seed, "cuts": cuts, "gradual": [], "flashes": [], "unsure": []}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24, options={"crf": "22", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 24)
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode())
    path.with_name(path.name + ".json").write_text(json.dumps(truth))


def pans(seed: int, path: Path) -> None:
    """Write shots over which a camera that does not stop carries the whole picture away, cuts between."""
    rng, size = np.random.default_rng((seed, 78)), Size(320, 180)
    frames: list[np.ndarray] = []
    cuts = []
    for _ in range(int(rng.integers(2, 4))):
        pace = rng.uniform(0.015, 0.14) * np.array([rng.choice([-1, 1]), 0.0])
        pace = pace if rng.random() < 0.7 else pace[::-1] * rng.uniform(0.3, 1)
        seen = Camera(*(-20 * pace), zoom=float(rng.uniform(0.9, 1.4)), move_x=float(pace[0]), move_y=float(pace[1]))
        shot = picture_world(rng, size, panorama(rng, size), seen, look(rng, 0.3), actors=int(rng.integers(0, 4)))
        if frames:
            cuts.append(len(frames))
        frames += [np.uint8(np.clip(shot(k), 0, 1) * 255) for k in range(int(rng.integers(30, 90)))]
    truth = {"kind": "pans", "seed": seed, "cuts": cuts, "gradual": [], "flashes": [], "unsure": []}
    variants.write_clip(path, variants.Clip("pans", seed, np.stack(frames), truth, float(rng.choice([18, 23, 28]))))


def variant(seed: int) -> variants.Clip:
    """Make a clip of the kind and, here, of the size that its seed says: wide, tall, narrow, or as it comes."""
    width, height = SIZES[seed // len(variants.KINDS) % len(SIZES)]
    return variants.generate(seed, width=width, height=height)


def prepare(job: tuple[str, int, Path]) -> dict[str, Any]:
    """Make a clip if it is not there, and gather its candidates: (transition, features) each."""
    made_by, seed, folder = job
    path = folder / f"{made_by}{seed}.mp4"
    if not path.with_name(path.name + ".json").exists():
        if made_by == "v":
            variants.write_clip(path, variant(seed))
        else:
            {"m": mosaic, "p": pans}[made_by](seed, path)
    truth = json.loads(path.with_name(path.name + ".json").read_text())
    source = encoder.inspect(path)
    pictures: Pictures | None = None
    for frame in encoder.decode(source, deblock=False):
        pictures = pictures or Pictures(source, frame, source.frame_count)
        pictures.push(frame)
    assert pictures is not None
    cuts = [
        (Transition("cut", int(n), int(n), 0.0), cut_features(pictures, int(n), source.frame_count))
        for n in cut_candidates(pictures.changes)
        if n
    ]
    graduals = {}
    for _, s, e in gradual_candidates(pictures, lags_up_to(ShotParameters().longest(source))):
        found = describe(pictures, s, e)
        if found is not None:
            graduals[found.first, found.last] = (
                Transition(found.kind, found.first, found.last, 0.0),
                np.array(found.features),
            )
    return {"truth": truth, "cuts": cuts, "graduals": list(graduals.values()), "frames": source.frame_count}


def gradual_target(transition: Transition, truth: dict[str, Any]) -> tuple[float, float]:
    """Return what a judge should say of a window, and how much that matters: fully right, roughly, hardly, wrong."""
    best = 0.0
    for real in truth["gradual"]:
        both = min(transition.last, real["last"] + 1) - max(transition.first, real["first"])
        either = max(transition.last, real["last"] + 1) - min(transition.first, real["first"])
        if abs(transition.first - real["first"]) <= 3 and abs(transition.last - 1 - real["last"]) <= 3:
            return 1.0, 1.0
        best = max(best, both / either)
    return (0.6, 1.0) if best > 0.5 else (0.0, 0.3 if best > 0.2 else 1.0)


def fit(X: np.ndarray, y: np.ndarray, w: np.ndarray, hidden: int, decay: float) -> Judge:
    """Fit some judges that start from different weights, and make one of them that says what they say on average."""
    judges = [fit_one(X, y, w, hidden, decay, seed) for seed in range(JUDGES)]
    units = tuple(unit for judge in judges for unit in judge.hidden)
    output = np.array([[*judge.output] for judge in judges]) / JUDGES
    return Judge(judges[0].centre, judges[0].scale, units, _rounded([*output[:, :-1].ravel(), output[:, -1].sum()]))


def fit_one(X: np.ndarray, y: np.ndarray, w: np.ndarray, hidden: int, decay: float, seed: int) -> Judge:
    """Fit a judge by L-BFGS on the weighted log loss with weight decay."""
    centre, scale = X.mean(0), X.std(0) + 1e-6
    Z = np.clip((X - centre) / scale, -6, 6)
    size = Z.shape[1]
    rng = np.random.default_rng(seed)
    start = np.concatenate(
        [rng.normal(0, size**-0.5, hidden * size), np.zeros(hidden), rng.normal(0, 0.3, hidden), [0.0]]
    )

    def loss(p: np.ndarray) -> tuple[float, np.ndarray]:
        A, b = p[: hidden * size].reshape(hidden, size), p[hidden * size : hidden * (size + 1)]
        o, bias = p[hidden * (size + 1) : -1], p[-1]
        h = np.tanh(Z @ A.T + b)
        z = h @ o + bias
        value = (w * (np.logaddexp(0, z) - y * z)).sum() / w.sum() + decay * ((A**2).sum() + (o**2).sum())
        g = w * (1 / (1 + np.exp(-z)) - y) / w.sum()
        gh = np.outer(g, o) * (1 - h * h)
        return value, np.concatenate(
            [(gh.T @ Z + 2 * decay * A).ravel(), gh.sum(0), h.T @ g + 2 * decay * o, [g.sum()]]
        )

    p = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 220}).x
    rows = np.column_stack([p[: hidden * size].reshape(hidden, size), p[hidden * size : hidden * (size + 1)]])
    return Judge(_rounded(centre), _rounded(scale), tuple(map(_rounded, rows)), _rounded(p[hidden * (size + 1) :]))


def _rounded(values: Sequence[float] | np.ndarray) -> tuple[float, ...]:
    return tuple(float(f"{v:.5g}") for v in values)


def cut_judge(clips: list[dict[str, Any]]) -> Judge:
    """Train on cuts; every candidate is seen twice, once with noise on its features and often without colour."""
    rng = np.random.default_rng(1)
    X = np.array([features for clip in clips for _, features in clip["cuts"]])
    y = np.array([float(t.first in clip["truth"]["cuts"]) for clip in clips for t, _ in clip["cuts"]])
    w = np.where(y > 0, 1.5, 1.0)
    # most candidates are plainly none: a quarter of those, each for four
    share = X[:, CUT_FEATURES.index("share")]
    plain = (share <= 0.3) & (y == 0)
    kept = ~plain | (rng.random(len(y)) < 0.25)
    X, y, w = X[kept], y[kept], np.where(plain, 4.0, w)[kept]
    noisy = X + rng.normal(0, 0.12, X.shape) * X.std(0)
    noisy[:, CUT_FEATURES.index("colour")] *= rng.random(len(X)) < 0.5
    return fit(np.vstack([X, noisy]), np.tile(y, 2), np.concatenate([w, 0.7 * w]), 12, 6e-5)


def gradual_judge(clips: list[dict[str, Any]]) -> Judge:
    """Train on stretches."""
    X = np.array([features for clip in clips for _, features in clip["graduals"]])
    targets = np.array([gradual_target(t, clip["truth"]) for clip in clips for t, _ in clip["graduals"]])
    return fit(X, targets[:, 0], targets[:, 1], 14, 1e-4)


def cross_validate(clips: list[dict[str, Any]]) -> None:
    """Print scores by kind of clip, each clip judged by weights that did not see it."""
    totals: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for fold in range(FOLDS):
        mine = [clip for n, clip in enumerate(clips) if n // 22 % FOLDS == fold]
        others = [clip for n, clip in enumerate(clips) if n // 22 % FOLDS != fold]
        judges = cut_judge(others), gradual_judge(others)
        for clip in mine:
            judged = [
                Transition(t.kind, t.first, t.last, judge.score(features))
                for judge, of in zip(judges, ("cuts", "graduals"), strict=True)
                for t, features in clip[of]
            ]
            score = matched(choose(judged, ShotParameters()), clip["truth"])
            totals[clip["truth"]["kind"]] += score
            totals["all"] += score
    for kind, score in totals.items():
        print(f"{kind:14s} cuts F1 {F1(score, 'cut'):.4f}  gradual F1 {F1(score, 'gradual'):.4f}  {dict(score)}")


def source_of(judge: Judge) -> str:
    """Return a judge as Python."""
    rows = "".join(f"        {row!r},\n" for row in judge.hidden)
    return (
        f"Judge(\n    centre={judge.centre!r},\n    scale={judge.scale!r},\n"
        f"    hidden=(\n{rows}    ),\n    output={judge.output!r},\n)"
    )


def main(argv: Sequence[str] = ()) -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "shotladder-shots")
    parser.add_argument("--first-seed", type=int, default=660)
    parser.add_argument("--seeds", type=int, default=660)
    parser.add_argument("--mosaics", type=int, default=80)
    parser.add_argument("--pans", type=int, default=80)
    parser.add_argument("--write", action="store_true", help="write ladders/shot_weights.py")
    parser.add_argument("--skip-validation", action="store_true")
    options = parser.parse_args(argv)
    options.folder.mkdir(parents=True, exist_ok=True)
    jobs = [("v", options.first_seed + n, options.folder) for n in range(options.seeds)]
    jobs += [("m", seed, options.folder) for seed in range(options.mosaics)]
    jobs += [("p", seed, options.folder) for seed in range(options.pans)]
    with ProcessPoolExecutor(2) as pool:
        clips = list(pool.map(prepare, jobs, chunksize=8))
    print(f"{len(clips)} clips, {sum(clip['frames'] for clip in clips)} frames")
    if options.write:
        parts = (("CUT_JUDGE", cut_judge(clips)), ("GRADUAL_JUDGE", gradual_judge(clips)))
        WEIGHTS.write_text(
            '"""Weights of the judges of cuts and of gradual transitions: written by `benchmarks.shots_train`."""\n\n'
            'from ladders.judgement import Judge\n\n__all__ = ["CUT_JUDGE", "GRADUAL_JUDGE"]\n\n'
            + "\n\n".join(f"{name} = {source_of(judge)}" for name, judge in parts)
            + "\n"
        )
    if not options.skip_validation:
        cross_validate(clips)


if __name__ == "__main__":
    main(sys.argv[1:])
