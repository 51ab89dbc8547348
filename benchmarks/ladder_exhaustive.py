"""The delivered ladder against exhaustive choices, by real encodes: every shot at every size and ten quantisers.

Claims: the final per-shot ladder, as encoded and measured on every frame, costs at most 1 % more bits (BD-rate) than
equal slope on the exhaustive grid, for at most 10 % of the grid's CPU seconds; against the best single quantiser per
rung (exhaustive per-title) it keeps all but a point of what the exhaustive per-shot choice saves. The grid takes the
encoder, preset, scaling and measurement of the final encodes, VMAF on every frame, many encodes of a shot in one
process (so its own cost is low, too); both sides count encoding, scaling and measuring, ours the analysis as well.

Beside them in the table: Apple's fixed ladder and constant VMAF per shot on the same grid; random probes at the cost of
ours; ours without each of its parts. Companions (VMAF-NEG, PSNR-Y, SSIM) compare our final encodes with encodes of the
per-title choice made for the same VMAF. Intervals are of a bootstrap over shots.

With ``--tune metric`` only ours is tuned so: what the encoder's choices for eyes and the allocation are worth together
in the metric, against the plain preset.

Run as ``python -m benchmarks.ladder_exhaustive [FILM] [--preset P] [--tune T]``; grids are kept in the store.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import encoder
import vmaf
from benchmarks._grids import (
    LIMITS,
    QUANTISERS,
    Grid,
    GridLadders,
    fit_grid,
    grid_prober,
    losses,
    rungs_of,
    smooth_costs,
)
from encoder import Source
from ladders import (
    APPLE_LADDERS,
    EncodeSettings,
    FinalEncodes,
    Ladder,
    LadderRequest,
    NoOverlapError,
    Prober,
    Rung,
    RungRules,
    StoppingRule,
    TrafficModel,
    analyse_shots,
    bd_rate,
    candidate_sizes,
    default_target,
    encode_final_chunks,
    find_ladder,
)
from ladders.allocation.constraints import RungTarget
from ladders.allocation.per_title import one_quantiser
from ladders.final.correction import encode_with_correction
from ladders.probing.probe_results import ProbePoint
from ladders.probing.sampling import frame_stride_for
from ladders.probing.search import ProbeSearch
from ladders.rd.curve_interpolation import fit_curve
from shotladder_runtime.store import Store

CLIPS = Path(__file__).resolve().parents[2] / "shared" / "clips"
FILMS = ("bbb_480p_30s_51.mp4", "goldeneye_vfr_drop3.mp4", "envivio_a_720p25_48s.mp4")
#: Quantisers of the grid.
CRFS = (15.0, 18.0, 21.0, 24.0, 27.0, 30.0, 33.0, 36.0, 39.0, 42.0)
#: Quantisers that one process makes at once, so that memory holds them.
BATCH = 5
#: Between which BD-rates count.
BAND = {"VMAF": (30.0, 96.0), "VMAF-NEG": (30.0, 96.0), "PSNR-Y": (20.0, 60.0), "SSIM-Y": (0.5, 1.0)}
RESAMPLES = 1000
#: VMAF between neighbouring shots, to see what bounding it costs.
JUMP = 10.0


@dataclass(frozen=True)
class Title:
    """A source with its shots and its request."""

    source: Source
    shots: tuple[int, ...]
    request: LadderRequest
    analysis_cpu: float
    store: Store

    def prober(self, store: Store, frame_stride: int, executor: ThreadPoolExecutor) -> Prober:
        """Return a prober of the chunks of the source."""
        chunks, _ = encoder.plan_chunks(self.source, self.shots, self.request.segment_duration)
        return Prober(self.source, chunks, self.request.encoding, store, executor, frame_stride=frame_stride)


def exhaustive(title: Title, executor: ThreadPoolExecutor, preset: str) -> tuple[Grid, float]:
    """Encode and measure the whole grid by a preset; return it with its CPU seconds."""
    encoding = replace(title.request.encoding, preset=preset, tune="visual")
    prober = replace(title, request=replace(title.request, encoding=encoding)).prober(title.store, 1, executor)
    sizes = list(candidate_sizes(title.source.display_size).values())
    chunks = range(len(prober.chunks))
    for begin in range(0, len(CRFS), BATCH):
        batch = CRFS[begin : begin + BATCH]
        prober.run(ProbePoint(n, size, crf) for n in chunks for size in sizes for crf in batch)
        print(f"  grid, {preset}: quantisers to {batch[-1]:g} done, {prober.cost.cpu_seconds:.0f} CPU s", flush=True)
    curves = {(n, s): fit_curve(list(prober.results.exact(n, s).values()), QUANTISERS) for n in chunks for s in sizes}
    frames = [chunk.frame_count for chunk in prober.chunks]
    return Grid(frames, float(title.source.duration), sizes, curves, _costs(prober, curves)), prober.cost.cpu_seconds


def _costs(prober: Prober, cells: Iterable[Any]) -> dict[Any, float]:
    """Share out what a grid has cost, encoding by pixels, to what probes of its cells cost: they measure few frames."""
    cells = list(cells)
    pixels = {(n, size): prober.chunks[n].frame_count * size[0] * size[1] for n, size in cells}
    frames = {(n, size): prober.chunks[n].frame_count for n, size in cells}
    encode, measure = (total / len(CRFS) for total in (prober.cost.encode_cpu_seconds, prober.cost.measure_cpu_seconds))
    return {
        cell: encode * pixels[cell] / sum(pixels.values())
        + measure
        * frames[cell]
        / sum(frames.values())
        / frame_stride_for(prober.chunks[cell[0]], LadderRequest().frame_stride)
        for cell in cells
    }


def ours(title: Title, executor: ThreadPoolExecutor, store: Store) -> tuple[Prober, Ladder, FinalEncodes]:
    """Make the ladder as `encode` does: probes, final encodes, corrections."""
    prober = title.prober(store, title.request.frame_stride, executor)
    _, segments = encoder.plan_chunks(title.source, title.shots, title.request.segment_duration)
    ladder = find_ladder(prober, segments, title.request)
    probes = prober.cost
    ladder, finals = encode_with_correction(prober, ladder, title.request)
    return prober, replace(ladder, cost=probes), finals


def points(title: Title, finals: FinalEncodes) -> list[tuple[float, float]]:
    """Return rate (bits/s) and mean VMAF of the encoded rungs."""
    duration = float(title.source.duration)
    return [(sum(c.bits for c in row) / duration, float(finals.vmaf(n).mean())) for n, row in enumerate(finals.chunks)]


def baselines(title: Title, grid: Grid, rungs: Sequence[tuple[float, float]]) -> dict[str, list[tuple[float, float]]]:
    """Return the curves of the other choices, at the qualities of ours where they are families."""
    duration = grid.duration
    qualities = [quality for _, quality in rungs]
    rung_targets = [RungTarget(quality, rate * duration) for rate, quality in rungs]
    curves = {
        "exhaustive per-shot": [(grid.optimum(a.quality, a) / duration, a.quality) for a in rung_targets],
        "exhaustive per-title": [(grid.per_title(q) / duration, q) for q in qualities],
        "constant VMAF per shot": [(grid.constant_quality(q) / duration, q) for q in qualities],
        "fixed ladder": _fixed(title, grid),
    }
    return {name: [p for p in curve if np.isfinite(p[0])] for name, curve in curves.items()}


def _fixed(title: Title, grid: Grid) -> list[tuple[float, float]]:
    """Return Apple's ladder at one quantiser a rung."""
    by_height = candidate_sizes(title.source.display_size)
    found: list[tuple[float, float]] = []
    for height, rate in APPLE_LADDERS["h264"]:
        size = by_height.get(height, by_height[max(by_height)] if height > max(by_height) else None)
        if size is None:
            continue
        allocation = one_quantiser(grid.at(size), grid.frames).for_bits(rate * grid.duration)
        if not found or allocation.quality > found[-1][1]:
            found.append((allocation.bits / grid.duration, allocation.quality))
    return found


def bd(anchor: list[tuple[float, float]], test: list[tuple[float, float]], metric: str = "VMAF") -> float:
    """Return the BD-rate in percent, NaN where there is none."""
    try:
        return bd_rate(anchor, test, band=BAND[metric]).percent
    except (NoOverlapError, ValueError):
        return float("nan")


def interval(grid: Grid, finals: FinalEncodes, ladder: Ladder) -> tuple[float, float]:
    """Return the 95 % interval of ours against per-title, shots drawn with replacement."""
    rng = np.random.default_rng(1)
    count = len(grid.frames)
    weights = np.array(grid.frames, float)
    bits = np.array([[c.bits for c in row] for row in finals.chunks], float)
    quality = np.array([[c.vmaf.mean() for c in row] for row in finals.chunks])
    changes = []
    for _ in range(RESAMPLES):
        drawn = rng.integers(count, size=count)
        frames = [grid.frames[n] for n in drawn]
        sample = Grid(
            frames,
            sum(frames) / sum(grid.frames) * grid.duration,
            grid.sizes,
            {(k, s): grid.curves[n, s] for k, n in enumerate(drawn) for s in grid.sizes},
            {},
        )
        mean = (quality[:, drawn] * weights[drawn]).sum(axis=1) / weights[drawn].sum()
        ratio = bits[:, drawn].sum(axis=1) / [sample.per_title(q) for q in mean]
        changes.append(100 * (np.exp(np.nanmean(np.log(ratio))) - 1))
    low, high = np.percentile(changes, (2.5, 97.5))
    return float(low), float(high)


def variants(title: Title, grid: Grid, fast: Grid | None, probes: int) -> dict[str, list[float]]:
    """Return the loss (%) against the optimum of each rung, of searches replayed on the grids."""
    rules = RungRules(target=title.request.rules.target)

    def searched(fast_grid: Grid | None, stopping: StoppingRule | None = None) -> Any:
        search = ProbeSearch(grid_prober(grid, fast_grid), grid.sizes, GridLadders(grid, rules), stopping)
        return search.run().curves

    unbounded = replace(LIMITS, floor_below_mean=100.0, peak_ratio=1e9)
    made = {
        "ours": rungs_of(grid, searched(fast), rules),
        "all probes by the final preset": rungs_of(grid, searched(None), rules),
        "only what a loss of 5 % asks for": rungs_of(grid, searched(fast, StoppingRule(tolerance_percent=5.0)), rules),
        "without floor and peak": rungs_of(grid, searched(fast), rules, unbounded),
        "random probes, as many": rungs_of(grid, _random(grid, probes), rules),
    }
    return {name: losses(grid, rungs)[0] for name, rungs in made.items()}


def _random(grid: Grid, probes: int) -> Any:
    """Spend as many probes at random: at least two for each curve, or there is none."""
    rng = np.random.default_rng(2)
    prober = grid_prober(grid)
    cells = [(n, s) for n in range(len(grid.frames)) for s in grid.sizes]
    for n, size in cells:
        prober.run(ProbePoint(n, size, float(q)) for q in rng.choice(QUANTISERS, 2, replace=False))
    while prober.cost.probes < probes:
        n, size = cells[rng.integers(len(cells))]
        prober.run([ProbePoint(n, size, float(rng.choice(QUANTISERS)))])
    return fit_grid(grid, prober)


def companions(
    title: Title, grid: Grid, prober: Prober, ladder: Ladder, finals: FinalEncodes
) -> dict[str, list[list[tuple[float, float]]]]:
    """Return rates and scores of our rungs, and of per-title ones made for equal VMAF, by metric."""
    rungs = []
    for _, quality in points(title, finals):
        choices = [(one_quantiser(grid.at(size), grid.frames).for_quality(quality), size) for size in grid.sizes]
        index, size = min((c for c in choices if c[0].quality >= quality), key=lambda c: c[0].bits, default=choices[0])
        quantisers = tuple(float(QUANTISERS[i]) for i in index.indices)
        rungs.append(Rung(size[0], size[1], quantisers, round(index.bits / grid.duration), index.quality))
    single = encode_final_chunks(prober, replace(ladder, rungs=tuple(rungs), tune="visual", overrides=()))
    table: dict[str, list[list[tuple[float, float]]]] = {}
    for made in (finals, single):
        for name, scores in _companions(title, prober, made).items():
            table.setdefault(name, []).append(scores)
    return table


def _companions(title: Title, prober: Prober, finals: FinalEncodes) -> dict[str, list[tuple[float, float]]]:
    """Return (rate, score) of every rung, by metric."""
    rates = [rate for rate, _ in points(title, finals)]
    sums: dict[str, np.ndarray] = {}
    measured = 0
    for n, chunk in enumerate(prober.chunks):
        scores = vmaf.score(
            title.source,
            [row[n].path for row in finals.chunks],
            metrics=("neg", "psnr", "ssim"),
            frame_stride=5 if chunk.frame_count >= 20 else 1,
            frames=(chunk.start, chunk.stop),
            offset=chunk.start,
            match_times=False,
        )
        each = {
            "VMAF": [s.vmaf.sum() for s in scores],
            "VMAF-NEG": [s.vmaf_neg.sum() for s in scores],  # type: ignore[union-attr]
            "PSNR-Y": [np.minimum(s.psnr_y, 60).sum() for s in scores],  # type: ignore[arg-type]
            "SSIM-Y": [s.ssim_y.sum() for s in scores],  # type: ignore[union-attr]
        }
        measured += len(scores[0].frames)
        for name, values in each.items():
            sums[name] = sums.get(name, np.zeros(len(values))) + np.array(values)
    return {name: list(zip(rates, (total / measured).tolist(), strict=True)) for name, total in sums.items()}


def study(path: Path, encoding: EncodeSettings, views: TrafficModel | None, store: Store) -> dict[str, float]:
    """Print one title's table; return its BD-rates and the share of the grid's CPU time that its ladder took, %."""
    source = encoder.inspect(path)
    vmaf.warm_up(source.bit_depth)
    with ThreadPoolExecutor(1) as executor, tempfile.TemporaryDirectory() as folder:
        # compiles what is not compiled yet
        analyse_shots(source)
        began = time.process_time()
        analysis = analyse_shots(source)
        analysis_cpu = time.process_time() - began
        request = LadderRequest(encoding=encoding, rules=RungRules(target=default_target(source)), traffic=views)
        title = Title(source, tuple(s.start for s in analysis.shots), request, analysis_cpu, store)
        grid, grid_cpu = exhaustive(title, executor, encoding.preset)
        fast = exhaustive(title, executor, encoding.fast_preset)[0] if encoding.fast_preset else None
        prober, ladder, finals = ours(title, executor, Store(Path(folder)))
        share = _print_costs(title, grid, grid_cpu, ladder, finals)
        return {"CPU share": share, **_print_losses(title, grid, fast, prober, ladder, finals)}


def _print_costs(title: Title, grid: Grid, grid_cpu: float, ladder: Ladder, finals: FinalEncodes) -> float:
    cost = ladder.cost
    spent = cost.cpu_seconds + title.analysis_cpu
    kept = sum(c.encode_cpu_seconds + c.measure_cpu_seconds for row in finals.chunks for c in row)
    again = finals.encode_cpu_seconds + finals.measure_cpu_seconds - kept
    print(f"{Path(title.source.path).name}: {len(grid.frames)} chunks, {len(grid.sizes)} sizes")
    print(
        f"  CPU s: ours {spent:.0f} (analysis {title.analysis_cpu:.0f}, encodes {cost.encode_cpu_seconds:.0f},"
        f" measuring {cost.measure_cpu_seconds:.0f}; {cost.probes / len(grid.frames):.1f} probes a chunk),"
        f" exhaustive {grid_cpu:.0f}: {100 * spent / grid_cpu:.1f} %;"
        f" final encodes {kept:.0f}, made again {again:.0f}"
    )
    for rung, (rate, quality) in zip(ladder.rungs, points(title, finals), strict=True):
        print(f"    {rung.height:5d} lines {rate / 1000:7.0f} kbit/s VMAF {quality:.2f} (target {rung.quality:.2f})")
    return 100 * spent / grid_cpu


def _print_losses(
    title: Title, grid: Grid, fast: Grid | None, prober: Prober, ladder: Ladder, finals: FinalEncodes
) -> dict[str, float]:
    rungs = points(title, finals)
    against = {f"against {name}": bd(curve, rungs) for name, curve in baselines(title, grid, rungs).items()}
    for name, percent in against.items():
        print(f"  BD-rate {name:32s} {percent:+6.2f} %")
    _print_stored(_fixed(title, grid), rungs)
    low, high = interval(grid, finals, ladder)
    print(f"  against exhaustive per-title, 95 % interval over shots: {low:+.2f} to {high:+.2f} %")
    for name, loss in variants(title, grid, fast, round(ladder.cost.probes)).items():
        print(f"  on the grids, {name:32s} loss {np.nanmean(loss):5.2f} %, worst rung {np.nanmax(loss):5.2f} %")
    rules = RungRules(target=title.request.rules.target)
    costs = smooth_costs(grid, rungs_of(grid, {size: grid.at(size) for size in grid.sizes}, rules), JUMP)
    print(f"  on the grid, neighbours within {JUMP:g} VMAF cost, by rung, %: {', '.join(f'{c:.2f}' for c in costs)}")
    for name, (mine, single) in companions(title, grid, prober, ladder, finals).items():
        print(f"  {name:9s} BD-rate against per-title encodes {bd(single, mine, name):+6.2f} %")
    return against


def _print_stored(fixed: list[tuple[float, float]], rungs: list[tuple[float, float]]) -> None:
    """Print the bits of all rungs together and of the top rung, against those of the fixed ladder."""
    stored = sum(rate for rate, _ in rungs) / sum(rate for rate, _ in fixed)
    top = rungs[-1][0] / fixed[-1][0]
    print(
        f"  against the fixed ladder, whose top has VMAF {fixed[-1][1]:.1f}: stored bits {100 * (stored - 1):+.1f} %,"
        f" top rung {100 * (top - 1):+.1f} %"
    )


def main(arguments: Sequence[str] = ()) -> None:
    """Print the tables of the films."""
    parser = argparse.ArgumentParser()
    parser.add_argument("films", nargs="*", type=Path)
    parser.add_argument("--preset", default="medium")
    parser.add_argument("--tune", default="visual")
    parser.add_argument("--views", type=float)
    chosen = parser.parse_args(arguments)
    films = chosen.films or [CLIPS / name for name in FILMS if (CLIPS / name).exists()]
    encoding, views = (
        EncodeSettings(preset=chosen.preset, tune=chosen.tune),
        chosen.views and TrafficModel(chosen.views),
    )
    studies = [study(film, encoding, views, Store.default()) for film in films]
    for name in studies[0] if len(studies) > 1 else ():
        each = [figures[name] for figures in studies]
        print(f"of {len(each)} films, {name}: median {np.median(each):+.2f} %, worst {max(each):+.2f} %")
    if not films:
        print("no source: name one, or put the clips next to this checkout")


if __name__ == "__main__":
    main(sys.argv[1:])
