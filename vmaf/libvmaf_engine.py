"""The libvmaf engine: ffmpeg's own filter, one process for all renditions of a reference.

It decodes the reference once (`split`), each rendition once, and is the oracle that the native engine is
held against.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from encoder import Source
from shotladder_runtime import process
from shotladder_runtime.tools import ffmpeg_path
from vmaf.errors import MeasureError, PairingError
from vmaf.measurement_request import Request
from vmaf.models import Model, load
from vmaf.scores import Array, Scores

__all__ = ["arguments", "measure"]

#: One tick a frame: filters pair by time, so both sides get the same clock, and time then is the frame's
#: number.
CLOCK = "settb=1/1000,setpts=N"

#: Both sides carry the same colour tags, whatever they had: else ffmpeg converts one side's samples to the
#: other's colour space before it scales.
SAME_COLOUR = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709,"

#: libvmaf's names of what `Scores` keeps.
METRICS = {
    "vmaf": "vmaf",
    "vmaf_neg": "vmaf_neg",
    "adm2": "integer_adm2",
    "motion2": "integer_motion2",
    "vif_scale0": "integer_vif_scale0",
    "vif_scale1": "integer_vif_scale1",
    "vif_scale2": "integer_vif_scale2",
    "vif_scale3": "integer_vif_scale3",
    "cambi": "cambi",
}


@dataclass(frozen=True, slots=True)
class Span:
    """Frames [start, end) that go through the filter: those to measure, and what motion needs around them."""

    start: int
    end: int


def measure(request: Request) -> tuple[Scores, ...]:
    """Measure with ffmpeg's libvmaf filter.

    Raises
    ------
    PairingError
        A rendition lacks frames, or gave fewer than its inspection promised.
    ProcessError
        ffmpeg failed.
    """
    if "interval" in request.companions:
        raise MeasureError("ffmpeg's filter cannot give a bootstrap interval; use the native engine")
    for rendition, missing in zip(request.renditions, request.missing, strict=True):
        if missing:
            raise PairingError(
                f"{rendition.path} lacks {len(missing)} frames, the first is {min(missing)};"
                " ffmpeg's filter compares whole films only"
            )
    with tempfile.TemporaryDirectory(prefix="shotladder-vmaf-") as folder:
        done = process.run(arguments(request), cwd=folder)
        share = done.cpu_seconds / len(request.renditions)
        return tuple(_read(request, i, Path(folder), share) for i in range(len(request.renditions)))


def arguments(request: Request) -> list[str]:
    """Return the ffmpeg command of a measurement; it writes its logs into the folder it runs in."""
    span = _span(request)
    argv = [ffmpeg_path(), "-hide_banner", "-nostdin", "-loglevel", "error", "-reinit_filter", "0"]
    whole = (0, request.reference.frame_count)
    argv += _input(request.reference, span.start, (span.start, span.end) != whole)
    for rendition in request.renditions:
        begin = max(0, span.start - request.offset)
        argv += _input(rendition, begin, begin > 0)
    graph = ";".join(_graph(request, span))
    argv += ["-filter_complex_threads", str(request.threads), "-filter_complex", graph]
    for i in range(len(request.renditions)):
        argv += ["-map", f"[out{i}]"]
    return [*argv, "-fps_mode", "passthrough", "-f", "null", "-"]


def _span(request: Request) -> Span:
    """Widen the frames to measure by what motion looks at, and start on a frame that the stride measures."""
    reach = request.model.reach
    start = max(0, request.start - reach) // request.every * request.every
    return Span(start, min(request.reference.frame_count, request.stop + reach))


def _input(source: Source, frame: int, seek: bool) -> list[str]:
    """Return the input's arguments; times stay those of the file, so that `trim` can name frames by them."""
    options: list[str] = []
    key = max((k for k in source.keyframes if k <= frame), default=0)
    if seek and key > 0:
        # half a frame early: rounding must not lose the keyframe
        time = (source.pts[key] + source.pts[key - 1]) * source.time_base / 2
        options = ["-seek_timestamp", "1", "-ss", f"{float(time):.6f}"]
    return [*options, "-copyts", "-i", _absolute(source.path)]


def _absolute(path: str) -> str:
    return path if "://" in path else str(Path(path).resolve())


def _trim(source: Source, begin: int, end: int) -> str:
    """Return the filter that keeps frames [begin, end), named by the midpoints between their times."""
    if (begin, end) == (0, source.frame_count):
        return ""
    base = source.time_base
    parts = []
    if begin > 0:
        parts.append(f"start={float((source.pts[begin - 1] + source.pts[begin]) * base / 2):.6f}")
    if end < source.frame_count:
        parts.append(f"end={float((source.pts[end - 1] + source.pts[end]) * base / 2):.6f}")
    return f"trim={':'.join(parts)},"


def _graph(request: Request, span: Span) -> list[str]:
    """Return the filter chains: reference, renditions, comparisons."""
    count = len(request.renditions)
    bring = f"scale={request.width}:{request.height}:flags=bicubic,format={request.pixel_format}"
    reference = request.reference
    heads = "".join(f"[r{i}]" for i in range(count))
    chains = [
        f"[0:{reference.stream_index}]{_trim(reference, span.start, span.end)}{_prepared(request)}"
        f"{SAME_COLOUR}{bring},{CLOCK},split={count}{heads}"
    ]
    for i, rendition in enumerate(request.renditions):
        begin = max(0, span.start - request.offset)
        end = min(rendition.frame_count, span.end - request.offset)
        # where the rendition has no frame for motion's context any will do: motion is the reference's alone
        before, after = begin - (span.start - request.offset), span.end - request.offset - end
        pad = f"tpad=start={before}:stop={after}:start_mode=clone:stop_mode=clone," if before or after else ""
        chains.append(
            f"[{i + 1}:{rendition.stream_index}]{_trim(rendition, begin, end)}{_usual_range(rendition)}"
            f"{SAME_COLOUR}{bring},{pad}{CLOCK}[d{i}]"
        )
        chains += _comparison(request, i)
    return chains


def _prepared(request: Request) -> str:
    """Write what the reference passes before it is compared."""
    return "".join(f"{each}," for each in request.preparation)


def _usual_range(rendition: Source) -> str:
    """Return the filter that brings full-range samples to the range that the reference has been brought to."""
    return "scale=in_range=pc:out_range=tv," if rendition.colour.range == "pc" else ""


def _comparison(request: Request, i: int) -> list[str]:
    """Return the chains that compare rendition i, `[d]`, with its copy of the reference, `[r]`."""
    extra = [name for name in ("psnr", "ssim") if name in request.companions]
    final = f"libvmaf={_options(request, i)}[out{i}]"
    if not extra:
        return [f"[d{i}][r{i}]{final}"]
    # these two hand their first input on unchanged, with their numbers in its metadata
    copies = "".join(f"[r{i}{name}]" for name in (*extra, "vmaf"))
    chains = [f"[r{i}]split={len(extra) + 1}{copies}"]
    label = f"[d{i}]"
    for name in extra:
        chains.append(f"{label}[r{i}{name}]{name}[{name}{i}]")
        label = f"[{name}{i}]"
    chains[-1] = chains[-1].replace(f"{extra[-1]}{label}", f"{extra[-1]},metadata=print:file={_extra_log(i)}{label}")
    return [*chains, f"{label}[r{i}vmaf]{final}"]


def _options(request: Request, i: int) -> str:
    models = [f"{_model_option(request.model)}\\:name=vmaf"]
    if "neg" in request.companions:
        models.append(f"{_model_option(_neg(request.model))}\\:name=vmaf_neg")
    options = [
        f"model='{'|'.join(models)}'",
        "log_fmt=json",
        f"log_path={_log(i)}",
        f"n_subsample={request.every}",
        f"n_threads={request.threads if request.threads > 1 else 0}",
        "eof_action=endall",
    ]
    if "cambi" in request.companions:
        options.append("feature=name=cambi")
    return ":".join(options)


def _model_option(model: Model) -> str:
    if model.version is not None:
        option = f"version={model.version}"
    else:
        path = str(Path(model.name.partition(":phone")[0]).resolve())
        if set(path) & set("':|\\,;[]"):
            raise MeasureError(f"ffmpeg's filter cannot take a model from a path with one of ':|\\,;[] in it: {path}")
        option = f"path={path}"
    return option + ("\\:enable_transform=true" if model.phone else "")


def _neg(model: Model) -> Model:
    if model.version is None or not model.native or model.version.endswith("neg"):
        raise MeasureError(f"the model {model.name} has no NEG counterpart")
    return load(model.version + "neg" + (":phone" if model.phone else ""))


def _log(i: int) -> str:
    return f"vmaf{i}.json"


def _extra_log(i: int) -> str:
    return f"companions{i}.txt"


def _read(request: Request, i: int, folder: Path, cpu_seconds: float) -> Scores:
    """Read the logs of rendition i and cut off the frames that were there for motion alone."""
    rendition = request.renditions[i]
    span = _span(request)
    try:
        log: dict[str, Any] = json.loads((folder / _log(i)).read_text())
    except (OSError, ValueError) as error:
        raise PairingError(f"{rendition.path}: not one frame could be compared") from error
    scored = {span.start + entry["frameNum"]: entry["metrics"] for entry in log["frames"]}
    wanted = request.frames
    reached = max((n for n, metrics in scored.items() if "vmaf" in metrics), default=span.start - 1)
    if any(n not in scored for n in wanted):
        raise PairingError(
            f"{rendition.path} or {request.reference.path} is damaged: comparison ended after"
            f" reference frame {reached}, {request.stop - 1} was promised"
        )
    series: dict[str, Any] = {}
    for name, key in METRICS.items():
        if name == "cambi" and name not in request.companions:
            continue
        values = [_metric(scored[n], key) for n in wanted]
        if None not in values:
            series[name] = _frozen(values)
        elif name == "cambi":
            raise MeasureError(f"libvmaf has no CAMBI for pictures of {request.width}x{request.height}")
    if {"psnr", "ssim"} & set(request.companions):
        series |= _companions(folder / _extra_log(i), [n - span.start for n in wanted])
    return Scores(
        path=rendition.path,
        reference=request.reference.path,
        model=request.model.name,
        model_digest=request.model.digest,
        engine="libvmaf",
        libvmaf=str(log.get("version", "unknown")),
        width=request.width,
        height=request.height,
        bit_depth=request.bit_depth,
        every=request.every,
        frames=_frozen_int(wanted),
        cpu_seconds=cpu_seconds,
        **series,
    )


def _metric(metrics: dict[str, float], key: str) -> float | None:
    """Return a metric; features with options carry them in their names, as `integer_adm2_egl_1` does."""
    if key in metrics:
        return metrics[key]
    return next((value for name, value in metrics.items() if name.startswith(f"{key}_egl")), None)


def _companions(path: Path, frames: list[int]) -> dict[str, Array]:
    """Read what ffmpeg's `metadata=print` wrote: psnr and ssim of every plane of every frame."""
    rows: dict[str, list[float]] = {}
    for line in path.read_text().splitlines():
        key, found, value = line.partition("=")
        family, _, plane = key.removeprefix("lavfi.").rpartition(".")
        if found and plane.lower() in {"y", "u", "v"} and family in {"psnr.psnr", "ssim"}:
            rows.setdefault(f"{family[-4:]}_{plane.lower()}", []).append(float(value))
    return {name: _frozen([values[n] for n in frames]) for name, values in rows.items()}


def _frozen(values: Any) -> Array:
    array = np.array(values, np.float64)
    array.flags.writeable = False
    return array


def _frozen_int(values: Any) -> Any:
    array = np.array(values, np.int64)
    array.flags.writeable = False
    return array
