"""One file at a target quality: probed, allocated to shots, measured and corrected like a ladder, without packaging."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import encoder
from encoder import Source
from shotladder.pipeline.encode_pipeline import EncodedTracks, encode_tracks, warn_max_bitrate
from shotladder.pipeline.encode_request import EncodeRequest
from shotladder.pipeline.free_space import check_free_space
from shotladder.pipeline.ladder_requests import build_ladder_requests
from shotladder.pipeline.output import OutputError, check_file
from shotladder.pipeline.search_metric import check_metrics
from shotladder.pipeline.source.source_analysis import refuse_small, report_notes
from shotladder.pipeline.store_run import hold_store
from shotladder.pipeline.timing.remaining_time import TimeLeft
from shotladder.pipeline.timing.run_estimate import estimate_run
from shotladder.pipeline.worker_pool import open_executor, run_interruptibly
from shotladder.report.readable_units import codec_label, format_bitrate, format_score, format_size, format_time
from shotladder.reporter import Reporter
from shotladder_runtime.temporary_folder import temporary_folder
from vmaf import Pool

__all__ = ["SingleRung", "encode_single_rung"]

#: Name of the container.
SUFFIX = ".mp4"


@dataclass(frozen=True, slots=True)
class SingleRung:
    """One encoded file.

    Attributes
    ----------
    path : Path
    codec : str
    width, height : int
    video_bitrate : int
        Measured, bits/s.
    size : int
        Of the file, bytes.
    target_vmaf : float or None
        None if the search used another metric.
    pooled : Pool
        VMAF of all frames.
    weakest_shot : int
        Index of the shot with the lowest VMAF.
    weakest_time, weakest_vmaf : float
        Start (s) and VMAF of that shot.
    scores : mapping
        Score by the metrics beside VMAF; empty without such metrics.
    """

    path: Path
    codec: str
    width: int
    height: int
    video_bitrate: int
    size: int
    target_vmaf: float | None
    pooled: Pool
    weakest_shot: int
    weakest_time: float
    weakest_vmaf: float
    scores: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the values as JSON types."""
        values = asdict(self)
        pooled = values.pop("pooled")
        return values | {"path": str(self.path), "vmaf": pooled}

    def to_text(self) -> str:
        """Return the result in two lines."""
        scores = "".join(f", {format_score(*score)}" for score in self.scores.items())
        return (
            f"{self.path}: VMAF {self.pooled.mean:.1f}{scores} at {format_bitrate(self.video_bitrate)},"
            f" {codec_label(self.codec)}, {self.width}x{self.height}, {format_size(self.size)}\n"
            f"weakest: shot {self.weakest_shot + 1} at {format_time(self.weakest_time)}, VMAF {self.weakest_vmaf:.1f}"
        )


def encode_single_rung(request: EncodeRequest, reporter: Reporter) -> SingleRung:
    """Encode a source as one file at the target quality.

    Parameters
    ----------
    request : EncodeRequest
        With one codec; `output` is the file.
    reporter : Reporter

    Raises
    ------
    ShotladderError
        If the source, the output or a tool is at fault; a file at the output is then unchanged.
    """
    request = replace(request, rungs=1, compare=False)
    if request.output.suffix.lower() != SUFFIX:
        raise OutputError(f"{request.output}: --single-rung writes a file whose name ends in {SUFFIX}")
    if request.output.exists() and not request.overwrite:
        raise OutputError(f"{request.output}: exists; name another file, or use --overwrite to replace it")
    source = encoder.inspect(request.source)
    refuse_small(source)
    check_metrics(request, source)
    check_file(request.output)
    if "://" not in request.source and Path(request.source).resolve() == request.output.resolve():
        raise OutputError(f"{request.output}: is the source itself; name another file")
    ladder_requests = build_ladder_requests(request, source)
    request.store.create()
    check_free_space(replace(request, output=request.output.parent), source, reporter)
    report_notes(source, reporter)
    if source.subtitles and request.subtitles:
        reporter.say(f"{source.path}: subtitles are left out of a single file")
    request = replace(request, subtitles=False)
    time_left = TimeLeft(estimate_run(request, source))
    reporter.follow(time_left)
    with hold_store(request.store, reporter):
        with open_executor(request, reporter) as executor:
            work = partial(encode_tracks, request, source, ladder_requests, reporter, time_left, executor)
            encoded = run_interruptibly(work, executor)
        with reporter.stage("package"):
            _write_file(request, encoded)
    target = ladder_requests[0].target_for(source) if request.metric is None else None
    made = _describe(request.output, encoded, target)
    warn_max_bitrate({made.path.name: made.video_bitrate}, request, reporter)
    return made


def _write_file(request: EncodeRequest, encoded: EncodedTracks) -> None:
    """Stitch the chunks and write them with the audio."""
    (ladder,) = encoded.ladders
    with temporary_folder(request.store.root, ".tracks.") as folder:
        video = folder / f"video{SUFFIX}"
        paths = [request.store.fetch_known(chunk.path) for chunk in ladder.finals.chunks[0]]
        source, (rung,) = encoded.analysis.source, ladder.ladder.rungs
        metadata = encoded.dynamic.for_rendition(source, ladder.ladder.codec, (rung.width, rung.height))
        encoder.stitch(source, ladder.ladder.chunks, paths, video, metadata=metadata)
        encoder.mux(video, encoded.side_tracks.audio, request.output)


def _describe(path: Path, encoded: EncodedTracks, target: float | None) -> SingleRung:
    (found,) = encoded.ladders
    source: Source = encoded.analysis.source
    (rung,) = found.ladder.rungs
    vmaf = found.finals.vmaf(0)
    bits = sum(chunk.bits for chunk in found.finals.chunks[0])
    means = [float(vmaf[shot.start : shot.stop].mean()) for shot in encoded.analysis.shots]
    weakest = min(range(len(means)), key=lambda n: means[n])
    return SingleRung(
        path=path,
        codec=found.ladder.codec,
        width=rung.width,
        height=rung.height,
        video_bitrate=round(bits / float(source.duration)),
        size=path.stat().st_size,
        target_vmaf=target,
        pooled=Pool.of(vmaf),
        weakest_shot=weakest,
        weakest_time=float(source.time(encoded.analysis.shots[weakest].start) - source.time(0)),
        weakest_vmaf=means[weakest],
        scores=found.scores[0] if found.scores else {},
    )
