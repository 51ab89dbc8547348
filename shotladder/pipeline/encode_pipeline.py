"""The way through: a film in, a presentation out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import encoder
import vmaf
from encoder import (
    AudioStream,
    AudioTrack,
    Encryption,
    PackagingRequest,
    Rendition,
    Source,
    TextStream,
    TextTrack,
    TrackError,
)
from ladders import (
    Constraints,
    FinalEncodes,
    Ladder,
    Shot,
    analyse_shots_in_parallel,
    candidate_sizes,
    choose_preset,
    predict_cost,
)
from shotladder.pipeline.codec_ladders import EncodedLadder, codec_ladders
from shotladder.pipeline.encode_request import EncodeRequest
from shotladder.pipeline.key_files import keys_file
from shotladder.pipeline.output import PRESENTATION, atomic_directory, check_output, files_below, finished_as
from shotladder.progress import Reporter
from shotladder.report.html_report import write_report
from shotladder.report.presentation_document import Made, Parts, SkippedTrack, describe
from shotladder_runtime.errors import ProcessError
from shotladder_runtime.jobs import LocalExecutor, cluster_executor, run_concurrently
from shotladder_runtime.process import stop_all
from shotladder_runtime.store import Store

__all__ = ["Outcome", "encode", "find_ladders", "plan"]

Result = TypeVar("Result")
Track = TypeVar("Track", AudioTrack, TextTrack)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What a run did: the presentation's description, and whether it had been there already."""

    presentation: dict[str, Any]
    already_there: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Analysed:
    source: Source
    shots: tuple[Shot, ...]
    cpu_seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class _Tracks:
    """Tracks of sound and text, and those of the source that can be none."""

    audio: Sequence[AudioTrack]
    text: Sequence[TextTrack]
    left_out: Sequence[SkippedTrack]


def encode(request: EncodeRequest, reporter: Reporter) -> Outcome:
    """Make a presentation of a film.

    Parameters
    ----------
    request : EncodeRequest
    reporter : Reporter
        Told what is going on.

    Returns
    -------
    Outcome

    Raises
    ------
    ShotladderError
        If the film, the output or a tool is at fault; the output folder then is as it was.
    """
    source = encoder.inspect(request.source)
    fingerprint = request.fingerprint(source)
    if finished_as(request.output) == fingerprint and not request.overwrite:
        return Outcome(json.loads((request.output / PRESENTATION).read_text()), already_there=True)
    check_output(request.output, request.source, overwrite=request.overwrite)
    for kind in source.hdr.dynamic:
        kept = {"smpte2084": "HDR10", "arib-std-b67": "HLG"}.get(source.colour.transfer or "", "the base layer")
        reporter.say(f"{source.path}: {kind} metadata is left out, the encoders cannot carry it; {kept} remains")
    with request.store.in_use():
        with _workers(request) as executor:
            analysed = _aside(executor, _analyse, source, request.store, executor, reporter)
            found = codec_ladders(request, analysed.source, analysed.shots, executor, reporter)
            delivered = run_concurrently(executor, [partial(each.encode_with_correction, reporter) for each in found])
            tracks = _aside(executor, _tracks, request, analysed.source, executor, reporter)
        with atomic_directory(request.output, overwrite=request.overwrite) as folder, reporter.stage("package"):
            packing = PackagingRequest(_encryption(request, reporter), request.single_file)
            parts = _package(folder, analysed, delivered, tracks, packing, request.limits)
            described = describe(folder, parts, fingerprint)
            _say_of_buffers(described, request.limits, reporter)
            hulls = {made.ladder.codec: made.ladder.hull for made in parts.made}
            write_report(folder / "report.html", described, hulls)
            # `--overwrite` deletes these files and no others
            presentation = described | {"files": sorted([*files_below(folder), PRESENTATION])}
            (folder / PRESENTATION).write_text(json.dumps(presentation, indent=1) + "\n")
    return Outcome(presentation, already_there=False)


def find_ladders(request: EncodeRequest, reporter: Reporter) -> list[Ladder]:
    """Find the ladders of a film by trials, one a codec, without the final encodes."""
    source = encoder.inspect(request.source)
    with request.store.in_use(), _workers(request) as executor:
        analysed = _aside(executor, _analyse, source, request.store, executor, reporter)
        found = codec_ladders(request, analysed.source, analysed.shots, executor, reporter)
    return [each.ladder for each in found]


@contextmanager
def _workers(request: EncodeRequest) -> Iterator[Executor]:
    """Give an executor that, when the block fails or is interrupted, drops what waits and kills what runs here."""
    if request.cluster:
        with cluster_executor(request.cluster, request.store) as executor:
            yield executor
        return
    with LocalExecutor(request.workers) as executor:
        try:
            yield executor
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            stop_all()
            raise


def plan(request: EncodeRequest, reporter: Reporter) -> dict[str, Any]:
    """Say what a run would do and about what it would cost, by doing it to a few seconds of the film."""
    source = encoder.inspect(request.source)
    if request.engine == "native":
        vmaf.warm_up(source.bit_depth)
    each = []
    # nothing is left of it
    with TemporaryDirectory() as folder, LocalExecutor(request.workers) as executor:
        store = Store(Path(folder))
        analysed = _aside(executor, _analyse, source, store, executor, reporter)
        source = analysed.source
        chunks, segments = encoder.plan_chunks(source, [shot.start for shot in analysed.shots], request.segment)
        sizes = list(candidate_sizes(source.display_size, request.max_height).values())
        for wanted in request.ladder_requests(source):
            with reporter.stage(f"{wanted.encoding.codec}: try a few seconds") as advance:
                settled, spent = choose_preset(wanted, source, chunks, store, executor)
                cost = predict_cost(source, chunks, settled, executor, advance, compare=request.compare)
                each.append(cost | {"probes": cost["probes"] + spent.cpu_seconds})
    predicted = {stage: round(sum(cost[stage] for cost in each), 1) for stage in each[0]}
    return {
        "codecs": list(request.codecs),
        "frames": source.frame_count,
        "shots": len(analysed.shots),
        "chunks": len(chunks),
        "segments": len(segments),
        "sizes": [f"{width}x{height}" for width, height in sizes],
        "predicted_cpu_seconds": {"analysis": round(analysed.cpu_seconds, 1), **predicted},
    }


def _aside(executor: Executor, function: Callable[..., Result], *args: Any) -> Result:
    """Call what gives jobs to an executor on another thread, so that an interrupt finds this one waiting."""
    return run_concurrently(executor, [partial(function, *args)])[0]


def _analyse(source: Source, store: Store, executor: Executor, reporter: Reporter) -> _Analysed:
    with reporter.stage("shots") as advance:
        analysis, cpu = analyse_shots_in_parallel(source, executor, store, progress=advance)
    if analysis.undecodable:
        # the packets promise frames that do not decode: from here on only those count that do
        spans = ", ".join(f"{first} to {last - 1}" for first, last in analysis.undecodable)
        reporter.say(f"{source.path} is damaged: frames {spans} do not decode; going on with the others")
        source = encoder.inspect(source.path, exact=True)
        with reporter.stage("shots, again") as advance:
            analysis, more = analyse_shots_in_parallel(source, executor, store, progress=advance)
        cpu += more
    return _Analysed(source, analysis.shots, cpu)


def _tracks(request: EncodeRequest, source: Source, executor: Executor, reporter: Reporter) -> _Tracks:
    if not request.audio:
        return _Tracks([], [], [])
    left_out: list[SkippedTrack] = []
    with reporter.stage("sound and text"):
        sound = [
            (stream, executor.submit(encoder.encode_audio, source, stream, request.store, codec))
            for stream in source.audio
            for codec in encoder.audio_codecs(stream, request.audio)
        ]
        words = [
            (stream, executor.submit(encoder.extract_text, source, stream, request.store)) for stream in source.text
        ]
        audio = [_track(job, stream, left_out, reporter) for stream, job in sound]
        text = [_track(job, stream, left_out, reporter) for stream, job in words]
        # another machine may have made them
        return _Tracks(
            [replace(track, path=request.store.fetch(track.path)) for track in audio if track],
            [replace(track, path=request.store.fetch(track.path)) for track in text if track],
            left_out,
        )


def _track(
    job: Future[Track], stream: AudioStream | TextStream, left_out: list[SkippedTrack], reporter: Reporter
) -> Track | None:
    """Return a track, or say why it is left out."""
    try:
        return job.result()
    except (ProcessError, TrackError) as error:
        if isinstance(error, ProcessError) and error.returncode < 0:
            raise
        left_out.append(SkippedTrack(stream, str(error)))
        reporter.say(f"track {stream.index} ({stream.codec}, {stream.language or 'no language'}) is left out: {error}")
        return None


def _encryption(request: EncodeRequest, reporter: Reporter) -> Encryption | None:
    """Return how to encrypt; new keys are kept before anything is encrypted with them."""
    wanted = request.encryption
    if wanted is None:
        return None
    keys = wanted.keys
    if keys is None:
        keys = encoder.new_keys()
        path = keys_file(keys[0].key_id)
        encoder.save_keys(keys, path)
        reporter.say(f"the keys are in {path}, which only you may read")
    return Encryption(wanted.scheme, keys, wanted.key_uri, wanted.clear_lead)


def _package(
    folder: Path,
    analysed: _Analysed,
    delivered: Sequence[EncodedLadder],
    tracks: _Tracks,
    packing: PackagingRequest,
    limits: Constraints,
) -> Parts:
    """Stitch each rung of each codec, package all, and gather what is known."""
    source = analysed.source
    stitching = folder / ".tracks"
    stitching.mkdir()
    named = [_renditions(source, each.ladder, each.finals) for each in delivered]
    stitched = []
    for renditions, each in zip(named, delivered, strict=True):
        for rendition, row in zip(renditions, each.finals.chunks, strict=True):
            path = stitching / f"{rendition.id}.mp4"
            encoder.stitch(source, each.ladder.chunks, [chunk.path for chunk in row], path, each.ladder.segments)
            stitched.append((rendition, path))
    samples = iter([encoder.track_samples(path) for _, path in stitched])
    segments = delivered[0].ladder.segments
    packaged = iter(encoder.package(folder, source, segments, stitched, tracks.audio, tracks.text, packing))
    for _, path in stitched:
        path.unlink()
    stitching.rmdir()
    made = [
        Made(
            each.ladder,
            each.finals,
            renditions,
            tuple(islice(packaged, len(renditions))),
            tuple(islice(samples, len(renditions))),
            each.anchor,
        )
        for renditions, each in zip(named, delivered, strict=True)
    ]
    return Parts(
        source,
        analysed.shots,
        made,
        audio=list(zip(tracks.audio, packaged, strict=False)),
        text=list(zip(tracks.text, packaged, strict=True)),
        left_out=tracks.left_out,
        encryption=packing.encryption,
        limits=limits,
        analysis_cpu_seconds=analysed.cpu_seconds,
    )


def _say_of_buffers(presentation: dict[str, Any], limits: Constraints, reporter: Reporter) -> None:
    """Name the rungs for which a buffer that was asked for has to be filled faster than it should."""
    for rung in presentation["video"] if limits.buffer is not None else ():
        times = rung["buffer_rate"] / rung["average_bitrate"]
        if times > limits.peak_ratio:
            held = f"a buffer of {limits.buffer:g} s has to be filled at {times:.2f} times its average rate"
            reporter.say(f"{rung['id']}: {held}")


def _renditions(source: Source, ladder: Ladder, finals: FinalEncodes) -> tuple[Rendition, ...]:
    """Return a ladder's renditions; their names tell rates as they turned out."""
    rates = [round(sum(c.bits for c in row) / float(source.duration)) for row in finals.chunks]
    rungs = tuple(replace(rung, rate=rate) for rung, rate in zip(ladder.rungs, rates, strict=True))
    return replace(ladder, rungs=rungs).renditions()
