"""Whether the simulator comes to the conclusions of reality: the order of sessions, and of players, by each QoE."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.stats import spearmanr

from abr.player.session_arrays import new_session_arrays
from abr.player.session_model import MODES
from abr.results.metrics import METRICS
from abr.simulation import prepare_player, session_metrics
from abr.web_players.web_title import WebTitle
from benchmarks.fidelity.session_facts import SessionFacts

__all__ = ["SessionQoe", "print_conclusions", "session_qoe"]

#: The metrics of `abr` that rank sessions.
QOES = ("vmaf_mean", *(name for name in METRICS if name.startswith("qoe_") and name != "qoe_puffer"))


class SessionQoe(NamedTuple):
    """The QoE of one session in reality and in the simulator."""

    session: str  #: trace and presentation
    player: str
    real: dict[str, float]
    simulated: dict[str, float]


def session_qoe(facts: SessionFacts, title: WebTitle) -> dict[str, float]:
    """Return every QoE of a session; NaN where it is undefined."""
    player = prepare_player(title.presentation, "hlsjs", MODES["player"])
    session = new_session_arrays(player.model, player.arrays, player.constants, player.memory())
    session.rungs[:] = np.maximum(facts.rungs, 0)
    outcome = session.outcome
    outcome["startup"], outcome["stall"] = 1e3 * facts.startup, 1e3 * facts.stall
    outcome["end"] = 1e3 * (facts.startup + facts.stall + title.presentation.duration)
    record = session_metrics(player, session)
    return {name: float(record[name]) for name in QOES}


def print_conclusions(sessions: Sequence[SessionQoe]) -> None:
    """Print the rank correlation over sessions, and how often two players come in the order of reality, by each QoE.

    A pair of players on the same trace counts if their QoE differs in reality.
    """
    print("\n| QoE | rank correlation over sessions | players in the same order | order by the mean |")
    print("|---|---|---|---|")
    for name in QOES:
        real = np.array([session.real[name] for session in sessions])
        simulated = np.array([session.simulated[name] for session in sessions])
        keep = ~(np.isnan(real) | np.isnan(simulated))
        if keep.sum() < 3:
            continue
        correlation = spearmanr(real[keep], simulated[keep]).statistic
        same, count = _same_order([session for session, kept in zip(sessions, keep, strict=True) if kept], name)
        players = sorted({session.player for session in sessions})
        orders = [
            sorted(players, key=lambda player: -np.mean([values[n] for n in _places(sessions, player, keep)]))
            for values in (real, simulated)
        ]
        order = " > ".join(orders[0]) + (
            " (both)" if orders[0] == orders[1] else f"; simulated {' > '.join(orders[1])}"
        )
        print(f"| {name} | {correlation:.3f} | {same} of {count} | {order} |")


def _places(sessions: Sequence[SessionQoe], player: str, keep: Iterable[bool]) -> list[int]:
    return [
        n for n, (session, kept) in enumerate(zip(sessions, keep, strict=True)) if kept and session.player == player
    ]


def _same_order(sessions: Sequence[SessionQoe], name: str) -> tuple[int, int]:
    """Return how many pairs of players on a trace come in the same order, and the number of pairs."""
    same = count = 0
    for a, b in combinations(sessions, 2):
        if a.session != b.session or a.player == b.player or a.real[name] == b.real[name]:
            continue
        count += 1
        same += (a.real[name] > b.real[name]) == (a.simulated[name] > b.simulated[name])
    return same, count
