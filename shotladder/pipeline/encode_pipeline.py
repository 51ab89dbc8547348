"""The data flow of `encode`: plan, probe, ladder, encode, correct, package, report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from markupsafe import Markup

import encoder
import vmaf
from encoder import DynamicMetadata, Source
from encoder.media.black_bars import restore_content_id
from ladders import Constraints, Ladder, LadderRequest, candidate_sizes, choose_preset, predict_encode
from shotladder.pipeline.client_population import ClientPopulation
from shotladder.pipeline.codec_ladders import EncodedLadder, encode_ladders, find_codec_ladders, with_film_grain
from shotladder.pipeline.cost_estimate import predict_needs
from shotladder.pipeline.encode_request import EncodeRequest
from shotladder.pipeline.encode_result import EncodeResult
from shotladder.pipeline.free_space import check_free_space
from shotladder.pipeline.ladder_requests import build_ladder_requests, hash_request, report_trace_notes
from shotladder.pipeline.output import (
    atomic_directory,
    check_output,
    clean_after_killed_runs,
    completed_request,
    files_below,
    require_intact,
)
from shotladder.pipeline.presentation_packaging import choose_encryption, package_presentation, save_new_keys
from shotladder.pipeline.search_metric import check_metrics
from shotladder.pipeline.source.source_analysis import (
    SourceAnalysis,
    analyse_source,
    check_files,
    refuse_small,
    report_notes,
)
from shotladder.pipeline.source.source_crop import apply_given_crop
from shotladder.pipeline.store_run import clean_store, hold_store
from shotladder.pipeline.timing.remaining_time import TimeLeft
from shotladder.pipeline.timing.run_estimate import (
    RunEstimate,
    estimate_audio_bitrate,
    estimate_finals,
    estimate_run,
    split_stages,
)
from shotladder.pipeline.tracks.captions import check_captions, make_captions
from shotladder.pipeline.tracks.dynamic_hdr import read_dynamic_hdr
from shotladder.pipeline.tracks.side_tracks import SideTracks, encode_side_tracks
from shotladder.pipeline.worker_pool import open_executor, run_interruptibly, run_on_workers
from shotladder.report.frame_images import ReportImages, make_report_images
from shotladder.report.html_report import write_report
from shotladder.report.presentation_format import Presentation
from shotladder.report.presentation_inputs import PresentationInputs
from shotladder.report.presentation_reader import PRESENTATION, load
from shotladder.report.presentation_writer import describe
from shotladder.report.readable_units import format_bitrate
from shotladder.reporter import Reporter
from shotladder_runtime.errors import ShotladderError
from shotladder_runtime.jobs import LocalExecutor
from shotladder_runtime.jobs.executor import MEMORY_FRACTION, read_free_memory
from shotladder_runtime.store import Store

__all__ = ["EncodedTracks", "encode", "encode_tracks", "find_ladders", "plan", "warn_max_bitrate"]


@dataclass(frozen=True, slots=True, eq=False)
class EncodedTracks:
    """All encoded tracks of a run, before packaging."""

    analysis: SourceAnalysis
    ladders: Sequence[EncodedLadder]
    side_tracks: SideTracks
    dynamic: DynamicMetadata


def encode(request: EncodeRequest, reporter: Reporter, executor: Executor | None = None) -> EncodeResult:
    """Encode a source as a presentation.

    Parameters
    ----------
    request : EncodeRequest
    reporter : Reporter
        Receives progress and notes.
    executor : Executor, optional
        Runs the jobs, for several runs that share workers. Default: the workers or the cluster of the request.

    Returns
    -------
    EncodeResult

    Raises
    ------
    ShotladderError
        If the source, the output or a tool is at fault; the output directory is then unchanged.
    """
    check_captions(request)
    source = apply_given_crop(encoder.inspect(request.source), request.crop)
    refuse_small(source)
    check_metrics(request, source)
    ladder_requests = build_ladder_requests(request, source)
    fingerprint = hash_request(request, source, ladder_requests)
    clean_after_killed_runs(request.output)
    if completed_request(request.output) == fingerprint and not request.overwrite:
        presentation = load(request.output)
        require_intact(request.output, presentation)
        clean_store(request.store, reporter)
        return EncodeResult(request.output, presentation, already_there=True)
    check_output(request.output, request.source, overwrite=request.overwrite)
    request.store.create()
    check_free_space(request, source, reporter)
    report_notes(source, reporter)
    report_trace_notes(ladder_requests, reporter)
    estimate = estimate_run(request, source)
    time_left = TimeLeft(estimate)
    reporter.follow(time_left)
    check_files(request, source)
    if request.thumbnails is not None and request.encryption is not None:
        reporter.say("thumbnails are left out, because images of an encrypted presentation would show its frames")
    with hold_store(request.store, reporter):
        work = partial(encode_tracks, request, source, ladder_requests, reporter, time_left)
        encoded = run_on_workers(request, work, executor, reporter)
        with atomic_directory(request.output, overwrite=request.overwrite) as folder, reporter.stage("package"):
            encryption = choose_encryption(request)
            inputs = package_presentation(
                folder, request, encoded.analysis, encoded.ladders, encoded.side_tracks, encryption, encoded.dynamic
            )
            presentation = describe(folder, inputs, fingerprint)
            _warn_vbv(presentation, request.constraints, reporter)
            warn_max_bitrate({rung.id: rung.average_bitrate for rung in presentation.video}, request, reporter)
            _write_report(folder, request, inputs, presentation, ladder_requests[0], estimate, reporter)
            # `--overwrite` deletes these files and no others
            files = sorted({*files_below(folder), PRESENTATION})
            presentation = msgspec.structs.replace(presentation, files=files)
            (folder / PRESENTATION).write_text(json.dumps(presentation.to_dict(), indent=1) + "\n")
            save_new_keys(request, encryption, reporter)
    return EncodeResult(request.output, presentation, tuple(e.ladder for e in encoded.ladders))


def encode_tracks(
    request: EncodeRequest,
    source: Source,
    ladder_requests: Sequence[LadderRequest],
    reporter: Reporter,
    time_left: TimeLeft,
    executor: Executor,
) -> EncodedTracks:
    """Detect shots, find the ladders, encode and correct them, and encode audio and subtitles."""
    analysis = analyse_source(source, request, request.store, executor, reporter)
    dynamic = read_dynamic_hdr(request, analysis.source, reporter)
    uncropped = restore_content_id(analysis.source)
    # before the encodes, so that a fault of the model is found early
    captions = make_captions(request, uncropped, analysis.shots, executor, reporter)
    ladders = find_codec_ladders(request, ladder_requests, analysis, executor, reporter, time_left)
    if request.film_grain != "none":
        ladders = [with_film_grain(each, request.film_grain, analysis.shots, reporter) for each in ladders]
    for each in ladders:
        found = each.ladder
        time_left.refine(estimate_finals(request, analysis.source, found.codec, found.rungs, len(found.chunks)))
    encoded = encode_ladders(ladders, request, executor, reporter)
    side_tracks = encode_side_tracks(request, uncropped, executor, reporter)
    if captions is not None:
        side_tracks = replace(side_tracks, text=[*side_tracks.text, captions])
    return EncodedTracks(analysis, encoded, side_tracks, dynamic)


def find_ladders(request: EncodeRequest, reporter: Reporter) -> list[Ladder]:
    """Find the ladder of each codec by probe encodes, without the final encodes."""
    source = apply_given_crop(encoder.inspect(request.source), request.crop)
    refuse_small(source)
    check_metrics(request, source)
    report_notes(source, reporter)
    ladder_requests = build_ladder_requests(request, source)
    report_trace_notes(ladder_requests, reporter)
    check_files(request, source)

    def find(executor: Executor) -> list[Ladder]:
        analysis = analyse_source(source, request, request.store, executor, reporter)
        found = find_codec_ladders(request, ladder_requests, analysis, executor, reporter)
        return [each.ladder for each in found]

    with hold_store(request.store, reporter), open_executor(request, reporter) as executor:
        return run_interruptibly(partial(find, executor), executor)


def plan(request: EncodeRequest, reporter: Reporter) -> dict[str, Any]:
    """Return what a run would do, and its CPU cost, estimated by encoding a few seconds of the source."""
    source = apply_given_crop(encoder.inspect(request.source), request.crop)
    refuse_small(source)
    check_metrics(request, source)
    report_notes(source, reporter)
    read_dynamic_hdr(request, source, reporter)
    ladder_requests = build_ladder_requests(request, source)
    report_trace_notes(ladder_requests, reporter)
    check_files(request, source)
    if request.engine == "native":
        vmaf.warm_up(source.bit_depth)
    # a temporary store, so that no artefact remains
    with TemporaryDirectory() as folder, LocalExecutor(request.workers) as executor:
        work = partial(_plan, request, source, ladder_requests, Store(Path(folder)), executor, reporter)
        return run_interruptibly(work, executor)


def _plan(
    request: EncodeRequest,
    source: Source,
    ladder_requests: Sequence[LadderRequest],
    store: Store,
    executor: Executor,
    reporter: Reporter,
) -> dict[str, Any]:
    analysis = analyse_source(source, request, store, executor, reporter)
    source = analysis.source
    chunks, segments = encoder.plan_chunks(source, [shot.start for shot in analysis.shots], request.segment)
    sizes = list(candidate_sizes(source.display_size, request.max_height).values())
    costs, bitrate, renditions = [], 0.0, {}
    for each in ladder_requests:
        with reporter.stage(f"{each.encoding.codec}: encode a few seconds") as advance:
            settled, spent = choose_preset(each, source, chunks, store, executor)
            found = predict_encode(
                source, chunks, settled, executor, advance, compare=request.compare and request.metric is None
            )
            bitrate += found.bitrate
            cost = found.cpu_seconds
            costs.append(cost | {"probes": cost["probes"] + spent.cpu_seconds})
            renditions[each.encoding.codec] = [settled.encoding.rendition(size) for size in sizes]
    predicted = {stage: round(sum(cost[stage] for cost in costs), 1) for stage in costs[0]}
    predicted = {"analysis": round(analysis.cpu_seconds, 1), **predicted}
    memory = MEMORY_FRACTION * read_free_memory()
    needs = predict_needs(source, chunks, renditions, sum(predicted.values()), request.workers, memory)
    return {
        "codecs": list(request.codecs),
        "frames": source.frame_count,
        "shots": len(analysis.shots),
        "chunks": len(chunks),
        "segments": len(segments),
        "sizes": [f"{width}x{height}" for width, height in sizes],
        "predicted_cpu_seconds": predicted,
        "workers": request.workers,
        "predicted_wall_seconds": round(_estimate(request, source, analysis, costs).wall_seconds, 1),
        "predicted_bytes": round((bitrate + estimate_audio_bitrate(request, source)) * float(source.duration) / 8),
        "predicted_needs": needs,
    }


def _estimate(
    request: EncodeRequest, source: Source, analysis: SourceAnalysis, costs: Sequence[Mapping[str, float]]
) -> RunEstimate:
    """Return the estimate of a run with the CPU seconds that excerpts have shown."""
    seconds = dict(estimate_run(request, source).cpu_seconds)
    seconds["", "analysis"] = analysis.cpu_seconds
    for codec, cost in zip(request.codecs, costs, strict=True):
        # the predicted encodes and measurements include corrections
        finals = split_stages(codec, cost["probes"], cost["encode"], cost["measure"], comparison_fraction=0.0)
        seconds |= finals | {(codec, "corrections"): 0.0, (codec, "comparison"): cost["comparison"]}
    return RunEstimate(seconds, request.workers)


def _write_report(
    folder: Path,
    request: EncodeRequest,
    inputs: PresentationInputs,
    presentation: Presentation,
    ladder_request: LadderRequest,
    estimate: RunEstimate,
    reporter: Reporter,
) -> None:
    """Write `report.html` with images of frames, and with viewers if the rungs were placed for known networks."""
    images = _report_images(inputs, presentation, reporter)
    # the chart is of VMAF
    hulls = {each.ladder.codec: each.ladder.hull for each in inputs.ladders if request.metric is None}
    write_report(
        folder / "report.html",
        presentation,
        hulls,
        images,
        predicted_seconds=estimate.costs,
        viewers=_draw_clients(presentation, folder, ladder_request, reporter),
        command_line=request.command_line,
        date=datetime.now(UTC),
    )


def _draw_clients(
    presentation: Presentation, folder: Path, request: LadderRequest, reporter: Reporter
) -> Markup | None:
    """Return the section on viewers for the networks that the rungs were placed for; None without such networks."""
    clients = request.rules.expected_quality
    target = presentation.ladder.target_vmaf
    if not isinstance(clients, ClientPopulation) or target is None:
        return None
    (folder / PRESENTATION).write_text(json.dumps(presentation.to_dict()))
    try:
        return clients.draw_viewers(folder / PRESENTATION, target)
    except ShotladderError as error:
        reporter.say(f"the report shows no viewers: {error}")
        return None


def _report_images(inputs: PresentationInputs, presentation: Presentation, reporter: Reporter) -> ReportImages:
    """Return the images of the report; none, with a note, if frames cannot be read: the presentation needs none."""
    try:
        return make_report_images(inputs, presentation)
    except ShotladderError as error:
        reporter.say(f"the report shows no frames: {error}")
        return ReportImages({}, ())


def warn_max_bitrate(bitrates: Mapping[str, int], request: EncodeRequest, reporter: Reporter) -> None:
    """Report the rungs, by name, whose measured bitrate (bits/s) is above the requested maximum."""
    for name, bitrate in bitrates.items():
        if request.max_bitrate is not None and bitrate > request.max_bitrate:
            reporter.say(
                f"{name}: has {format_bitrate(bitrate)}, above the requested maximum of"
                f" {format_bitrate(request.max_bitrate)}: its encodes have more bits than predicted, or the encoder"
                " has no coarser quantiser"
            )


def _warn_vbv(presentation: Presentation, constraints: Constraints, reporter: Reporter) -> None:
    """Report the rungs for which the requested VBV buffer needs a higher bitrate than the constraint allows."""
    for rung in presentation.video if constraints.vbv_seconds is not None else ():
        ratio = rung.vbv_bitrate / rung.average_bitrate
        if ratio > constraints.peak_ratio:
            reporter.say(
                f"{rung.id}: the {constraints.vbv_seconds:g} s VBV buffer needs {ratio:.2f}x the average bitrate"
            )
