"""`shotladder score`: VMAF and other metrics of renditions against one reference."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shotladder import __version__
from shotladder.commands.options.general_options import json_flag, quiet_flag
from shotladder.commands.options.grouped_command import GroupedCommand, option
from shotladder.commands.options.library_values import (
    DEFAULT_ENGINE,
    ENGINES,
    RAW_FORMATS,
    SCORE_METRICS,
    VIEWING_DEVICES,
)
from shotladder.kernel_notice import announce_compilation
from shotladder.report.readable_units import format_count
from shotladder.reporter import Reporter
from shotladder_runtime.passwords import without_password
from shotladder_runtime.printable_text import printable

if TYPE_CHECKING:
    import vmaf
    from vmaf.raw_video import RawVideo

__all__ = ["command"]

#: Maximum frame rate of raw video, frames/s; chosen by hand.
MAX_FRAME_RATE = 10_000


class IntegerPair(click.ParamType[tuple[int, int]]):
    """Two integers with a separator between them, such as 1920x1080 or 0:240."""

    name = "pair"

    def __init__(self, separator: str) -> None:
        self.separator = separator

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Return the two integers."""
        if isinstance(value, tuple):
            return value
        left, _, right = str(value).partition(self.separator)
        if not (left.isdecimal() and right.isdecimal()):
            self.fail(f"{value!r} is not two integers with {self.separator!r} between them", param, ctx)
        return int(left), int(right)


class FrameRate(click.ParamType[Fraction]):
    """A frame rate as a fraction or a number, such as 24000/1001 or 29.97."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Fraction:
        """Return the fraction."""
        try:
            rate = Fraction(value)
        except (ValueError, ZeroDivisionError):
            rate = Fraction(0)
        if not 0 < rate <= MAX_FRAME_RATE:
            fault = f"{value!r} is not a frame rate above 0 and up to {MAX_FRAME_RATE}, such as 24000/1001"
            self.fail(fault, param, ctx)
        return rate.limit_denominator(1_000_000)


@click.command("score", cls=GroupedCommand)
@click.argument("reference")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@option(
    "Metrics",
    "--model",
    metavar="NAME|FILE",
    help="VMAF model: v0.6.1, neg, 4k, 4k-neg, phone, v1, or a JSON file. Default: v0.6.1, or 4k for references above"
    " 1440p.",
)
@option(
    "Metrics",
    "--metric",
    "metrics",
    type=click.Choice(SCORE_METRICS),
    multiple=True,
    help="Additional metric (repeatable). Default: VMAF and its elementary features only.",
)
@option(
    "Metrics",
    "--engine",
    type=click.Choice(ENGINES),
    default=DEFAULT_ENGINE,
    show_default=True,
    help="VMAF implementation: the built-in kernels (`native`), or the libvmaf filter of ffmpeg.",
)
@option(
    "Metrics",
    "--device",
    type=click.Choice(VIEWING_DEVICES),
    help="Viewing device; selects the comparison size and the VMAF model. Default: --size and --model.",
)
@option(
    "Metrics",
    "--size",
    metavar="WIDTHxHEIGHT",
    type=IntegerPair("x"),
    help="Comparison size in pixels. Default: the size of the reference in square pixels.",
)
@option(
    "Metrics",
    "--crop",
    metavar="WIDTHxHEIGHT",
    type=IntegerPair("x"),
    help="Middle part of the reference that the files show, in pixels, for a reference with bars. Default: all of it.",
)
@option(
    "Raw video",
    "--raw-size",
    metavar="WIDTHxHEIGHT",
    type=IntegerPair("x"),
    help="Frame size of .yuv and .raw files in pixels, which they require. Default: none.",
)
@option(
    "Raw video",
    "--raw-format",
    type=click.Choice(RAW_FORMATS),
    default="yuv420p",
    show_default=True,
    help="Pixel format of .yuv and .raw files.",
)
@option(
    "Raw video",
    "--raw-rate",
    metavar="FPS",
    type=FrameRate(),
    default="25",
    show_default=True,
    help="Frame rate of .yuv and .raw files in frames per second, such as 24000/1001.",
)
@option(
    "Frames",
    "--every",
    metavar="N",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Measure one frame in N.",
)
@option(
    "Frames",
    "--frames",
    metavar="START:STOP",
    type=IntegerPair(":"),
    help="Range of reference frames to measure; STOP is excluded. Default: all frames.",
)
@option(
    "Frames",
    "--offset",
    metavar="FRAME",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Index of the reference frame that matches the first frame of each file.",
)
@option(
    "Frames",
    "--match-by-index",
    is_flag=True,
    help="Match frames by index even if their timestamps disagree.",
)
@option(
    "Frames",
    "--different-videos",
    is_flag=True,
    help="Measure files that show another video than the reference. Default: refuse them, by a few frames.",
)
@option(
    "Execution",
    "--threads",
    metavar="COUNT",
    type=click.IntRange(min=1),
    help="Number of threads. Default: one per CPU core.",
)
@json_flag
@quiet_flag
def command(
    reference: str,
    files: tuple[str, ...],
    model: str | None,
    engine: str,
    every: int,
    size: tuple[int, int] | None,
    crop: tuple[int, int] | None,
    raw_size: tuple[int, int] | None,
    raw_format: str,
    raw_rate: Fraction,
    device: str | None,
    frames: tuple[int, int] | None,
    offset: int,
    metrics: tuple[str, ...],
    match_by_index: bool,
    different_videos: bool,
    threads: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Measure VMAF of every FILE against REFERENCE, frame by frame.

    Frames are matched by their index in presentation order.
    """
    reporter = Reporter(quiet=quiet)
    announce_compilation(reporter)
    # the libraries take seconds to import, and `--help` needs none of them
    import vmaf
    from encoder import inspect
    from vmaf.alignment.same_video import reject_other_videos
    from vmaf.raw_video import RawVideo

    raw = RawVideo(*raw_size, raw_format, raw_rate) if raw_size else None
    with _with_headers((reference, *files), raw) as paths, ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        source, *renditions = pool.map(inspect, paths)
        reporter.say_notes(zip((reference, *files), (each.notes for each in (source, *renditions)), strict=True))
        if not different_videos:
            reject_other_videos(source, renditions, offset=offset, frames=frames, crop=crop)
        with reporter.stage(f"measure {format_count(len(files), 'file')} against {reference}") as advance:
            scores = vmaf.score(
                source,
                renditions,
                model=model,
                frame_stride=every,
                engine=engine,
                frames=frames,
                offset=offset,
                size=size,
                crop=crop,
                device=device,
                metrics=metrics,
                threads=threads,
                match_times=not match_by_index,
                check_content=True,
                partial=True,
                progress=advance,
            )
    if paths != [reference, *files]:
        scores = tuple(replace(each, path=path, reference=reference) for each, path in zip(scores, files, strict=True))
    for each in scores:
        if each.missing:
            reporter.say(f"{each.path}: {_missing_frames(each)}; the scores cover the other frames")
        if each.duplicated_frames:
            frame, shown = each.duplicated_frames[0]
            reporter.say(
                f"{each.path}: {len(each.duplicated_frames)} frames match an adjacent reference frame better;"
                f" for example, frame {frame} shows reference frame {shown}"
            )
    text = json.dumps(_document(scores)) if as_json else printable(_table(scores))
    click.echo(without_password(text))


@contextmanager
def _with_headers(paths: Sequence[str], raw: RawVideo | None) -> Iterator[list[str]]:
    """Yield the paths of the files; raw video is replaced by copies with a header, which are deleted at the end."""
    from vmaf.raw_video import RAW_SUFFIXES, add_header

    is_raw = [Path(path).suffix.lower() in RAW_SUFFIXES for path in paths]
    if not any(is_raw):
        yield list(paths)
        return
    if raw is None:
        raise click.UsageError(f"{paths[is_raw.index(True)]} is raw video, which requires --raw-size WIDTHxHEIGHT")
    with tempfile.TemporaryDirectory(prefix="shotladder-raw-") as folder:
        named = []
        for n, path in enumerate(paths):
            place = Path(folder) / str(n)
            place.mkdir()
            named.append(str(add_header(path, raw, place)) if is_raw[n] else path)
        yield named


def _missing_frames(scores: vmaf.Scores) -> str:
    """Describe the frames that a rendition lacks."""
    start, stop = scores.missing[0]
    frames = f"frame {start}" if stop == start + 1 else f"frames {start} to {stop - 1}"
    if len(scores.missing) == 1:
        return f"{frames} missing"
    return f"{sum(stop - start for start, stop in scores.missing)} frames missing, starting with {frames}"


def _document(scores: tuple[vmaf.Scores, ...]) -> dict[str, Any]:
    first = scores[0]
    return {
        "reference": first.reference,
        "model": first.model,
        "engine": first.engine,
        "frame_stride": first.frame_stride,
        "size": [first.width, first.height],
        "bit_depth": first.bit_depth,
        "versions": {
            "shotladder": __version__,
            "libvmaf": first.libvmaf,
            "model_digest": first.model_digest,
        },
        "cpu_seconds": round(sum(each.cpu_seconds for each in scores), 3),
        "renditions": [_rendition(each) for each in scores],
    }


def _rendition(scores: vmaf.Scores) -> dict[str, Any]:
    series = scores.series
    pool = scores.pool
    rows = [
        {"frame": int(n)} | {name: _finite(values[i]) for name, values in series.items()}
        for i, n in enumerate(scores.frames)
    ]
    return {
        "path": scores.path,
        "vmaf": {"mean": pool.mean, "harmonic_mean": pool.harmonic_mean, "p5": pool.p5, "min": pool.min},
        "missing": [{"first_frame": start, "frame_count": stop - start} for start, stop in scores.missing],
        "duplicated_frames": [{"frame": frame, "shows": shown} for frame, shown in scores.duplicated_frames],
        **{name: _pooled(name, values) for name, values in series.items() if name != "vmaf"},
        "frames": rows,
    }


def _pooled(name: str, values: Any) -> float | None:
    """Return the mean; PSNR is averaged over the squared error, as in the summary of ffmpeg."""
    if not name.startswith("psnr"):
        return float(values.mean())
    error = float((10.0 ** (-values / 10.0)).mean())
    return -10.0 * math.log10(error) if error > 0 else None


def _finite(value: float) -> float | None:
    """Return the number, or None if it is infinite (PSNR of equal planes), which JSON cannot express."""
    return float(value) if math.isfinite(value) else None


def _table(scores: tuple[vmaf.Scores, ...]) -> str:
    first = scores[0]
    lines = [
        f"{first.model}, {first.engine} engine, {first.width}x{first.height}, {len(first.frames)} frames",
        f"{'mean':>7} {'harm.':>7} {'p5':>7} {'min':>7}  file",
    ]
    for each in scores:
        p = each.pool
        note = f"  ({_missing_frames(each)})" if each.missing else ""
        lines.append(f"{p.mean:7.3f} {p.harmonic_mean:7.3f} {p.p5:7.3f} {p.min:7.3f}  {each.path}{note}")
    return "\n".join(lines)
