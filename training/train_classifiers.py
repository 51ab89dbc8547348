"""Train the classifiers of cuts and of gradual transitions on generated clips, and write `ladders/shots/models`.

    python -m training.train_classifiers [--folder DIR] [--first-seed 3300] [--seeds 3696] [--mosaics 480] [--pans 104]
        [--blended-cuts 240] [--difficult-kinds 480] [--more-hard-negatives 900] [--cuts-in-stage-light 300]
        [--more-transitions 960] [--write [DIR]]

Clips come from `training.clips.variants` (a range of seeds without those of the test fold, every kind equally often)
and from `training.clips.clip_recipes`, which adds what those lack: hard-edged textures without colour, cameras that
never stop, cuts with one blended frame, cuts between stage lights; and more of the kinds in which errors are most
frequent. Clips of gradual transitions from there train the gradual classifier only. No real clip is used for training.
The printed scores are cross-validated: a clip is scored by classifiers that were trained on none of its textures and
scenes. The folder keeps the clips, so that a second run does not generate them again.
"""

from __future__ import annotations

import argparse
import collections
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

import encoder
from ladders.shots.classifier import Classifier
from ladders.shots.cuts import CUT_FEATURES, cut_candidates, cut_features
from ladders.shots.detector import select_transitions
from ladders.shots.frame_window import FrameWindow
from ladders.shots.gradual.dissolve_detection import describe_candidate, gradual_candidates, window_lengths
from ladders.shots.gradual.gradual_features import GRADUAL_FEATURES
from ladders.shots.scan import ShotParameters, Transition
from training.clips import variants
from training.clips.clip_recipes import (
    TEST_FOLD,
    blended_cuts,
    cuts_in_stage_light,
    difficult_kinds,
    fold_of,
    more_hard_negatives,
    more_transitions,
    mosaic,
    pans,
    variant,
)
from training.shot_scores import F1, matched

#: Where the models that ship are.
MODELS = Path(__file__).parents[1] / "ladders" / "shots" / "models"
#: Tolerance, in frames, of the ends of a window that is labelled as a correct one.
_ENDS_TOLERANCE = 3
#: Clips of a second set of features with noise: its standard deviation relative to that of the feature.
_CUT_NOISE, _GRADUAL_NOISE = 0.12, 0.15


def prepare(job: tuple[Callable[[int], variants.Clip], int, Path]) -> dict[str, Any]:
    """Generate a clip unless the folder contains it; return its labels and candidates, (transition, features) each."""
    made_by, seed, folder = job
    path = folder / f"{made_by.__name__}{seed}.mp4"
    if not path.with_name(path.name + ".json").exists():
        variants.write_clip(path, made_by(seed))
    truth = json.loads(path.with_name(path.name + ".json").read_text())
    source = encoder.inspect(path)
    window: FrameWindow | None = None
    for frame in encoder.decode(source, deblock=False):
        window = window or FrameWindow(source, frame, source.frame_count)
        window.push(frame)
    assert window is not None
    cuts = [
        (
            Transition("cut", int(n), int(n), 0.0),
            _values(cut_features(window, int(n), source.frame_count), CUT_FEATURES),
        )
        for n in cut_candidates(window.changes)
        if n
    ]
    graduals = {}
    for _, s, e in gradual_candidates(window, window_lengths(ShotParameters().max_transition_frames(source))):
        found = describe_candidate(window, s, e)
        if found is not None:
            graduals[found.start, found.stop] = (
                Transition(found.kind, found.start, found.stop, 0.0),
                _values(found.features, GRADUAL_FEATURES),
            )
    fold = fold_of(truth["kind"], seed)
    return {
        "truth": truth,
        "fold": fold,
        "cuts": cuts,
        "graduals": list(graduals.values()),
        "frames": source.frame_count,
    }


def gradual_target(transition: Transition, truth: dict[str, Any]) -> tuple[float, float]:
    """Return the target score of a window and its weight, by how well it matches a labelled transition."""
    best = 0.0
    for real in truth["gradual"]:
        both = min(transition.stop, real["stop"]) - max(transition.start, real["start"])
        either = max(transition.stop, real["stop"]) - min(transition.start, real["start"])
        if abs(transition.start - real["start"]) <= 3 and abs(transition.stop - real["stop"]) <= 3:
            return 1.0, 1.0
        best = max(best, both / either)
    if best > 0.25:
        return (0.7, 1.0) if best > 0.5 else (0.4, 0.5)
    return 0.0, 0.3 if best > 0.1 else 1.0


def fit(
    names: tuple[str, ...],
    X: np.ndarray,
    y: np.ndarray,
    w: np.ndarray,
    *,
    networks: int,
    hidden: int,
    decay: float,
    steps: int,
) -> Classifier:
    """Fit several networks from different initial weights, and join them to one that returns their mean logit."""
    fitted = [fit_one(names, X, y, w, hidden, decay, steps, seed) for seed in range(networks)]
    hidden_units = np.vstack([each.hidden for each in fitted])
    output = np.array([each.output for each in fitted]) / networks
    joined_output = _rounded([*output[:, :-1].ravel(), output[:, -1].sum()])
    return Classifier(names, fitted[0].centre, fitted[0].scale, hidden_units, joined_output)


def fit_one(
    names: tuple[str, ...],
    X: np.ndarray,
    y: np.ndarray,
    w: np.ndarray,
    hidden: int,
    decay: float,
    steps: int,
    seed: int,
) -> Classifier:
    """Fit a network with `steps` iterations of L-BFGS on the weighted log loss with weight decay."""
    centre, scale = X.mean(0), X.std(0) + 1e-6
    # single precision halves the time
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
    return Classifier(names, _rounded(centre), _rounded(scale), _rounded(rows), _rounded(p[hidden * (size + 1) :]))


def _rounded(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Round to five significant digits, as the models that ship are."""
    array = np.asarray(values, np.float64)
    return np.array([float(f"{value:.5g}") for value in array.ravel()]).reshape(array.shape)


def _values(features: Mapping[str, float], names: Sequence[str]) -> np.ndarray:
    return np.array([features[name] for name in names], np.float64)


def cut_targets(clip: dict[str, Any]) -> list[float]:
    """Return the target score of each candidate for a cut; NaN for those that training ignores.

    If the first frame of a shot is blended with the one before, either it or the next frame is correct. The one that
    correlates less with the frame before it gets the target 1: a frame blended with a flat one only changes brightness.
    """
    likeness = {t.start: features[CUT_FEATURES.index("thumbnail_correlation")] for t, features in clip["cuts"]}
    right, neither = {*clip["truth"]["cuts"]}, set()
    for unsure in clip["truth"]["unsure"]:
        neither |= {*range(unsure["start"], unsure["stop"])}
        first = unsure.get("alternative_of")
        if first in right:
            neither.add(first)
            right.remove(first)
            right |= {*sorted({first, unsure["start"]} & likeness.keys(), key=lambda n: likeness[n])[:1]}
    return [1.0 if n in right else np.nan if n in neither else 0.0 for n in likeness]


def train_cut_classifier(clips: list[dict[str, Any]]) -> Classifier:
    """Train the cut classifier; every candidate is used twice, the second time with noise and often without colour."""
    clips = [clip for clip in clips if clip["truth"]["kind"] != "more_transitions"]
    rng = np.random.default_rng(1)
    X = np.array([features for clip in clips for _, features in clip["cuts"]])
    y = np.array([target for clip in clips for target in cut_targets(clip)])
    # mosaics are rare and unlike the others; clips of stage lights contain many light changes and few cuts
    kind_weights = {"mosaic": 24.0, "cuts_in_stage_light": 0.3}
    w = np.array([kind_weights.get(clip["truth"]["kind"], 1.0) for clip in clips for _ in clip["cuts"]])
    w *= np.where(y > 0, 1.5, 1.0)
    # most candidates are clearly no cuts: use a quarter of those, with four times the weight
    share = X[:, CUT_FEATURES.index("inter_residual_ratio")]
    plain = (share <= 0.3) & (y == 0)
    kept = ~np.isnan(y) & (~plain | (rng.random(len(y)) < 0.25))
    X, y, w = X[kept], y[kept], (np.where(plain, 4.0, 1.0) * w)[kept]
    noisy = X + rng.normal(0, _CUT_NOISE, X.shape) * X.std(0)
    noisy[:, CUT_FEATURES.index("log_chroma_difference")] *= rng.random(len(X)) < 0.5
    twice = np.vstack([X, noisy]), np.tile(y, 2), np.concatenate([w, 0.7 * w])
    return fit(CUT_FEATURES, *twice, networks=5, hidden=24, decay=1e-5, steps=400)


def train_gradual_classifier(clips: list[dict[str, Any]]) -> Classifier:
    """Train the gradual classifier; every candidate is used twice, the second time with noise on its features."""
    # with more stage lights, which contain no gradual transitions, it would miss some
    clips = [clip for clip in clips if clip["truth"]["kind"] not in ("more_hard_negatives", "cuts_in_stage_light")]
    rng = np.random.default_rng(2)
    X = np.array([features for clip in clips for _, features in clip["graduals"]])
    targets = np.array([gradual_target(t, clip["truth"]) for clip in clips for t, _ in clip["graduals"]])
    noisy = X + rng.normal(0, _GRADUAL_NOISE, X.shape) * X.std(0)
    return fit(
        GRADUAL_FEATURES, np.vstack([X, noisy]), *np.tile(targets.T, 2), networks=5, hidden=24, decay=1e-4, steps=220
    )


def cross_validate(clips: list[dict[str, Any]]) -> None:
    """Print scores by kind of clip; each clip is scored by classifiers that saw none of its textures and scenes."""
    totals: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for fold in range(TEST_FOLD):
        mine = [clip for clip in clips if clip["fold"] == fold]
        others = [clip for clip in clips if clip["fold"] != fold]
        classifiers = train_cut_classifier(others), train_gradual_classifier(others)
        for clip in mine:
            scored = [
                Transition(t.kind, t.start, t.stop, each.score(dict(zip(each.feature_names, features, strict=True))))
                for each, of in zip(classifiers, ("cuts", "graduals"), strict=True)
                for t, features in clip[of]
            ]
            score = matched(select_transitions(scored, ShotParameters()), clip["truth"])
            totals[clip["truth"]["kind"]] += score
            totals["all"] += score
    for kind, score in totals.items():
        print(f"{kind:14s} cuts F1 {F1(score, 'cut'):.4f}  gradual F1 {F1(score, 'gradual'):.4f}  {dict(score)}")


def write_models(clips: list[dict[str, Any]], folder: Path) -> None:
    """Train both classifiers on all clips and write `cut.npz` and `gradual.npz`."""
    folder.mkdir(parents=True, exist_ok=True)
    train_cut_classifier(clips).save(folder / "cut.npz")
    train_gradual_classifier(clips).save(folder / "gradual.npz")


def main(argv: Sequence[str] = ()) -> None:
    """Run the training."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "shotladder-clips")
    parser.add_argument("--first-seed", type=int, default=3300)
    parser.add_argument("--seeds", type=int, default=3696)
    parser.add_argument("--mosaics", type=int, default=480)
    parser.add_argument("--pans", type=int, default=104)
    parser.add_argument("--blended-cuts", type=int, default=240)
    parser.add_argument("--difficult-kinds", type=int, default=480)
    parser.add_argument("--more-hard-negatives", type=int, default=900)
    parser.add_argument("--cuts-in-stage-light", type=int, default=300)
    parser.add_argument("--more-transitions", type=int, default=960)
    parser.add_argument(
        "--write",
        type=Path,
        nargs="?",
        const=MODELS,
        metavar="DIR",
        help="write cut.npz and gradual.npz (default: %(const)s)",
    )
    parser.add_argument("--skip-validation", action="store_true")
    options = parser.parse_args(argv)
    options.folder.mkdir(parents=True, exist_ok=True)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    jobs = [(variant, seed, options.folder) for seed in seeds if variants.fold_of(seed) != TEST_FOLD]
    jobs += [(mosaic, seed, options.folder) for seed in range(options.mosaics)]
    jobs += [(pans, seed, options.folder) for seed in range(options.pans)]
    jobs += [(blended_cuts, seed, options.folder) for seed in range(options.blended_cuts)]
    jobs += [(difficult_kinds, seed, options.folder) for seed in range(options.difficult_kinds)]
    jobs += [(more_hard_negatives, seed, options.folder) for seed in range(options.more_hard_negatives)]
    jobs += [(cuts_in_stage_light, seed, options.folder) for seed in range(options.cuts_in_stage_light)]
    jobs += [(more_transitions, seed, options.folder) for seed in range(options.more_transitions)]
    with ProcessPoolExecutor(2) as fold:
        clips = list(fold.map(prepare, jobs, chunksize=8))
    print(f"{len(clips)} clips, {sum(clip['frames'] for clip in clips)} frames")
    if options.write:
        write_models(clips, options.write)
    if not options.skip_validation:
        cross_validate(clips)


if __name__ == "__main__":
    main(sys.argv[1:])
