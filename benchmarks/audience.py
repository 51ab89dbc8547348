"""Compare rungs that are placed for a client population with the default rungs, on traces not used for the placement.

    python -m benchmarks.audience

The exhaustive grids and the traces of `../shared` replace encodes and viewers. The traces are split by route: the rungs
are placed for one half, and both ladders are simulated on the other half with the sizes and the VMAF of each shot. The
benchmark prints the difference of the expected quality (`abr.expected_quality`: delivered VMAF minus 2 points for each
percent of stalled time) and of the VMAF, with 95 % intervals over traces, and the mean of all differences.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np

import abr
from abr.expected_quality import STALL_PENALTY
from abr.results.interval import cluster_interval
from benchmarks._grids import LIMITS, Grid
from benchmarks.ladder_grids import GRIDS, read_grid
from ladders import RungRules
from ladders.allocation.equal_slope import equal_slope
from ladders.allocation.rung_placement import RungChoice, choose_rungs
from ladders.allocation.title_curve import TitleCurve
from shotladder.pipeline.client_population import ClientPopulation

#: folder of the traces
TRACES = Path(__file__).resolve().parents[2] / "shared" / "traces"
#: sets of traces, by folder
NETWORKS = ("norway3g", "pensieve", "fcc-sd", "ghent4g")
#: median of the mean throughput of the scaled traces, multiple of the middle bitrate of the default ladder
LOADS = (0.7, 1.0)
#: duration of a segment, s; the default of `shotladder encode`
SEGMENT_DURATION = 4.0
#: duration of a presentation, s: the source is repeated to fill it
PRESENTATION_DURATION = 600.0
#: number of start offsets for each trace
STARTS = 8
#: policies that both ladders are simulated with
POLICIES = ("bba-2", "bola-e", "robust-mpc")


def fit_title_curves(grid: Grid) -> dict[int, TitleCurve]:
    """Return the rate-quality curve of the title for each height of the grid."""
    return {size: equal_slope(grid.at(size), grid.frames, LIMITS) for size in grid.sizes}


def make_presentation(grid: Grid, title: dict[int, TitleCurve], ladder: Sequence[RungChoice]) -> abr.Presentation:
    """Return the presentation of a ladder with the bits and the VMAF of each shot, repeated to fill ten minutes."""
    columns = []
    for choice in ladder:
        indices = title[choice.height].for_bits(choice.rate * grid.duration * (1 + 1e-9)).indices
        points = list(zip(grid.at(choice.height), indices, strict=True))
        columns.append([(curve.bits[i] / 8, curve.quality[i]) for curve, i in points])
    table = np.array(columns).transpose(1, 0, 2)
    seconds = np.array(grid.frames) * grid.duration / sum(grid.frames)
    # a shot that is longer than a segment becomes several segments
    parts = np.maximum(1, np.round(seconds / SEGMENT_DURATION).astype(int))
    repeats = max(1, round(PRESENTATION_DURATION / grid.duration))
    sizes = np.tile(np.repeat(table[:, :, 0] / parts[:, None], parts, axis=0), (repeats, 1))
    vmaf = np.tile(np.repeat(table[:, :, 1], parts, axis=0), (repeats, 1))
    durations = np.tile(np.repeat(seconds / parts, parts), repeats)
    rungs = tuple(abr.Rung(str(n), round(c.rate), height=c.height) for n, c in enumerate(ladder))
    return abr.Presentation("film", rungs, durations, np.ceil(sizes).astype(np.int64), vmaf)


def main() -> None:
    if not GRIDS.is_dir():
        print("the grids are not beside this checkout")
        return
    differences: list[float] = []
    for path in sorted(GRIDS.glob("*.csv")):
        grid, _ = read_grid(path)
        title = fit_title_curves(grid)
        default = choose_rungs(title, grid.duration, RungRules())
        middle = float(np.median([choice.rate for choice in default]))
        for name, load in product(NETWORKS, LOADS):
            traces = abr.load_traces([TRACES / name])
            factor = load * middle / float(np.median([trace.mean_rate for trace in traces]))
            placement_traces, test_traces = abr.split_traces([trace.scaled(factor) for trace in traces], 0.5, seed=1)
            placed = choose_rungs(
                title,
                grid.duration,
                RungRules(
                    expected_quality=ClientPopulation(
                        "placement", PRESENTATION_DURATION, SEGMENT_DURATION, placement_traces
                    )
                ),
            )
            ladders = [make_presentation(grid, title, ladder) for ladder in (default, placed)]
            heading = f"{path.name.partition('.')[0]}, {name}, load {load}"
            print(f"{heading}: {len(placement_traces)} traces for the placement, {len(test_traces)} for the comparison")
            for ladder, kind in ((default, "default"), (placed, "placed")):
                print(f"  {kind:7}" + " ".join(f"{c.rate / 1e3:.0f}k({c.quality:.0f})" for c in ladder))
            offsets = abr.start_offsets(test_traces, STARTS, seed=7)
            for policy in POLICIES:
                tables = [abr.simulate_many(ladder, test_traces, policy, starts=offsets) for ladder in ladders]
                expected = [t["vmaf_mean"] - 100 * STALL_PENALTY * t["rebuffer_ratio"] for t in tables]
                intervals = []
                for values in (expected, [t["vmaf_mean"] for t in tables]):
                    difference = values[1] - values[0]
                    low, high = cluster_interval(difference, tables[0]["trace"])
                    intervals.append(f"{difference.mean():+.2f} [{low:+.2f}, {high:+.2f}]")
                differences.append(float((expected[1] - expected[0]).mean()))
                print(f"  {policy:11} expected quality {intervals[0]}, VMAF {intervals[1]}")
    higher = sum(value > 0 for value in differences)
    print(f"expected quality, all {len(differences)} differences: mean {np.mean(differences):+.2f}, ", end="")
    print(f"higher in {higher}, minimum {min(differences):+.2f}")


if __name__ == "__main__":
    main()
