"""The error of the simulator against real players: dash.js, hls.js and Shaka Player in headless Chromium.

    python -m benchmarks.fidelity record PRESENTATION... RECORDINGS [--traces FOLDER] [--player NAME[=FILE.js]]...
    python -m benchmarks.fidelity score RECORDINGS [--half dev|held-out|all] [--bad-windows FRACTION] [--write]
    python -m benchmarks.fidelity times RECORDINGS [--half dev|held-out|all]
    python -m benchmarks.fidelity decisions RECORDINGS

`record` plays whole sessions over a link that a trace shapes, and keeps each as a file; sessions that exist are not
played again. `score` simulates the same sessions and prints the table; `times` prints how long
the machine worked between downloads; `decisions` gives the rules of dash.js what the player measured in sessions of
its throughput rule, and counts equal decisions. PRESENTATION is an output directory of
`shotladder encode` with audio; one that is shorter than three minutes is repeated. --player takes another build of a
player. The players are those of `npm install --no-package-lock --prefix tests/browser`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.fidelity.decision_replay import print_decisions
from benchmarks.fidelity.recording_run import PLAYERS, record_all
from benchmarks.fidelity.rehearsal_times import print_times
from benchmarks.fidelity.score_table import print_scores


def main(words: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fidelity", description=__doc__)
    actions = parser.add_subparsers(required=True)
    record = actions.add_parser("record")
    record.add_argument("presentations", type=Path, nargs="+")
    record.add_argument("recordings", type=Path)
    record.add_argument("--traces", type=Path, help="folder with recorded traces, beside the generated ones")
    record.add_argument("--player", action="append", metavar="NAME[=FILE]", help=", ".join(PLAYERS))
    record.add_argument("--session", action="append", metavar="NAME", help="only these traces")
    record.add_argument("--side-by-side", type=int, default=3, metavar="COUNT", help="sessions at a time")
    record.add_argument("--runs", type=int, metavar="COUNT", help="runs of each session; default: more for some")
    record.add_argument(
        "--kernel", action="store_true", help="let the kernel shape the link, as root (`tc`, `ip netns`)"
    )
    record.set_defaults(action=record_all)
    score = actions.add_parser("score")
    score.add_argument("recordings", type=Path)
    score.add_argument("--half", choices=("dev", "held-out", "all"), default="all")
    score.add_argument(
        "--bad-windows",
        type=float,
        default=0.0,
        metavar="FRACTION",
        help="fraction of the windows of 2 s in which the link may be wrong by more than 2 %%",
    )
    score.add_argument("--write", action="store_true", help="write the data file that `shotladder policies` reads")
    score.add_argument("--verbose", action="store_true", help="print each session")
    score.set_defaults(action=print_scores)
    times = actions.add_parser("times")
    times.add_argument("recordings", type=Path)
    times.add_argument("--half", choices=("dev", "held-out", "all"), default="dev")
    times.set_defaults(action=print_times)
    decisions = actions.add_parser("decisions")
    decisions.add_argument("recordings", type=Path)
    decisions.set_defaults(action=print_decisions)
    options = parser.parse_args(words)
    options.action(options)


if __name__ == "__main__":
    main()
