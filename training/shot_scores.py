"""Score detected transitions against labels: hits, misses, false alarms, F1.

Labels are half-open ranges of frames. `cuts` are the first frames of new shots; `gradual` the frames inside gradual
transitions; a detection within `unsure` is neither right nor wrong, or counts as the cut `alternative_of`.
"""

from __future__ import annotations

import collections
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ladders import Transition

__all__ = ["F1", "load_labels", "matched", "precision"]

#: Maximum error, in frames, of both ends of a gradual transition that count as exact.
ENDS = 3


def load_labels(path: Path) -> dict[str, Any]:
    """Read hand-made labels, whose ranges include their last frame, as half-open ranges."""
    labels: dict[str, Any] = json.loads(path.read_text())
    for each in [*labels["gradual"], *labels.get("flashes", [])]:
        each["start"], each["stop"] = each.pop("first"), each.pop("last") + 1
    for each in labels["unsure"]:
        each["start"] = each.pop("frame")
        each["stop"] = each.pop("last", each["start"]) + 1
        if "alt_of" in each:
            each["alternative_of"] = each.pop("alt_of")
    return labels


def matched(found: Iterable[Transition], truth: dict[str, Any], tolerance: int = 0) -> collections.Counter[str]:
    """Count hits, misses and false alarms of cuts and of gradual transitions.

    Cuts are matched one to one, nearest first, within `tolerance` frames. A detected gradual transition hits a labelled
    one that it overlaps, each once. What is left within `unsure` is ignored; the rest are false alarms. A cut inside
    a gradual transition, or at most two frames outside it, is a false alarm too: it splits the transition.
    """
    score: collections.Counter[str] = collections.Counter()
    found = list(found)
    cuts = [t.start for t in found if t.kind == "cut"]
    alike = {u["start"]: u["alternative_of"] for u in truth["unsure"] if "alternative_of" in u}
    cuts = [alike.get(c, c) if alike.get(c, c) not in cuts else c for c in cuts]
    pairs = sorted((abs(c - t), c, t) for c in cuts for t in truth["cuts"] if abs(c - t) <= tolerance)
    used_cuts: set[int] = set()
    used_truth: set[int] = set()
    for _, c, t in pairs:
        if c not in used_cuts and t not in used_truth:
            used_cuts.add(c)
            used_truth.add(t)
    score["cut_hit"] = len(used_truth)
    score["cut_missed"] = len(truth["cuts"]) - len(used_truth)
    hit: set[int] = set()
    for t in sorted((t for t in found if t.kind != "cut"), key=lambda t: -t.score):
        over = [
            n
            for n, real in enumerate(truth["gradual"])
            if n not in hit and max(t.start, real["start"]) < min(t.stop, real["stop"])
        ]
        if over:
            real = truth["gradual"][over[0]]
            hit.add(over[0])
            score["ends_right"] += abs(t.start - real["start"]) <= ENDS and abs(t.stop - real["stop"]) <= ENDS
        elif not _unsure(t.start, truth):
            score["gradual_false"] += 1
    for c in cuts:
        if c in used_cuts or c in alike:
            continue
        splits_gradual = any(real["start"] - 2 <= c < real["stop"] + 2 for real in truth["gradual"])
        if splits_gradual or not _unsure(c, truth):
            score["cut_false"] += 1
    score["gradual_hit"] = len(hit)
    score["gradual_missed"] = len(truth["gradual"]) - len(hit)
    return score


def _unsure(frame: int, truth: dict[str, Any]) -> bool:
    return any(u["start"] <= frame < u["stop"] for u in truth["unsure"])


def F1(score: collections.Counter[str], kind: str) -> float:  # noqa: N802 - that is its name
    """Return the F1 score of cuts or of gradual transitions; 1 if there are neither labels nor detections."""
    hits = 2 * score[f"{kind}_hit"]
    wrong = score[f"{kind}_missed"] + score[f"{kind}_false"]
    return hits / (hits + wrong) if hits + wrong else 1.0


def precision(score: collections.Counter[str], kind: str) -> float:
    """Return the fraction of detections that are correct; 1 without detections."""
    detections = score[f"{kind}_hit"] + score[f"{kind}_false"]
    return score[f"{kind}_hit"] / detections if detections else 1.0
