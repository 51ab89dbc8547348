"""Cuts and gradual transitions against PySceneDetect, on hand-labelled real clips and on generated ones.

    python -m benchmarks.shot_detection [--generated 231] [--cuts 133] [--first-seed 10032] [--negative-minutes 21]

Generated clips are those of the fold of textures and scenes that `training.train_classifiers` leaves out: every kind
equally often, and as many more clips of plain cuts as there are of hard negatives. The minutes of hard negatives are
other clips. Cuts at a tolerance of 0 frames, by the rules of `training.shot_scores`. Adaptive and Content run at their
defaults; they detect no gradual transitions, so a detection inside one counts as a hit.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import scenedetect

import encoder
import ladders
from ladders import Transition
from training.clips import variants
from training.clips.clip_recipes import TEST_FOLD
from training.shot_scores import F1, load_labels, matched, precision

SHARED = Path(__file__).resolve().parents[2] / "shared"
PEERS = {"adaptive": scenedetect.AdaptiveDetector, "content": scenedetect.ContentDetector}


def ours(path: Path) -> list[Transition]:
    """Return the transitions that shotladder finds."""
    return list(ladders.analyse_shots(encoder.inspect(path)).transitions)


def theirs(path: Path, peer: str, truth: dict) -> list[Transition]:
    """Return what a detector of PySceneDetect finds; a detection inside a gradual transition counts as that."""
    scenes = scenedetect.detect(str(path), PEERS[peer]())
    found = []
    for start, _ in scenes[1:]:
        n = start.frame_num
        real = next((g for g in truth["gradual"] if g["start"] - 2 <= n < g["stop"] + 2), None)
        if real is None:
            found.append(Transition("cut", n, n, 1.0))
        else:
            inside = min(max(n, real["start"]), real["stop"] - 1)
            found.append(Transition(real["kind"], inside, inside + 1, 1.0))
    return found


def written(clip: variants.Clip, folder: str) -> tuple[str, Path, dict]:
    """Encode a generated clip; return its kind, its file and its labels."""
    path = variants.write_clip(Path(folder) / f"{clip.kind}{clip.seed}.mp4", clip)
    return clip.kind, path, json.loads(path.with_name(path.name + ".json").read_text())


def compare(clips: list[tuple[str, Path, dict]]) -> dict[str, collections.Counter[str]]:
    """Return the scores of each detector on some clips, in total and by kind of clip."""
    totals: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for name, path, truth in clips:
        line = {"ours": matched(ours(path), truth)}
        line |= {peer: matched(theirs(path, peer, truth), truth) for peer in PEERS}
        for who, score in line.items():
            totals[who] += score
            totals[f"{who}:{truth.get('kind', name)}"] += score
    return totals


def report(title: str, totals: dict[str, collections.Counter[str]]) -> None:
    """Print one table."""
    print(f"\n{title}")
    print(f"{'':44s} cut F1  prec.  missed false | gradual F1  found  ends<=3  false")
    for who, s in sorted(totals.items(), key=lambda item: (item[0].split(":")[-1] if ":" in item[0] else "", item[0])):
        real = s["gradual_hit"] + s["gradual_missed"]
        print(
            f"{who:44s} {F1(s, 'cut'):.4f} {precision(s, 'cut'):.4f} {s['cut_missed']:5d} {s['cut_false']:5d}  |"
            f"   {F1(s, 'gradual'):.4f}  {s['gradual_hit']:3d}/{real:<3d} {s['ends_right']:5d} {s['gradual_false']:5d}"
        )


def main(argv: Sequence[str] = ()) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--generated", type=int, default=231, help="generated clips; 33 contain every kind once")
    parser.add_argument("--cuts", type=int, default=133, help="further clips of plain cuts")
    parser.add_argument("--first-seed", type=int, default=10032)
    parser.add_argument("--negative-minutes", type=float, default=21)
    options = parser.parse_args(argv)
    if not SHARED.is_dir():
        print(f"real clips skipped: {SHARED} does not exist")
    else:
        truths = [load_labels(p) for p in sorted((SHARED / "truth" / "shots").glob("*.json"))]
        report("real clips", compare([(t["clip"], SHARED / "clips" / t["clip"], t) for t in truths]))
    with tempfile.TemporaryDirectory() as folder:
        unseen = (s for s in itertools.count(options.first_seed) if variants.fold_of(s) == TEST_FOLD)
        seeds = list(itertools.islice(unseen, options.generated + options.cuts))
        made = (variants.generate(s, kind=None if n < options.generated else "cut") for n, s in enumerate(seeds))
        report(
            f"{len(seeds)} generated clips, {seeds[0]} to {seeds[-1]}",
            compare([written(clip, folder) for clip in made]),
        )
        clips, frames = [], 0.0
        while frames < options.hard_negative_minutes * 60 * variants.RATE:
            kind = variants.KINDS[-1 - len(clips) % len(variants.ALL_HARD_NEGATIVES)]
            clips.append(written(variants.generate(next(unseen), kind=kind), folder))
            frames += clips[-1][2]["frame_count"]
        totals = compare(clips)
        minutes = frames / variants.RATE / 60
        report(f"{len(clips)} clips of hard negatives, {minutes:.1f} minutes", totals)
        rates = (f"{who} {totals[who]['cut_false'] * 10 / minutes:.2f}" for who in ("ours", *PEERS))
        print(f"false cuts in 10 minutes of hard negatives: {', '.join(rates)}")


if __name__ == "__main__":
    main(sys.argv[1:])
