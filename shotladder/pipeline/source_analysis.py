"""Detect the shots of a source, and treat frames that cannot be decoded."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass

from encoder import Source, SourceError
from encoder.media.unchanged_source import inspect_exactly
from ladders import Shot, analyse_shots_in_parallel
from shotladder.reporter import Reporter
from shotladder_runtime.store import Store
from vmaf.model_document import MIN_SIDE

__all__ = ["SourceAnalysis", "analyse_source", "refuse_small", "report_dropped_hdr", "report_notes"]

#: What remains of a source with dynamic HDR metadata, by its transfer function (H.273 names as ffmpeg has them).
_STATIC_HDR = {"smpte2084": "HDR10", "arib-std-b67": "HLG"}


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


def analyse_source(source: Source, store: Store, executor: Executor, reporter: Reporter) -> SourceAnalysis:
    """Detect the shots of a source; if frames cannot be decoded, report them and analyse the rest."""
    with reporter.stage("shots") as advance:
        analysis, cpu = analyse_shots_in_parallel(source, executor, store, progress=advance)
    if analysis.undecodable:
        # the container promises frames that do not decode; from here on only decodable frames count
        spans = ", ".join(f"{start} to {stop - 1}" for start, stop in analysis.undecodable)
        reporter.say(f"{source.path} is damaged: frames {spans} do not decode and are skipped")
        source = inspect_exactly(source)
        with reporter.stage("shots, without undecodable frames") as advance:
            analysis, more = analyse_shots_in_parallel(source, executor, store, progress=advance)
        cpu += more
    return SourceAnalysis(source, analysis.shots, cpu)


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


def report_dropped_hdr(source: Source, reporter: Reporter) -> None:
    """Report dynamic HDR metadata, which the encoders cannot carry."""
    for kind in source.hdr.dynamic:
        kept = _STATIC_HDR.get(source.colour.transfer or "", "the base layer")
        reporter.say(
            f"{source.path}: {kind} metadata is left out, because the encoders cannot carry it; {kept} remains"
        )
