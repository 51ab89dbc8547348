"""Simulate the jobs of a two-hour title in four codecs on 1 to 10,000 workers.

    python -m benchmarks.farm

Real parts: the ranges of the analysis (`ladders.plan_ranges`), the plan of chunks (`encoder.plan_chunks` with 1500
shots), the rounds and their jobs (first probes, later probes, final encodes, corrections; one job for each chunk, as in
`ladders`), the order of waiting jobs (`JobQueue`, which `ThrottledExecutor` uses), and the costs: CPU seconds per frame
of encoding and measuring each codec at each size, measured with the sample video at the start. Simulated parts: the
workers, each with one core. One job in a hundred is lost together with its worker and runs again; one in fifty takes
three times as long.

The lower bound is the maximum of two times: all work divided by all workers, and the longest chain of rounds. A round
lasts at least as long as its longest job, split as `ladders` splits it, and as its work divided by all workers. The
bound does not include lost jobs.
"""

from __future__ import annotations

import heapq
import math
import tempfile
import time
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import islice
from pathlib import Path
from statistics import median

import av
import numpy as np

import encoder
import ladders
import vmaf
from encoder import Chunk, ChunkJob, Colour, Source, get_codec
from ladders import EncodeSettings, LadderRequest, candidate_sizes
from ladders.final.cost_prediction import AGAIN
from ladders.probing.chunk_measurement import measure_chunk
from ladders.probing.search import FAST_FRACTIONS, SHIFT_FRACTION
from samples import shotlist
from samples.film import film_frames
from samples.painting import Size
from shotladder_runtime.jobs import JobQueue, longest_first, split_long_jobs
from shotladder_runtime.store import Store

HOURS, SHOTS, RATE, SIZE = 2, 1500, 24, (1920, 1080)
#: Seconds between key frames of the master.
KEYS = 2
CODECS = ("h264", "hevc", "vp9", "av1")
WORKERS = (1, 10, 100, 300, 1000, 3000, 10_000)
LOST, SLOW, SLOWER = 0.01, 0.02, 3.0
#: Frames that are encoded and measured of each codec at each size.
SAMPLE = 24
#: Trials of a chunk are measured on each so many-th frame.
EVERY = LadderRequest().frame_stride
#: Rough trials of a chunk that follow the first ones, and rungs, about what films need.
LATER_TRIALS, RUNGS = 0.5, 5
SEED, ROUNDS = 1, 3
#: The bar, and where it lies.
BAR, BAR_WORKERS = 1.15, 1000


@dataclass(frozen=True)
class Job:
    """A job as the farm sees it, and how long it takes (s): decoding first, then each of its encodes.

    Decoding counts in the time of parts that a job is divided into, once for each, and so does the reference's side of
    measuring, for which the time of measuring one rendition stands.
    """

    encodes: ChunkJob
    decoding: float
    each: tuple[float, ...]
    memory: int = 0

    @cached_property
    def cost(self) -> float:
        """What the product takes it to cost."""
        return self.encodes.cost

    @cached_property
    def seconds(self) -> float:
        """What it costs."""
        return self.decoding + sum(self.each)

    def split(self, count: int) -> list[Job]:
        """Return what the product makes of it."""
        parts = enumerate(self.encodes.split(count)) if self.each else ()
        return [Job(part, self.decoding, self.each[n::count]) for n, part in parts] or [self]


@dataclass(frozen=True)
class Chain:
    """The rounds of the analysis or of one codec, each of which begins when the one before has ended."""

    name: str
    rounds: tuple[tuple[Job, ...], ...]


def title() -> Source:
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


def presets(codec: str) -> tuple[str, str]:
    """Return the presets of final encodes and of trials."""
    row = get_codec(codec)
    return row.preset, row.trials_for(row.preset) or row.preset


def analysis(source: Source, costs: Costs) -> Chain:
    """Make the jobs of the analysis; each decodes and looks at what bears on its ends, too."""
    reach = ladders.ShotParameters().reach(source) + KEYS * RATE / 2
    jobs = []
    for first, last in ladders.plan_ranges(source):
        frames = last - first + 2 * reach
        encodes = ChunkJob(source, Chunk(first, last, (first,), (0,)), (), (), Store(Path("nowhere")))
        jobs.append(Job(encodes, frames * costs.analyse_shots, ()))
    return Chain("analysis", (tuple(jobs),))


def chain(codec: str, source: Source, chunks: tuple[Chunk, ...], costs: Costs, hardness: np.ndarray) -> Chain:
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
    return Chain(codec, rounds)


def makespan(chains: list[Chain], workers: int, seed: int, lost: float, slow: float) -> float:
    """Run the chains side by side on so many workers, each round when the one before has ended; return seconds."""
    rng = np.random.default_rng([SEED, workers, seed])
    waiting: JobQueue[tuple[int, Job]] = JobQueue()
    left, at = [0] * len(chains), [-1] * len(chains)
    events: list[tuple[float, int, int, Job, bool]] = []
    count, idle, now = 0, workers, 0.0

    def advance(n: int) -> None:
        while left[n] == 0 and at[n] + 1 < len(chains[n].rounds):
            at[n] += 1
            jobs = split_long_jobs(chains[n].rounds[at[n]], workers)
            left[n] = len(jobs)
            for job in longest_first(jobs):
                waiting.add(job, (n, job))

    for n in range(len(chains)):
        advance(n)
    while len(waiting) or events:
        while idle and (taken := waiting.take()):
            n, job = taken[1]
            seconds = job.seconds * (SLOWER if rng.random() < slow else 1.0)
            fails = rng.random() < lost
            heapq.heappush(events, (now + seconds * (rng.random() if fails else 1.0), count, n, job, fails))
            count, idle = count + 1, idle - 1
        now, _, n, job, failed = heapq.heappop(events)
        idle += 1
        if failed:
            waiting.add(job, (n, job))
        else:
            left[n] -= 1
            advance(n)
    return now


def bound(chains: list[Chain], workers: int) -> float:
    """Return a time (s) that nothing can beat, were no job ever lost."""
    area = sum(job.seconds for each in chains for jobs in each.rounds for job in jobs) / workers
    longest = max(sum(at_least(jobs, workers) for jobs in each.rounds) for each in chains)
    return max(area, longest)


def at_least(jobs: tuple[Job, ...], workers: int) -> float:
    """Return how long a round lasts at least."""
    seconds = [job.seconds for job in split_long_jobs(jobs, workers)]
    return max(max(seconds, default=0.0), sum(job.seconds for job in jobs) / workers)


def whole(first: Chain, chains: list[Chain], workers: int, seed: int, lost: float, slow: float) -> float:
    """Return how long (s) the analysis takes, and all that waits for it."""
    return makespan([first], workers, seed, lost, slow) + makespan(chains, workers, seed, lost, slow)


def enough(first: Chain, chains: list[Chain], seconds: float, slow: float) -> int | None:
    """Return about the fewest workers that are done in time, with jobs lost; None if no number is."""
    work = sum(job.seconds for each in (first, *chains) for jobs in each.rounds for job in jobs)
    workers = math.ceil(work / seconds)
    while whole(first, chains, workers, 0, LOST, slow) > seconds:
        workers = math.ceil(1.05 * workers)
        if workers > max(WORKERS):
            return None
    return workers


def main() -> None:
    """Run it."""
    source, rng = title(), np.random.default_rng(SEED)
    starts = shot_starts(source.frame_count, rng)
    chunks, _ = encoder.plan_chunks(source, starts, Fraction(4))
    costs = measured_costs(list(candidate_sizes(SIZE).values()))
    hardness = rng.lognormal(0.0, 0.3, len(chunks))
    chains = [chain(codec, source, chunks, costs, hardness) for codec in CODECS]
    first = analysis(source, costs)
    print(f"{len(starts)} shots, {len(chunks)} chunks of up to {max(c.frame_count for c in chunks) / RATE:.0f} s")
    full = {" ".join(made): 1e3 * SIZE[0] * SIZE[1] * seconds for made, seconds in costs.encode.items()}
    print("CPU ms to encode a frame of 1080 lines: " + ", ".join(f"{codec} {ms:.0f}" for codec, ms in full.items()))
    print(f"to measure one {1e3 * costs.measure:.0f}, to analyse one {1e3 * costs.analyse:.1f}")
    for each in (first, *chains):
        work = sum(job.seconds for jobs in each.rounds for job in jobs)
        longest = ", ".join(f"{max(job.seconds for job in jobs):.0f}" for jobs in each.rounds)
        print(f"{each.name:8s} {work / 3600:5.1f} core hours; longest job of each round {longest} s")
    print(f"{'':19}makespan over bound, median of {ROUNDS}")
    print(f"{'workers':>8}{'bound':>11}{'nothing lost':>14}{'1 % lost':>10}{'and 2 % slow':>14}")
    for workers in WORKERS:
        least = bound([first], workers) + bound(chains, workers)
        ratios = [
            median(whole(first, chains, workers, seed, lost, slow) for seed in range(ROUNDS)) / least
            for lost, slow in ((0.0, 0.0), (LOST, 0.0), (LOST, SLOW))
        ]
        verdict = f"   bar {BAR}: {'holds' if ratios[1] <= BAR else 'BROKEN'}" if workers == BAR_WORKERS else ""
        print(f"{workers:8,}{least:10,.0f}s{ratios[0]:14.3f}{ratios[1]:10.3f}{ratios[2]:14.3f}{verdict}")
    for hours in (4, 1):
        counts = [enough(first, chains, hours * 3600, slow) for slow in (0.0, SLOW)]
        told = [f"{count} workers" if count else "no number of workers" for count in counts]
        print(f"from master to the last chunk in {hours} h: {told[0]}, and {told[1]} if some jobs are slow")


if __name__ == "__main__":
    main()
