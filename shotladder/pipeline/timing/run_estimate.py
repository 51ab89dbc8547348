"""What a run is expected to take, by stage: before its first stage, and when its ladder is known.

The CPU time of a stage is known by excerpts of the source (`encode --dry-run`), or estimated by pixels and bits (every
run). Both give a `RunEstimate`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from encoder import Source, choose_audio_codecs
from ladders import Rung
from shotladder.pipeline.encode_request import EncodeRequest
from shotladder.pipeline.timing.cost_model import codec_factor, encode_seconds, expect_rungs, measure_seconds

__all__ = ["RunEstimate", "estimate_audio_bitrate", "estimate_finals", "estimate_run", "split_stages"]

#: CPU s per megapixel of all source frames. Measured in November 2026 by benchmarks.value on clips of 2 to 60 s, 480p
#: to 1080p, as the next one: 0.002 to 0.005.
ANALYSIS_SECONDS = 0.004
#: CPU s per megapixel of all source frames, H.264 by its default preset. Same runs: 0.04 to 0.22.
PROBE_SECONDS = 0.075
#: CPU s per job and rendition that do not depend on its frames: the process, and opening the source. Chosen by hand.
JOB_SECONDS = 0.1
#: CPU s per second of an audio track in one codec. Measured on two clips with 5.1 and stereo tracks: 0.026 to 0.031.
TRACK_SECONDS = 0.03
#: CPU s per second of source and codec: stitching and packaging. Chosen by hand.
STITCH_SECONDS = 0.03
#: CPU s per second of source: captions with Whisper tiny.en. benchmarks.premium, November 2026: 0.049 to 0.053.
CAPTION_SECONDS = 0.05
#: CPU s of packaging and of the report, for any source. Chosen by hand.
PACKAGE_SECONDS = 2.0
#: Time of probe encodes by effort, relative to balanced. Chosen by hand.
EFFORT_FACTORS = {"fast": 0.5, "balanced": 1.0, "thorough": 2.0}
#: Corrections, as a fraction of the encodes and measurements of all rungs. Chosen by hand: 0 to 0.15 on six titles.
CORRECTION_FRACTION = 0.05
#: The comparison with the fixed ladder, as a fraction of encodes and measurements: that of its sample of chunks, by
#: `ladders.final.fixed_baseline`, at 0.6 of their mean time. Measured on ten titles: 0.03 to 0.2 for 0.05 to 0.3.
COMPARISON_FRACTION = 0.05
COMPARED_CHUNKS = 3
COMPARISON_FACTOR = 0.6
#: Fraction of the time of a ladder that its top rung takes, while the ladder is not known. Chosen by hand.
TOP_RUNG_FRACTION = 0.4

#: Bitrate of one audio channel, bits/s: that of AAC.
AUDIO_BITRATE = 64_000.0

#: Stages that one process works on.
_SERIAL = frozenset({"package"})


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
    """Estimate a run before its first stage.

    Parameters
    ----------
    request : EncodeRequest
    source : Source
    """
    width, height = source.display_size
    megapixels = source.frame_count * width * height / 1e6
    rungs = expect_rungs(request, source)
    chunks = max(round(float(source.duration) / float(request.segment)), 1)
    seconds: dict[tuple[str, str], float] = {("", "analysis"): ANALYSIS_SECONDS * megapixels}
    costs = {"analysis": ANALYSIS_SECONDS * megapixels, "probes": 0.0, "encode": 0.0, "measure": 0.0, "comparison": 0.0}
    for codec, preset in _presets(request):
        probes = PROBE_SECONDS * EFFORT_FACTORS.get(request.effort, 1.0) * megapixels
        probes *= (1 + codec_factor(codec, preset)) / 2
        encode, measure = _estimate_rungs(request, source, codec, rungs, chunks)
        compared = _comparison_fraction(request, chunks, len(rungs))
        stages = split_stages(codec, probes, encode, measure, comparison_fraction=compared)
        seconds |= stages
        again = 1 + CORRECTION_FRACTION
        amounts = (probes, encode * again, measure * again, stages[codec, "comparison"])
        for name, amount in zip(("probes", "encode", "measure", "comparison"), amounts, strict=True):
            costs[name] += amount
    if request.captions is not None:
        seconds["", "captions"] = CAPTION_SECONDS * float(source.duration)
    tracks = sum(len(choose_audio_codecs(stream, request.audio)) for stream in source.audio)
    seconds["", "tracks"] = TRACK_SECONDS * float(source.duration) * tracks
    seconds["", "package"] = PACKAGE_SECONDS + STITCH_SECONDS * float(source.duration) * len(request.codecs)
    return RunEstimate(seconds, request.workers, costs)


def estimate_finals(
    request: EncodeRequest, source: Source, codec: str, rungs: Sequence[Rung], chunks: int
) -> dict[tuple[str, str], float]:
    """Estimate the stages after the probe encodes of a codec.

    Parameters
    ----------
    request : EncodeRequest
    source : Source
    codec : str
    rungs : sequence of Rung
        Lowest first; of the ladder, or of what it would be by the probes so far.
    chunks : int
        Number of chunks.

    Returns
    -------
    dict
        CPU seconds by codec and stage.
    """
    known = [(float(rung.width * rung.height), float(rung.rate)) for rung in rungs]
    encode, measure = _estimate_rungs(request, source, codec, known, chunks)
    top = sum(_estimate_rungs(request, source, codec, known[-1:], chunks)) / (encode + measure)
    compared = _comparison_fraction(request, chunks, len(rungs))
    stages = split_stages(codec, 0.0, encode, measure, comparison_fraction=compared, top_fraction=top)
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
    comparison_fraction: float,
    top_fraction: float = TOP_RUNG_FRACTION,
) -> dict[tuple[str, str], float]:
    """Return the CPU seconds of the stages of one codec, by those of its probes, final encodes and measurements."""
    first = encode + measure
    return {
        (codec, "probes"): probes,
        (codec, "top rung"): top_fraction * first,
        (codec, "other rungs"): (1 - top_fraction) * first,
        (codec, "corrections"): CORRECTION_FRACTION * first,
        (codec, "comparison"): comparison_fraction * first,
    }


def _estimate_rungs(
    request: EncodeRequest, source: Source, codec: str, rungs: Sequence[tuple[float, float]], chunks: int
) -> tuple[float, float]:
    """Return the CPU seconds to encode and to measure rungs, given as (pixels, bits/s)."""
    width, height = source.display_size
    pixels, rates = (sum(values) for values in zip(*rungs, strict=True))
    factor = codec_factor(codec, dict(_presets(request)).get(codec, ""))
    encode = encode_seconds(factor, source.frame_count * pixels / 1e6, rates * float(source.duration) / 1e6)
    measure = measure_seconds(request, source.frame_count * width * height * len(rungs) / 1e6)
    return encode + JOB_SECONDS * chunks * len(rungs), measure


def _comparison_fraction(request: EncodeRequest, chunks: int, rungs: int) -> float:
    if not request.compare:
        return 0.0
    return COMPARISON_FACTOR * max(COMPARISON_FRACTION, min(COMPARED_CHUNKS, chunks) / (chunks * rungs))


def _presets(request: EncodeRequest) -> list[tuple[str, str]]:
    """Return the codecs with the presets that the request names; empty for the default preset."""
    return list(zip(request.codecs, request.presets or [""] * len(request.codecs), strict=True))
