"""The offline bound: gap, CPU time, and whether a policy exceeds it.

    python -m benchmarks.replay_bound [SESSIONS]

Input: 48 segments and 6 rungs of Envivio with real 3G traces if the folder `shared` is next to the checkout, otherwise
generated ones.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from statistics import median

import abr

SHARED = Path(__file__).resolve().parents[2] / "shared"


def main(sessions: int = 43) -> None:
    if SHARED.is_dir():
        pres = abr.load_presentation(SHARED / "truth/envivio/size")
        traces = list(abr.load_traces([SHARED / "traces/norway3g"]))[:sessions]
    else:
        from benchmarks.replay_speed import film

        pres = film()
        traces = [abr.generate_trace("3g", seed=seed) for seed in range(sessions)]
    names = list(abr.REGISTRY)
    table = abr.simulate_many(pres, traces, names)
    reached = abr.objective(table["qoe_lin"], table["startup_delay"]).reshape(len(names), -1)
    abr.offline_bound(pres, traces[0])
    gaps, times, margins = [], [], []
    for column, trace in enumerate(traces):
        start = time.process_time()
        bound = abr.offline_bound(pres, trace)
        times.append(time.process_time() - start)
        gaps.append(bound.gap)
        margins.append(bound.upper - reached[:, column].max())
    print(f"{len(traces)} sessions of {len(pres.durations)} segments x {len(pres.rungs)} rungs, {len(names)} policies")
    print(f"gap between the bounds: median {median(gaps):.4%}, max {max(gaps):.2%}")
    print(f"CPU time per session: median {median(times):.2f} s, max {max(times):.2f} s")
    verdict = "no policy exceeds it" if min(margins) >= -1e-6 else "A POLICY EXCEEDS IT"
    print(f"min difference between the upper bound and the best policy: {min(margins):.3f} ({verdict})")
    print(f"mean regret of the best policy of each session: {sum(margins) / len(margins):.2f}")


if __name__ == "__main__":
    main(*(int(arg) for arg in sys.argv[1:]))
