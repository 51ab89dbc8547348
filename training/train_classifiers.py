"""Train the judges of cuts and of gradual transitions on generated clips, and write `ladders/shot_weights.py`.

    python -m benchmarks.shots_train [--folder DIR] [--first-seed 3300] [--seeds 3696] [--mosaics 480] [--pans 104]
        [--blended 240] [--harder 480] [--trapped 900] [--lit 300] [--joined 960] [--write]

Clips come from `training.clips.variants` (those of a range of seeds that are not held out, every kind alike), and from
`training.clips.clip_recipes`: hard-edged textures without colour, cameras that do not stop, cuts with a mixed frame,
and
cuts between the lamps of a stage, which those do not hold; and more of the kinds that judges err in, of which those
of gradual transitions are for the judge of these alone.
Nothing of real clips is trained on. Scores are cross-validated by source: a clip is judged by weights that saw none of
the textures and scenes it is made of. The folder keeps the clips, so that a second run makes none.
"""

from __future__ import annotations

import argparse
import collections
import json
import sys
import tempfile
import textwrap
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

import encoder
from ladders.shots.classifier import Classifier
from ladders.shots.cuts import CUT_FEATURES, cut_candidates, cut_features
from ladders.shots.detector import choose
from ladders.shots.frame_window import FrameWindow
from ladders.shots.gradual.gradual_transitions import describe, gradual_candidates, lags_up_to
from ladders.shots.scan import ShotParameters, Transition
from training.clips import variants
from training.clips.clip_recipes import (
    HELD_OUT,
    blended,
    harder,
    joined,
    lit,
    mosaic,
    pans,
    pool_of,
    trapped,
    variant,
)
from training.shot_scores import F1, matched

WEIGHTS = Path(__file__).parents[1] / "ladders" / "shots" / "classifier_weights.py"


def prepare(job: tuple[Callable[[int], variants.Clip], int, Path]) -> dict[str, Any]:
    """Make a clip if it is not there, and gather its candidates: (transition, features) each."""
    made_by, seed, folder = job
    path = folder / f"{made_by.__name__}{seed}.mp4"
    if not path.with_name(path.name + ".json").exists():
        variants.write_clip(path, made_by(seed))
    truth = json.loads(path.with_name(path.name + ".json").read_text())
    source = encoder.inspect(path)
    pictures: FrameWindow | None = None
    for frame in encoder.decode(source, deblock=False):
        pictures = pictures or FrameWindow(source, frame, source.frame_count)
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
            graduals[found.start, found.stop] = (
                Transition(found.kind, found.start, found.stop, 0.0),
                np.array(found.features),
            )
    pool = pool_of(truth["kind"], seed)
    return {
        "truth": truth,
        "pool": pool,
        "cuts": cuts,
        "graduals": list(graduals.values()),
        "frames": source.frame_count,
    }


def gradual_target(transition: Transition, truth: dict[str, Any]) -> tuple[float, float]:
    """Return what a judge should say of a window, and how much that matters: fully right, roughly, hardly, wrong."""
    best = 0.0
    for real in truth["gradual"]:
        both = min(transition.stop, real["last"] + 1) - max(transition.start, real["first"])
        either = max(transition.stop, real["last"] + 1) - min(transition.start, real["first"])
        if abs(transition.start - real["first"]) <= 3 and abs(transition.stop - 1 - real["last"]) <= 3:
            return 1.0, 1.0
        best = max(best, both / either)
    if best > 0.25:
        return (0.7, 1.0) if best > 0.5 else (0.4, 0.5)
    return 0.0, 0.3 if best > 0.1 else 1.0


def fit(
    X: np.ndarray, y: np.ndarray, w: np.ndarray, *, judges: int, hidden: int, decay: float, steps: int
) -> Classifier:
    """Fit some judges that start from different weights, and make one of them that says what they say on average."""
    fitted = [fit_one(X, y, w, hidden, decay, steps, seed) for seed in range(judges)]
    units = tuple(unit for judge in fitted for unit in judge.hidden)
    output = np.array([[*judge.output] for judge in fitted]) / judges
    return Classifier(
        fitted[0].centre, fitted[0].scale, units, _rounded([*output[:, :-1].ravel(), output[:, -1].sum()])
    )


def fit_one(
    X: np.ndarray, y: np.ndarray, w: np.ndarray, hidden: int, decay: float, steps: int, seed: int
) -> Classifier:
    """Fit a judge by so many steps of L-BFGS on the weighted log loss with weight decay."""
    centre, scale = X.mean(0), X.std(0) + 1e-6
    # single precision is half the time
    Z, y, w = (np.float32(values) for values in (np.clip((X - centre) / scale, -6, 6), y, w / w.sum()))
    size = Z.shape[1]
    rng = np.random.default_rng(seed)
    start = np.concatenate(
        [rng.normal(0, size**-0.5, hidden * size), np.zeros(hidden), rng.normal(0, 0.3, hidden), [0.0]]
    )

    def loss(p: np.ndarray) -> tuple[float, np.ndarray]:
        p = np.float32(p)
        A, b = p[: hidden * size].reshape(hidden, size), p[hidden * size : hidden * (size + 1)]
        o, bias = p[hidden * (size + 1) : -1], p[-1]
        h = np.tanh(Z @ A.T + b)
        z = h @ o + bias
        value = (w * (np.logaddexp(0, z) - y * z)).sum(dtype=np.float64) + decay * ((A**2).sum() + (o**2).sum())
        g = w * (1 / (1 + np.exp(-z)) - y)
        gh = np.outer(g, o) * (1 - h * h)
        slope = np.concatenate([(gh.T @ Z + 2 * decay * A).ravel(), gh.sum(0), h.T @ g + 2 * decay * o, [g.sum()]])
        return float(value), slope.astype(np.float64)

    p = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": steps}).x
    rows = np.column_stack([p[: hidden * size].reshape(hidden, size), p[hidden * size : hidden * (size + 1)]])
    return Classifier(_rounded(centre), _rounded(scale), tuple(map(_rounded, rows)), _rounded(p[hidden * (size + 1) :]))


def _rounded(values: Sequence[float] | np.ndarray) -> tuple[float, ...]:
    return tuple(float(f"{v:.5g}") for v in values)


def cut_targets(clip: dict[str, Any]) -> list[float]:
    """Return what a judge should say of each candidate for a cut; NaN where nothing is learned from it.

    Where the first frame of a shot is mixed with the one before, either that or the next is right. It is learned of
    the less like what stands before it: the mixture of a picture with a flat one is the same picture in less light.
    """
    likeness = {t.start: features[CUT_FEATURES.index("likeness")] for t, features in clip["cuts"]}
    right, neither = {*clip["truth"]["cuts"]}, set()
    for unsure in clip["truth"]["unsure"]:
        neither |= {*range(unsure["frame"], unsure.get("last", unsure["frame"]) + 1)}
        first = unsure.get("alt_of")
        if first in right:
            neither.add(first)
            right.remove(first)
            right |= {*sorted({first, unsure["frame"]} & likeness.keys(), key=lambda n: likeness[n])[:1]}
    return [1.0 if n in right else np.nan if n in neither else 0.0 for n in likeness]


def cut_judge(clips: list[dict[str, Any]]) -> Classifier:
    """Train on cuts; every candidate is seen twice, once with noise on its features and often without colour."""
    clips = [clip for clip in clips if clip["truth"]["kind"] != "joined"]
    rng = np.random.default_rng(1)
    X = np.array([features for clip in clips for _, features in clip["cuts"]])
    y = np.array([target for clip in clips for target in cut_targets(clip)])
    # mosaics are few and odd; stages that are cut are many lamps and few cuts
    matters = {"mosaic": 24.0, "lit": 0.3}
    w = np.array([matters.get(clip["truth"]["kind"], 1.0) for clip in clips for _ in clip["cuts"]])
    w *= np.where(y > 0, 1.5, 1.0)
    # most candidates are plainly none: a quarter of those, each for four
    share = X[:, CUT_FEATURES.index("share")]
    plain = (share <= 0.3) & (y == 0)
    kept = ~np.isnan(y) & (~plain | (rng.random(len(y)) < 0.25))
    X, y, w = X[kept], y[kept], (np.where(plain, 4.0, 1.0) * w)[kept]
    noisy = X + rng.normal(0, 0.12, X.shape) * X.std(0)
    noisy[:, CUT_FEATURES.index("colour")] *= rng.random(len(X)) < 0.5
    twice = np.vstack([X, noisy]), np.tile(y, 2), np.concatenate([w, 0.7 * w])
    return fit(*twice, judges=5, hidden=24, decay=1e-5, steps=400)


def gradual_judge(clips: list[dict[str, Any]]) -> Classifier:
    """Train on stretches; every one is seen twice, once with noise on its features."""
    # more lamps, which hold no gradual transitions, would make it miss some
    clips = [clip for clip in clips if clip["truth"]["kind"] not in ("trapped", "lit")]
    rng = np.random.default_rng(2)
    X = np.array([features for clip in clips for _, features in clip["graduals"]])
    targets = np.array([gradual_target(t, clip["truth"]) for clip in clips for t, _ in clip["graduals"]])
    noisy = X + rng.normal(0, 0.15, X.shape) * X.std(0)
    return fit(np.vstack([X, noisy]), *np.tile(targets.T, 2), judges=5, hidden=24, decay=1e-4, steps=220)


def cross_validate(clips: list[dict[str, Any]]) -> None:
    """Print scores by kind of clip, each clip judged by weights that saw nothing it is made of."""
    totals: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for pool in range(HELD_OUT):
        mine = [clip for clip in clips if clip["pool"] == pool]
        others = [clip for clip in clips if clip["pool"] != pool]
        judges = cut_judge(others), gradual_judge(others)
        for clip in mine:
            judged = [
                Transition(t.kind, t.start, t.stop, judge.score(features))
                for judge, of in zip(judges, ("cuts", "graduals"), strict=True)
                for t, features in clip[of]
            ]
            score = matched(choose(judged, ShotParameters()), clip["truth"])
            totals[clip["truth"]["kind"]] += score
            totals["all"] += score
    for kind, score in totals.items():
        print(f"{kind:14s} cuts F1 {F1(score, 'cut'):.4f}  gradual F1 {F1(score, 'gradual'):.4f}  {dict(score)}")


def source_of(judge: Classifier) -> str:
    """Return a judge as Python."""
    rows = "\n".join(_wrapped(f"{row!r},", 8) for row in judge.hidden)
    parts = "\n".join(_wrapped(f"{name}={getattr(judge, name)!r},", 4) for name in ("centre", "scale"))
    return f"Judge(\n{parts}\n    hidden=(\n{rows}\n    ),\n" + _wrapped(f"output={judge.output!r},", 4) + "\n)"


def _wrapped(text: str, indent: int) -> str:
    return textwrap.fill(text, 118, initial_indent=" " * indent, subsequent_indent=" " * (indent + 1))


def write_weights(clips: list[dict[str, Any]]) -> None:
    """Train both judges on all clips and write them where the toolkit reads them."""
    parts = (("CUT_CLASSIFIER", cut_judge(clips)), ("GRADUAL_CLASSIFIER", gradual_judge(clips)))
    WEIGHTS.write_text(
        '"""Weights of the judges of cuts and of gradual transitions: written by `training.train_classifiers`."""\n\n'
        '# fmt: off\nfrom ladders.judgement import Judge\n\n__all__ = ["CUT_JUDGE", "GRADUAL_JUDGE"]\n\n'
        + "\n\n".join(f"{name} = {source_of(judge)}" for name, judge in parts)
        + "\n"
    )


def main(argv: Sequence[str] = ()) -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "shotladder-shots")
    parser.add_argument("--first-seed", type=int, default=3300)
    parser.add_argument("--seeds", type=int, default=3696)
    parser.add_argument("--mosaics", type=int, default=480)
    parser.add_argument("--pans", type=int, default=104)
    parser.add_argument("--blended", type=int, default=240)
    parser.add_argument("--harder", type=int, default=480)
    parser.add_argument("--trapped", type=int, default=900)
    parser.add_argument("--lit", type=int, default=300)
    parser.add_argument("--joined", type=int, default=960)
    parser.add_argument("--write", action="store_true", help="write ladders/shot_weights.py")
    parser.add_argument("--skip-validation", action="store_true")
    options = parser.parse_args(argv)
    options.folder.mkdir(parents=True, exist_ok=True)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    jobs = [(variant, seed, options.folder) for seed in seeds if variants.pool_of(seed) != HELD_OUT]
    jobs += [(mosaic, seed, options.folder) for seed in range(options.mosaics)]
    jobs += [(pans, seed, options.folder) for seed in range(options.pans)]
    jobs += [(blended, seed, options.folder) for seed in range(options.blended)]
    jobs += [(harder, seed, options.folder) for seed in range(options.harder)]
    jobs += [(trapped, seed, options.folder) for seed in range(options.trapped)]
    jobs += [(lit, seed, options.folder) for seed in range(options.lit)]
    jobs += [(joined, seed, options.folder) for seed in range(options.joined)]
    with ProcessPoolExecutor(2) as pool:
        clips = list(pool.map(prepare, jobs, chunksize=8))
    print(f"{len(clips)} clips, {sum(clip['frames'] for clip in clips)} frames")
    if options.write:
        write_weights(clips)
    if not options.skip_validation:
        cross_validate(clips)


if __name__ == "__main__":
    main(sys.argv[1:])
