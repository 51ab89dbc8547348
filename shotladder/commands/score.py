"""`shotladder score`: VMAF and companions of renditions against one reference."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import click
import numpy as np

import vmaf
from encoder import inspect
from shotladder import __version__
from shotladder.progress import Reporter

__all__ = ["command"]

ENGINES = ("native", "libvmaf")


def _pair(sign: str) -> Callable[[str], tuple[int, int]]:
    """Return the reader of two whole numbers with a sign between them: `1920x1080`, `0:240`."""

    def read(value: str) -> tuple[int, int]:
        first, _, second = value.partition(sign)
        if not (first.isdecimal() and second.isdecimal()):
            raise click.BadParameter(f"{value!r} is not two numbers with {sign!r} between them")
        return int(first), int(second)

    read.__name__ = f"A{sign}B"
    return read


@click.command()
@click.argument("reference")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--model", metavar="NAME", help="v0.6.1, neg, 4k, phone, v1, ... or a JSON file [by the size]")
@click.option("--engine", type=click.Choice(ENGINES), default=vmaf.DEFAULT_ENGINE, show_default=True)
@click.option("--every", type=click.IntRange(min=1), default=1, show_default=True, help="Measure one frame in N.")
@click.option("--size", type=_pair("x"), help="Compare at this size [the reference's, in square pixels].")
@click.option("--device", type=click.Choice(list(vmaf.DEVICES)), help="Judge as on this screen: its size, its model.")
@click.option("--frames", type=_pair(":"), help="Reference frames FIRST:LAST, LAST not included [all].")
@click.option("--offset", type=click.IntRange(min=0), default=0, help="Reference frame the files begin with.")
@click.option("--with", "companions", metavar="NAME", type=click.Choice(vmaf.METRICS), multiple=True,
              help=f"Also measure: {', '.join(vmaf.METRICS)}; may be repeated.")  # fmt: skip
@click.option("--ignore-times", is_flag=True, help="Pair by number even where frame times differ.")
@click.option("--threads", type=click.IntRange(min=1), help="[one a core]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--quiet", is_flag=True, help="No progress.")
def command(
    reference: str,
    files: tuple[str, ...],
    model: str | None,
    engine: str,
    every: int,
    size: tuple[int, int] | None,
    device: str | None,
    frames: tuple[int, int] | None,
    offset: int,
    companions: tuple[str, ...],
    ignore_times: bool,
    threads: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Measure VMAF of every FILE against REFERENCE, frame by frame, paired by frame number."""
    reporter = Reporter(quiet=quiet)
    source = inspect(reference)
    with reporter.stage(f"measuring {len(files)} against {reference}") as advance:
        scores = vmaf.score(
            source,
            files,
            model=model,
            frame_stride=every,
            engine=engine,
            frames=frames,
            offset=offset,
            size=size,
            device=device,
            metrics=companions,
            threads=threads,
            match_times=not ignore_times,
            partial=True,
            progress=advance,
        )
    for each in scores:
        if each.missing:
            reporter.say(f"{each.path}: {_lack(each)}; the mean is of the other frames")
        if each.duplicated_frames:
            frame, shown = each.duplicated_frames[0]
            reporter.say(
                f"{each.path}: {len(each.duplicated_frames)} frames look like a neighbour of their own;"
                f" frame {frame} shows frame {shown} of the reference"
            )
    click.echo(json.dumps(_document(scores)) if as_json else _table(scores))


def _lack(scores: vmaf.Scores) -> str:
    """Say which frames a rendition does not hold."""
    first, last = scores.missing[0]
    count = sum(b - a for a, b in scores.missing)
    where = f"frame {first}" if last == first + 1 else f"frames {first} to {last - 1}"
    return f"{where} missing" if len(scores.missing) == 1 else f"{count} frames missing, the first: {where}"


def _document(scores: tuple[vmaf.Scores, ...]) -> dict[str, Any]:
    first = scores[0]
    return {
        "reference": first.reference,
        "model": first.model,
        "engine": first.engine,
        "every": first.frame_stride,
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
        "missing": [{"first_frame": first, "frame_count": last - first} for first, last in scores.missing],
        "misplaced": [{"frame": frame, "shows": shown} for frame, shown in scores.duplicated_frames],
        **{name: _pooled(name, values) for name, values in series.items() if name != "vmaf"},
        "frames": rows,
    }


def _pooled(name: str, values: Any) -> float | None:
    """Return the mean; of PSNR that of the squared error, as ffmpeg's summary does."""
    if not name.startswith("psnr"):
        return float(values.mean())
    error = float(np.mean(10.0 ** (-values / 10.0)))
    return -10.0 * math.log10(error) if error > 0 else None


def _finite(value: float) -> float | None:
    """Return the number for JSON, which has no infinity (the PSNR of equal planes)."""
    return float(value) if math.isfinite(value) else None


def _table(scores: tuple[vmaf.Scores, ...]) -> str:
    first = scores[0]
    lines = [
        f"{first.model}, {first.engine} engine, {first.width}x{first.height}, {len(first.frames)} frames",
        f"{'mean':>7} {'harm.':>7} {'p5':>7} {'min':>7}  file",
    ]
    for each in scores:
        p = each.pool
        lack = f"  ({_lack(each)})" if each.missing else ""
        lines.append(f"{p.mean:7.3f} {p.harmonic_mean:7.3f} {p.p5:7.3f} {p.min:7.3f}  {each.path}{lack}")
    return "\n".join(lines)
