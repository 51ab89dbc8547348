"""Detect the shots of a source, and treat frames that cannot be decoded."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass

from encoder import Source, SourceError
from encoder.media.black_bars import crop_source, subtract_crop
from encoder.media.unchanged_source import inspect_exactly
from ladders import Shot, analyse_shots_in_parallel
from shotladder.pipeline.encode_request import EncodeRequest
from shotladder.pipeline.source.shot_file import read_shot_file
from shotladder.pipeline.source.source_crop import crop_black_bars
from shotladder.pipeline.source.zones import place_zones, read_zones
from shotladder.reporter import Reporter
from shotladder_runtime.store import Store
from vmaf.model_document import MIN_SIDE

__all__ = ["SourceAnalysis", "analyse_source", "check_files", "refuse_small", "report_notes"]


@dataclass(frozen=True, slots=True, eq=False)
class SourceAnalysis:
    """A source with its shots.

    Attributes
    ----------
    source : Source
        Counts only frames that can be decoded.
    shots : tuple of Shot
    cpu_seconds : float
        CPU time of the analysis.
    """

    source: Source
    shots: tuple[Shot, ...]
    cpu_seconds: float


def analyse_source(
    source: Source, request: EncodeRequest, store: Store, executor: Executor, reporter: Reporter
) -> SourceAnalysis:
    """Detect the shots of a source; if frames cannot be decoded, report them and analyse the rest.

    With the crop `auto`, black bars are removed before. Shots of the file that the request names replace the detected
    ones.
    """
    spent = 0.0
    given = read_shot_file(request.shots, source) if request.shots is not None else None
    if request.crop == "auto":
        source, spent = crop_black_bars(source, store, executor, reporter)
        refuse_small(source)
    with reporter.stage("shots") as advance:
        analysis, cpu = analyse_shots_in_parallel(source, executor, store, progress=advance, given=given)
    if analysis.undecodable:
        # the container promises frames that do not decode; from here on only decodable frames count
        spans = ", ".join(f"{start} to {stop - 1}" for start, stop in analysis.undecodable)
        reporter.say(f"{source.path} is damaged: frames {spans} do not decode and are skipped")
        exact = inspect_exactly(source)
        source = crop_source(exact, subtract_crop(source.crop, exact.crop))
        given = read_shot_file(request.shots, source) if request.shots is not None else None
        with reporter.stage("shots, without undecodable frames") as advance:
            analysis, more = analyse_shots_in_parallel(source, executor, store, progress=advance, given=given)
        cpu += more
    return SourceAnalysis(source, analysis.shots, cpu + spent)


def check_files(request: EncodeRequest, source: Source) -> None:
    """Check the files of shots and zones against a source, before anything is analysed.

    Raises
    ------
    ShotFileError, ZonesError
        If a file cannot be read, or does not fit the source. Zones of shots are checked when the shots are known.
    """
    if request.shots is not None:
        read_shot_file(request.shots, source)
    if request.zones is not None:
        place_zones(read_zones(request.zones), source, None)


def refuse_small(source: Source) -> None:
    """Refuse a source that is too small to measure, before anything is encoded.

    Raises
    ------
    SourceError
        If VMAF is not defined for its size.
    """
    width, height = source.display_size
    if min(width, height) < MIN_SIDE:
        factor = -(-MIN_SIDE // min(width, height))
        raise SourceError(
            f"{source.path}: {width}x{height} is too small for VMAF, which needs {MIN_SIDE} rows and columns; "
            f"enlarge it first: ffmpeg -i SOURCE -vf scale={factor}*iw:{factor}*ih:flags=neighbor larger.mkv"
        )


def report_notes(source: Source, reporter: Reporter) -> None:
    """Report what inspection left out, assumed or replaced."""
    reporter.say_notes([(source.path, source.notes)])
