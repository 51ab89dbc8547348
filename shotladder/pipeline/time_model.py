"""How long a run takes: CPU time of its stages, wall time by that, and the time left while it runs.

The CPU time of a stage is known by excerpts of the source (`encode --dry-run`), or estimated from the number of pixels
(every run, before its first stage). Both give a `RunEstimate`. `TimeLeft` follows a run and scales what is left by what
the finished part took.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from encoder import Source, choose_audio_codecs, get_codec
from ladders import Ladder, candidate_sizes
from shotladder.pipeline.encode_request import EncodeRequest

__all__ = ["RunEstimate", "TimeLeft", "estimate_audio_bitrate", "estimate_finals", "estimate_run", "split_stages"]

#: CPU s per megapixel of all source frames. Measured in November 2026 by benchmarks.value on four clips of 6 to 48 s,
#: 480p to 720p, with two to five H.264 rungs, as the next three: 0.002 to 0.005.
ANALYSIS_SECONDS = 0.004
#: CPU s per megapixel of all source frames, H.264 by its default preset. Same runs: 0.05 to 0.11.
PROBE_SECONDS = 0.075
#: CPU s per encoded megapixel, H.264 by its default preset. Same runs: 0.025 to 0.075, which grows with the bitrate.
ENCODE_SECONDS = 0.045
#: CPU s per measured megapixel at the size of the source. Same runs: 0.016 to 0.018, with corrections.
MEASURE_SECONDS = 0.018
#: CPU s per job and rendition that do not depend on its frames: the process, and opening the source. Chosen by hand.
JOB_SECONDS = 0.1
#: CPU s per second of source: audio, subtitles, stitching and packaging. Chosen by hand.
TRACK_SECONDS = 0.03
#: CPU s per second of source: captions with Whisper tiny.en. benchmarks.premium, November 2026: 0.049 to 0.053.
CAPTION_SECONDS = 0.05
#: CPU s of packaging and of the report, for any source. Chosen by hand.
PACKAGE_SECONDS = 2.0
#: CPU time of a codec by its default preset, relative to H.264. Chosen by hand from benchmarks.encode_cost.
CODEC_FACTORS = {"h264": 1.0, "hevc": 2.5, "av1": 2.0, "vp9": 3.0}
#: CPU time of one preset, relative to the next faster one. Chosen by hand.
PRESET_FACTOR = 1.5
#: Time of probe encodes by effort, relative to balanced. Chosen by hand.
EFFORT_FACTORS = {"fast": 0.5, "balanced": 1.0, "thorough": 2.0}
#: Time of the final measurement with effort "fast", which decodes all frames and measures one in three, relative to the
#: others. Measured on one video (11 for 23 CPU s).
FAST_MEASURE_FACTOR = 0.5
#: Corrections, as a fraction of the encodes and measurements of all rungs. Chosen by hand: 0 to 0.15 on six titles.
CORRECTION_FRACTION = 0.05
#: The comparison with the fixed ladder, as a fraction of encodes and measurements: 0.03 to 0.15 in the same runs.
COMPARISON_FRACTION = 0.1
#: Fraction of the pixels of a ladder that its top rung has. Chosen by hand.
TOP_RUNG_FRACTION = 0.35
#: Number of rungs per candidate size. Chosen by hand: 0.4 to 1.2 in the same runs.
RUNGS_PER_SIZE = 0.9
#: The estimate counts as much as this fraction of the run against the time that the finished part took.
PRIOR_FRACTION = 0.03

#: Bitrate of one audio channel, bits/s: that of AAC.
AUDIO_BITRATE = 64_000.0

#: Titles of stages, in the order of a run, with the stage of the estimate that each belongs to.
_STAGES = (
    ("shots", "analysis"),
    ("captions", "captions"),
    ("choose a preset", "probes"),
    ("probe encodes", "probes"),
    ("encode the top rung", "top rung"),
    ("encode", "other rungs"),
    ("correct", "corrections"),
    ("compare", "comparison"),
    ("audio and subtitles", "tracks"),
    ("package", "package"),
)
_ORDER = tuple(dict.fromkeys(stage for _, stage in _STAGES))
#: Stages that one process works on.
_SERIAL = frozenset({"tracks", "package"})


@dataclass(frozen=True, slots=True)
class RunEstimate:
    """What a run is expected to take.

    Attributes
    ----------
    cpu_seconds : mapping
        By codec ("" for what all codecs share) and stage.
    workers : int
        Number of parallel jobs.
    costs : mapping
        CPU seconds by the kind of work, as `presentation.json` counts them: "analysis", "probes", "encode", "measure",
        "comparison".
    """

    cpu_seconds: Mapping[tuple[str, str], float]
    workers: int = 1
    costs: Mapping[str, float] = field(default_factory=dict)

    @property
    def wall_seconds(self) -> float:
        """Wall time of the run, s, on processor cores that do nothing else."""
        return sum(self.wall(key) for key in self.cpu_seconds)

    def wall(self, key: tuple[str, str]) -> float:
        """Return the wall time of one stage, s."""
        return self.cpu_seconds[key] / (1 if key[1] in _SERIAL else max(self.workers, 1))


def estimate_run(request: EncodeRequest, source: Source) -> RunEstimate:
    """Estimate a run from the number of its pixels.

    Parameters
    ----------
    request : EncodeRequest
    source : Source
    """
    width, height = source.display_size
    megapixels = source.frame_count * width * height / 1e6
    sizes = candidate_sizes(source.display_size, request.max_height).values()
    rungs = request.rungs or max(round(RUNGS_PER_SIZE * len(sizes)), 1)
    encoded = source.frame_count * sum(w * h for w, h in sizes) / 1e6 * rungs / max(len(sizes), 1)
    jobs = max(float(source.duration) / float(request.segment), 1.0)
    seconds: dict[tuple[str, str], float] = {("", "analysis"): ANALYSIS_SECONDS * megapixels}
    costs = {"analysis": ANALYSIS_SECONDS * megapixels, "probes": 0.0, "encode": 0.0, "measure": 0.0, "comparison": 0.0}
    for codec, preset in zip(request.codecs, request.presets or [""] * len(request.codecs), strict=True):
        factor = _codec_factor(codec, preset)
        encode = ENCODE_SECONDS * factor * encoded + JOB_SECONDS * jobs * rungs
        measure = _measure_seconds(request) * megapixels * rungs
        probes = PROBE_SECONDS * EFFORT_FACTORS.get(request.effort, 1.0) * megapixels * (1 + factor) / 2
        stages = split_stages(codec, probes, encode, measure, has_comparison=request.compare)
        seconds |= stages
        again = stages[codec, "corrections"] / (encode + measure)
        amounts = (probes, encode * (1 + again), measure * (1 + again), stages[codec, "comparison"])
        for name, amount in zip(("probes", "encode", "measure", "comparison"), amounts, strict=True):
            costs[name] += amount
    if request.captions is not None:
        seconds["", "captions"] = CAPTION_SECONDS * float(source.duration)
    seconds["", "tracks"] = TRACK_SECONDS * float(source.duration) * len(request.audio)
    seconds["", "package"] = PACKAGE_SECONDS + TRACK_SECONDS * float(source.duration) * len(request.codecs)
    return RunEstimate(seconds, request.workers, costs)


def estimate_finals(request: EncodeRequest, source: Source, ladder: Ladder) -> dict[tuple[str, str], float]:
    """Estimate the stages after the probe encodes of a codec, in CPU seconds, from the rungs that its ladder has."""
    codec = ladder.codec
    presets = dict(zip(request.codecs, request.presets or [""] * len(request.codecs), strict=True))
    jobs = len(ladder.chunks) * len(ladder.rungs)
    pixels = [rung.width * rung.height for rung in ladder.rungs]
    encode = ENCODE_SECONDS * _codec_factor(codec, presets.get(codec, "")) * source.frame_count * sum(pixels) / 1e6
    width, height = source.display_size
    measure = _measure_seconds(request) * source.frame_count * width * height / 1e6 * len(pixels)
    stages = split_stages(
        codec,
        0.0,
        encode + JOB_SECONDS * jobs,
        measure,
        has_comparison=request.compare,
        top_fraction=pixels[-1] / sum(pixels),
    )
    return {key: seconds for key, seconds in stages.items() if key[1] != "probes"}


def estimate_audio_bitrate(request: EncodeRequest, source: Source) -> float:
    """Return the approximate bitrate of all audio tracks together, bits/s."""
    return sum(
        AUDIO_BITRATE * stream.channels * len(choose_audio_codecs(stream, request.audio)) for stream in source.audio
    )


def split_stages(
    codec: str,
    probes: float,
    encode: float,
    measure: float,
    *,
    has_comparison: bool,
    top_fraction: float = TOP_RUNG_FRACTION,
) -> dict[tuple[str, str], float]:
    """Return the CPU seconds of the stages of one codec, by those of its probes, final encodes and measurements."""
    first = encode + measure
    return {
        (codec, "probes"): probes,
        (codec, "top rung"): top_fraction * first,
        (codec, "other rungs"): (1 - top_fraction) * first,
        (codec, "corrections"): CORRECTION_FRACTION * first,
        (codec, "comparison"): COMPARISON_FRACTION * first if has_comparison else 0.0,
    }


def _measure_seconds(request: EncodeRequest) -> float:
    """Return the CPU seconds of the final measurement per megapixel."""
    return MEASURE_SECONDS * (FAST_MEASURE_FACTOR if request.effort == "fast" else 1.0)


def _codec_factor(name: str, preset: str) -> float:
    codec = get_codec(name)
    factor = CODEC_FACTORS.get(name, 1.0)
    if preset in codec.presets and codec.preset in codec.presets:
        # presets are ordered from fast to slow
        factor *= PRESET_FACTOR ** (codec.presets.index(preset) - codec.presets.index(codec.preset))
    return float(factor)


@dataclass(slots=True)
class TimeLeft:
    """Follows a run by the progress of its stages.

    Attributes
    ----------
    estimate : RunEstimate
    clock : callable
        Returns the time, s.
    """

    estimate: RunEstimate
    clock: Callable[[], float] = time.monotonic
    _start: float = field(init=False)
    _fractions: dict[tuple[str, str], float] = field(init=False)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._start = self.clock()
        self._fractions = dict.fromkeys(self.estimate.cpu_seconds, 0.0)

    def advance(self, title: str, fraction: float) -> None:
        """Record the progress of a stage, by its title; the stages before it of the same codec are done."""
        codec, stage = _find_stage(title, [codec for codec, _ in self._fractions])
        if stage is None:
            return
        with self._lock:
            for key in self._fractions:
                if _ORDER.index(key[1]) < _ORDER.index(stage) and (not codec or key[0] in ("", codec)):
                    self._fractions[key] = 1.0
                elif key[1] == stage and (not codec or key[0] == codec):
                    # there may be more rounds of corrections
                    part = min(fraction, 1.0) if stage != "corrections" else 0.5 + 0.5 * min(fraction, 1.0)
                    self._fractions[key] = max(self._fractions[key], part)

    def refine(self, cpu_seconds: Mapping[tuple[str, str], float]) -> None:
        """Replace the estimate of stages that have not begun."""
        with self._lock:
            self.estimate = replace(self.estimate, cpu_seconds={**self.estimate.cpu_seconds, **cpu_seconds})

    def exclude(self, seconds: float) -> None:
        """Leave time that says nothing about the stages, such as the compilation of kernels, out of the time taken."""
        with self._lock:
            self._start += seconds

    @property
    def fraction(self) -> float:
        """Fraction of the run that is done, by its estimate."""
        with self._lock:
            done, total = self._done_and_total()
        return done / total if total else 0.0

    def seconds_left(self) -> float:
        """Return the expected time to the end of the run, s."""
        with self._lock:
            done, total = self._done_and_total()
        prior = PRIOR_FRACTION * total
        elapsed = max(self.clock() - self._start, 0.0)
        return (total - done) * (elapsed + prior) / max(done + prior, 1e-9)

    def _done_and_total(self) -> tuple[float, float]:
        walls = {key: self.estimate.wall(key) for key in self._fractions}
        return sum(walls[key] * part for key, part in self._fractions.items()), sum(walls.values())


def _find_stage(title: str, codecs: Sequence[str]) -> tuple[str, str | None]:
    """Return the codec and the stage of the estimate that a title names; no codec if the run has only one."""
    codec, found, rest = title.partition(": ")
    if not found or codec not in codecs:
        codec, rest = "", title
    return codec, next((stage for start, stage in _STAGES if rest.startswith(start)), None)
