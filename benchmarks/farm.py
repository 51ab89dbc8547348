"""Simulate the jobs of two-hour titles in four codecs on 1 to 10,000 workers.

    python -m benchmarks.farm

Real parts: the ranges of the analysis (`ladders.plan_ranges`), the plan of chunks (`encoder.plan_chunks` with 1500
shots), the rounds and their jobs (first probes, later probes, final encodes, corrections; one job for each chunk, as in
`ladders`), the order of waiting jobs (`JobQueue`, with what follows each round from `ladders`) and the decision which
jobs are slow (`Stragglers`), both of which `ThrottledExecutor` uses, the order in which titles are opened, and the
costs: CPU seconds per frame of encoding and measuring each codec at each size, measured with the sample video at the
start. Simulated parts: the workers, each with one core. One job in a hundred is lost together with its worker and runs
again; one in fifty takes three times as long.

The lower bound is the maximum of all work divided by all workers, and, for one title, the longest chain of rounds. A
round lasts at least as long as its longest job, split as `ladders` splits it, and as its work divided by all workers.
The bound does not include lost jobs.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from statistics import median

import av
import numpy as np

import encoder
import ladders
import vmaf
from benchmarks.scale.simulated_farm import SEED, Chain, Farm, Faults, Job, Title, bound
from encoder import Chunk, ChunkJob, Colour, Source, get_codec
from encoder.encode.job_needs import predict_seconds
from ladders import EncodeSettings, LadderRequest, candidate_sizes
from ladders.final.cost_prediction import AGAIN
from ladders.probing.chunk_measurement import measure_chunk
from ladders.probing.round_tail import correction_tail, final_tail
from ladders.probing.search import FAST_FRACTIONS, SHIFT_FRACTION
from samples import shotlist
from samples.film import film_frames
from samples.painting import Size
from shotladder_runtime.store import Store

HOURS, SHOTS, RATE, SIZE = 2, 1500, 24, (1920, 1080)
#: Seconds between key frames of the master.
KEYS = 2
CODECS = ("h264", "hevc", "vp9", "av1")
WORKERS = (1, 10, 100, 300, 1000, 3000, 10_000)
LOST, SLOW = 0.01, 0.02
#: Frames that are encoded and measured of each codec at each size.
SAMPLE = 24
#: Trials of a chunk are measured on each so many-th frame.
EVERY = LadderRequest().frame_stride
#: Rough trials of a chunk that follow the first ones, and rungs, about what films need.
LATER_TRIALS, RUNGS = 0.5, 5
ROUNDS = 3
#: Simulated runs with other faults.
RUNS = 5
#: The bar.
BAR = 1.15


def describe_title() -> Source:
    """Return a film of 1080 lines that nobody has to decode."""
    count = HOURS * 3600 * RATE
    return Source(
        **{"path": "film", "content_id": "known", "stream_index": 0, "codec": "h264", "pixel_format": "yuv420p"},
        **{"width": SIZE[0], "height": SIZE[1], "sample_aspect_ratio": Fraction(1), "rotation": 0},
        **{"interlaced": False, "colour": Colour(), "bit_depth": 8, "time_base": Fraction(1, RATE)},
        **{"pts": tuple(range(count)), "keyframes": tuple(range(0, count, KEYS * RATE))},
        **{"frame_rate": Fraction(RATE), "end_pts": count},
    )


def shot_starts(count: int, rng: np.random.Generator) -> list[int]:
    """Return where shots begin: their lengths are log-normal, with a median of 3.5 s and a few takes of a minute."""
    lengths = rng.lognormal(0.0, 0.8, SHOTS)
    starts = np.round(np.cumsum(lengths) / lengths.sum() * count).astype(int)[:-1]
    return sorted({0, *(int(start) for start in starts if start > 0)})


def sample_film(path: Path) -> Source:
    """Write some frames of the sample film's sea, at the title's size."""
    options = {"crf": "12", "preset": "veryfast", "threads": "1"}
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=RATE, options=options)
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        first = shotlist.first_frames()[2]
        for n, planes in enumerate(islice(film_frames(Size(*SIZE)), first, first + SAMPLE)):
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts, frame.time_base = n, Fraction(1, RATE)
            container.mux(video.encode(frame))
        container.mux(video.encode())
    return encoder.inspect(path)


@dataclass(frozen=True)
class Costs:
    """CPU seconds: of encoding a pixel, by codec and preset; a frame of decoding, of measuring one, of analysing."""

    encode: dict[tuple[str, str], float]
    decode: float
    measure: float
    analyse: float


def presets(codec: str) -> tuple[str, str]:
    """Return the presets of final encodes and of trials."""
    row = get_codec(codec)
    return row.preset, row.fast_preset_for(row.preset) or row.preset


def predicted_costs(error: float) -> Costs:
    """Return the costs of the table by which `encoder` predicts jobs, which `benchmarks.scale.encode_needs` measures.

    `error` is the standard deviation of ln(cost / predicted cost) of each codec and preset. The costs of measuring and
    of analysing are chosen by hand, in the proportions of a measurement.
    """
    pixels, rng = SIZE[0] * SIZE[1], np.random.default_rng([SEED, len(CODECS)])
    decode = predict_seconds(pixels, [], 1)
    encode = {}
    for codec in CODECS:
        for preset in presets(codec):
            rendition = EncodeSettings(codec=codec, preset=preset).rendition(SIZE)
            predicted = predict_seconds(pixels, [rendition], 1) - decode
            encode[codec, preset] = predicted / pixels * float(rng.lognormal(0.0, error))
    return Costs(encode, decode, measure=0.009, analyse=0.004)


def measured_costs(sizes: list[tuple[int, int]]) -> Costs:
    """Encode the sample in every codec at every size and measure it."""
    encode, measure = {}, []
    pixels = SAMPLE * sum(width * height for width, height in sizes)
    with tempfile.TemporaryDirectory() as folder:
        source = sample_film(Path(folder) / "film.mp4")
        vmaf.warm_up(source.bit_depth)
        ladders.analyse_shots(source)
        begun = time.process_time()
        for _ in range(ROUNDS):
            ladders.analyse_shots(source)
        analyse = (time.process_time() - begun) / SAMPLE / ROUNDS
        begun = time.process_time()
        for _ in range(ROUNDS):
            sum(1 for _ in encoder.decode(source))
        decode = (time.process_time() - begun) / SAMPLE / ROUNDS
        chunk = Chunk(0, SAMPLE, (0,), (0,))
        for name, preset in ((codec, preset) for codec in CODECS for preset in presets(codec)):
            encoding = EncodeSettings(codec=name, preset=preset)
            renditions = tuple(encoding.rendition(size) for size in sizes)
            quantisers = (get_codec(name).quantiser_at(SHIFT_FRACTION),) * len(sizes)
            job = ChunkJob(source, chunk, renditions, quantisers, Store(Path(folder) / "store"))
            encode[name, preset] = encoder.encode_chunk(job) / pixels
            paths = [encoder.chunk_path(job, n) for n in range(len(sizes))]
            scores = measure_chunk(source, chunk, paths, encoding, 1)
            measure.append(sum(score.cpu_seconds for score in scores) / SAMPLE / len(sizes))
    return Costs(encode, decode, float(np.mean(measure)), analyse)


def analysis(source: Source, costs: Costs) -> Chain:
    """Make the jobs of the analysis; each decodes and looks at what bears on its ends, too."""
    reach = ladders.ShotParameters().context_frames(source) + KEYS * RATE / 2
    jobs = []
    for first, last in ladders.plan_ranges(source):
        frames = last - first + 2 * reach
        encodes = ChunkJob(source, Chunk(first, last, (first,), (0,)), (), (), Store(Path("nowhere")))
        jobs.append(Job(encodes, frames * costs.analyse, ()))
    return Chain("analysis", (tuple(jobs),), (0.0,))


def chain(codec: str, source: Source, chunks: tuple[Chunk, ...], costs: Costs, hardness: Sequence[float]) -> Chain:
    """Make the rounds of a codec as `ladders` would give them to the farm."""
    rng = np.random.default_rng([SEED, CODECS.index(codec)])
    sizes = list(candidate_sizes(source.display_size).values())
    final, fast = presets(codec)
    encoding, store = EncodeSettings(codec=codec, preset=final), Store(Path("nowhere"))

    def jobs(chosen: list[list[tuple[tuple[int, int], str]]], every: int) -> tuple[Job, ...]:
        made = []
        for chunk, hard, wanted in zip(chunks, hardness, chosen, strict=True):
            if wanted:
                renditions = tuple(encoding.rendition(size, preset) for size, preset in wanted)
                seconds = [
                    hard * w * h * costs.encode[codec, preset] + costs.measure / every for (w, h), preset in wanted
                ]
                job = ChunkJob(source, chunk, renditions, (0.0,) * len(wanted), store)
                once = chunk.frame_count * (costs.decode + costs.measure / every)
                made.append(Job(job, once, tuple(chunk.frame_count * each for each in seconds)))
        return tuple(made)

    first = [(size, fast) for size in sizes * len(FAST_FRACTIONS)] + [(sizes[len(sizes) // 2], final)]
    later = [[(sizes[k], fast) for k in rng.integers(0, len(sizes), rng.poisson(LATER_TRIALS))] for _ in chunks]
    rungs = [(sizes[round(k)], final) for k in np.linspace(0, len(sizes) - 1, RUNGS)]
    again = [[rung for rung in rungs if rng.random() < AGAIN] for _ in chunks]
    rounds = (
        jobs([first] * len(chunks), EVERY),
        jobs(later, EVERY),
        jobs([rungs] * len(chunks), 1),
        jobs(again, 1),
    )
    tail = final_tail(source, chunks, encoding, store)
    return Chain(codec, rounds, (tail, tail, correction_tail(source, chunks, encoding, store), 0.0))


def count_workers(title: Title, seconds: float, faults: Faults) -> int | None:
    """Return about the minimum number of workers that are done in time; None if no number is."""
    work = sum(job.seconds for each in title.chains for jobs in each.rounds for job in jobs)
    workers = math.ceil(work / seconds)
    while Farm([title], workers, 0, faults).run() > seconds:
        workers = math.ceil(1.05 * workers)
        if workers > max(WORKERS):
            return None
    return workers


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--assume-costs", action="store_true", help="Use the costs that the encoder predicts; measure nothing."
    )
    parser.add_argument("--error", type=float, default=0.0, help="Spread of the ln of costs over predicted costs.")
    parser.add_argument("--titles", type=int, default=1, help="Number of titles that run at the same time.")
    parser.add_argument("--workers", type=int, nargs="*", default=WORKERS, help="Numbers of workers.")
    parser.add_argument(
        "--runs", type=int, default=RUNS, help="Simulated runs with faults, of which the median counts."
    )
    parser.add_argument("--only-repeated", action="store_true", help="Leave the cases without repeated jobs out.")
    options = parser.parse_args()
    source, rng = describe_title(), np.random.default_rng(SEED)
    starts = shot_starts(source.frame_count, rng)
    chunks, _ = encoder.plan_chunks(source, starts, Fraction(4))
    costs = (
        predicted_costs(options.error) if options.assume_costs else measured_costs(list(candidate_sizes(SIZE).values()))
    )
    hardness = rng.lognormal(0.0, 0.3, len(chunks)).tolist()
    codecs = tuple(chain(codec, source, chunks, costs, hardness) for codec in CODECS)
    title = Title(analysis(source, costs), codecs)
    print(f"{len(starts)} shots, {len(chunks)} chunks of up to {max(c.frame_count for c in chunks) / RATE:.0f} s")
    full = {" ".join(made): 1e3 * SIZE[0] * SIZE[1] * seconds for made, seconds in costs.encode.items()}
    print("CPU ms to encode a frame of 1080 lines: " + ", ".join(f"{codec} {ms:.0f}" for codec, ms in full.items()))
    print(f"to measure one {1e3 * costs.measure:.0f}, to analyse one {1e3 * costs.analyse:.1f}")
    for each in title.chains:
        work = sum(job.seconds for jobs in each.rounds for job in jobs)
        longest = ", ".join(f"{max(job.seconds for job in jobs):.0f}" for jobs in each.rounds)
        print(f"{each.name:8s} {work / 3600:5.1f} core hours; longest job of each round {longest} s")
    faults = {"repeated": Faults(LOST, SLOW)}
    if not options.only_repeated:
        kept = {"no faults": Faults(), "1 % lost": Faults(LOST), "2 % slow": Faults(LOST, SLOW, repeats=False)}
        faults = kept | faults
    print_makespans([title] * options.titles, options.workers, options.runs, faults)
    if options.titles == 1 and not options.assume_costs:
        for hours in (4, 1):
            counts = [count_workers(title, hours * 3600, Faults(LOST, slow)) for slow in (0.0, SLOW)]
            shown = [f"{count} workers" if count else "no number of workers" for count in counts]
            print(f"from master to the last chunk in {hours} h: {shown[0]}, and {shown[1]} if some jobs are slow")


def print_makespans(titles: list[Title], counts: Sequence[int], runs: int, cases: dict[str, Faults]) -> None:
    """Print the makespan over its bound for each number of workers, and the range of the runs of the last case."""
    print(f"makespan over bound, median of {runs} runs; repeated: both faults, and slow jobs run a second time")
    print(f"{'workers':>8}{'bound':>11}" + "".join(f"{name:>11}" for name in cases) + f"{'of runs':>15}{'twice':>8}")
    for workers in counts:
        lower = bound(titles, workers)
        shown, ratios, farms = "", [math.nan], list[Farm]()
        for faults in cases.values():
            farms = [Farm(titles, workers, seed, faults) for seed in range(runs if faults.lost else 1)]
            ratios = sorted(farm.run() / lower for farm in farms)
            shown += f"{median(ratios):11.3f}"
        twice = sum(farm.repeated for farm in farms) / sum(farm.started for farm in farms)
        verdict = f"   at most {BAR}: {'holds' if median(ratios) <= BAR else 'BROKEN'}"
        print(f"{workers:8,}{lower:10,.0f}s{shown}{ratios[0]:8.3f}-{ratios[-1]:.3f}{twice:8.1%}{verdict}", flush=True)


if __name__ == "__main__":
    main()
