"""How long the machine works between downloads, from the rehearsals of recorded sessions, which have no link."""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from itertools import pairwise
from typing import Any

import numpy as np

__all__ = ["print_times", "rehearsal_times"]

#: Percentiles that are printed: a machine without other work, and the usual one.
PERCENTILES = (10, 50)
#: Longest pause between two requests that is the work of the machine, s: less than a period of the timers of a player.
MAX_PAUSE = 0.09


def rehearsal_times(rehearsal: dict[str, Any]) -> tuple[float, float, float] | None:
    """Return the fields of `abr.web_players.processing_times.ProcessingTimes`; None if the player did not play, s."""
    requests = rehearsal["resources"]
    video = [request for request in requests if "/video/" in request[0]]
    ends = [end for name, _, end in video if name.endswith(".m4s")]
    after = [begin for name, begin, _ in requests if "video" in name and ends and begin >= ends[0]]
    if rehearsal["playing"] is None or not after:
        return None
    pauses = [b[1] - a[2] for a, b in pairwise(video[1:]) if a[0].endswith(".m4s") and b[0].endswith(".m4s")]
    pauses = [pause for pause in pauses if 0 < pause < MAX_PAUSE]
    return requests[1][1] - requests[0][2], after[0] - ends[0], float(np.median(pauses)) if pauses else np.nan


def print_times(options: argparse.Namespace) -> None:
    """Print percentiles of the processing times of each player."""
    times = defaultdict(list)
    for path in options.recordings.rglob("*__*__*.json"):
        recording = json.loads(path.read_text())
        if (options.half == "all" or path.name.startswith(options.half)) and recording["seen"].get("rehearsals"):
            times[recording["player"]].append(rehearsal_times(recording["seen"]["rehearsals"][-1]))
    for player, rows in sorted(times.items()):
        table = np.array([row for row in rows if row is not None])
        for percentile in PERCENTILES:
            values = np.nanpercentile(table, percentile, axis=0)
            print(
                f"{player:8} {len(table)} rehearsals, percentile {percentile}: " + " ".join(f"{x:.3f}" for x in values)
            )
