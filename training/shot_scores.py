"""Score transitions against labelled truth, by the rules of the hand-labelled set's README."""

from __future__ import annotations

import collections
from collections.abc import Iterable
from typing import Any

from ladders import Transition

__all__ = ["F1", "matched", "precision"]

#: A gradual transition's ends count as found when both are within so many frames of the true ones.
ENDS = 3


def matched(found: Iterable[Transition], truth: dict[str, Any], tolerance: int = 0) -> collections.Counter[str]:
    """Count hits, misses and false alarms of cuts and of gradual transitions.

    Cuts are matched one to one, nearest first. What is left hits a gradual transition that it overlaps (a cut: by
    two frames at most outside it), once each; a further detection there is neither right nor wrong if it is a cut.
    Then what falls in `unsure` is dropped; the rest are false alarms.
    """
    score: collections.Counter[str] = collections.Counter()
    found = list(found)
    cuts = [t.start for t in found if t.kind == "cut"]
    alike = {u["frame"]: u["alt_of"] for u in truth["unsure"] if "alt_of" in u}
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
            if n not in hit and max(t.start, real["first"]) <= min(t.stop - 1, real["last"])
        ]
        if over:
            real = truth["gradual"][over[0]]
            hit.add(over[0])
            score["ends_right"] += abs(t.start - real["first"]) <= ENDS and abs(t.stop - 1 - real["last"]) <= ENDS
        elif not _unsure(t.start, truth):
            score["gradual_false"] += 1
    for c in cuts:
        if c in used_cuts or c in alike:
            continue
        inside = [real for real in truth["gradual"] if real["first"] - 2 <= c <= real["last"] + 2]
        if not inside and not _unsure(c, truth):
            score["cut_false"] += 1
        elif inside:
            # it broke a transition in two: a false boundary all the same
            score["cut_false"] += 1
    score["gradual_hit"] = len(hit)
    score["gradual_missed"] = len(truth["gradual"]) - len(hit)
    return score


def _unsure(frame: int, truth: dict[str, Any]) -> bool:
    return any(u["frame"] <= frame <= u.get("last", u["frame"]) for u in truth["unsure"])


def F1(score: collections.Counter[str], kind: str) -> float:  # noqa: N802 - that is its name
    """Return the F1 of cuts or of gradual transitions; 1 where there is nothing to find and nothing was."""
    hits = 2 * score[f"{kind}_hit"]
    wrong = score[f"{kind}_missed"] + score[f"{kind}_false"]
    return hits / (hits + wrong) if hits + wrong else 1.0


def precision(score: collections.Counter[str], kind: str) -> float:
    """Return the share of detections that are right."""
    said = score[f"{kind}_hit"] + score[f"{kind}_false"]
    return score[f"{kind}_hit"] / said if said else 1.0
