"""The libvmaf engine: ffmpeg's own filter, one process for all renditions of a reference.

It decodes the reference once (`split`) and each rendition once. The tests and benchmarks compare the native engine with
it.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from encoder import Source
from encoder.encode.filters import Filter, make_geometry_filters, own_geometry
from encoder.media.container import input_arguments
from encoder.media.unchanged_source import unchanged_source
from shotladder_runtime import process
from shotladder_runtime.tools import ffmpeg_path
from vmaf.colour_matrix import is_full_range, is_rgb, rgb_matrix
from vmaf.errors import MeasureError, PairingError
from vmaf.measurement_request import MeasurementRequest
from vmaf.model_document import Model
from vmaf.models import load
from vmaf.scores import SERIES, Array, Scores

__all__ = ["arguments", "measure", "measure_xpsnr"]

#: seconds in which ffmpeg must start on a loaded machine (chosen by hand)
MIN_TIME_LIMIT = 600
#: seconds in which a frame of a rendition must be measured (chosen by hand: 8K on a loaded machine)
MAX_FRAME_TIME = 60

#: frames before a frame that ffmpeg's `xpsnr` reads for the motion of the reference, above 32 frames per second
XPSNR_WINDOW = 2

#: filters pair frames by time, so the time of every frame on both sides becomes its number
CLOCK = "settb=1/1000,setpts=N"

#: both sides get the same colour tags; otherwise ffmpeg converts the samples of one side to the other's colour space
SAME_COLOUR = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"

#: the filter of `make_preparation_filters` that converts full range
FULL_RANGE = Filter("scale", (("in_range", "pc"), ("out_range", "tv")))

#: libvmaf's names of the series of `Scores`
LOG_KEYS = {
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
    """Frames [start, stop) that go through the filter: those to measure, and those that motion needs around them."""

    start: int
    stop: int


def measure(request: MeasurementRequest) -> tuple[Scores, ...]:
    """Measure with ffmpeg's libvmaf filter.

    Raises
    ------
    PairingError
        A rendition lacks frames, or has fewer than its inspection found.
    ProcessError
        ffmpeg failed.
    SourceError
        A file has changed since its inspection.
    """
    if "interval" in request.metrics:
        raise MeasureError("ffmpeg's filter does not compute a bootstrap interval; use the native engine")
    for rendition, missing in zip(request.renditions, request.missing, strict=True):
        if missing:
            raise PairingError(
                f"{rendition.path} lacks {len(missing)} frames, the first is {min(missing)};"
                " ffmpeg's filter needs all of them; use the native engine"
            )
    with tempfile.TemporaryDirectory(prefix="shotladder-vmaf-") as folder:
        limit = MIN_TIME_LIMIT + MAX_FRAME_TIME * request.stop * len(request.renditions)
        with unchanged_source(request.reference, *request.renditions):
            done = process.run(arguments(request), cwd=folder, time_limit=limit)
        cpu_seconds = done.cpu_seconds / len(request.renditions)
        return tuple(_read(request, i, Path(folder), cpu_seconds) for i in range(len(request.renditions)))


def measure_xpsnr(request: MeasurementRequest) -> tuple[Array, ...]:
    """Measure the XPSNR of luma (dB) of the frames of a request whose metrics are `xpsnr` alone, without VMAF.

    Raises
    ------
    PairingError
        A rendition has fewer frames than its inspection found.
    ProcessError
        ffmpeg failed.
    SourceError
        A file has changed since its inspection.
    """
    indices = [n - _span(request).start for n in request.frames]
    with tempfile.TemporaryDirectory(prefix="shotladder-xpsnr-") as folder:
        limit = MIN_TIME_LIMIT + MAX_FRAME_TIME * request.stop * len(request.renditions)
        with unchanged_source(request.reference, *request.renditions):
            process.run(arguments(request, has_vmaf=False), cwd=folder, time_limit=limit)
        try:
            return tuple(
                _read_planes(Path(folder) / _xpsnr_log(i), indices)["xpsnr_y"] for i in range(len(request.renditions))
            )
        except (KeyError, IndexError) as error:
            raise PairingError(f"{request.reference.path} or its encode is damaged: frames are missing") from error


def arguments(request: MeasurementRequest, *, has_vmaf: bool = True) -> list[str]:
    """Return the ffmpeg command of a measurement; it writes its logs to the current directory."""
    span = _span(request)
    argv = [ffmpeg_path(), "-hide_banner", "-nostdin", "-loglevel", "error"]
    whole_reference = (0, request.reference.frame_count)
    argv += _input(request.reference, span.start, (span.start, span.stop) != whole_reference)
    for rendition in request.renditions:
        begin = max(0, span.start - request.offset)
        argv += _input(rendition, begin, begin > 0)
    graph = ";".join(_graph(request, span, has_vmaf=has_vmaf))
    argv += ["-filter_complex_threads", str(request.threads), "-filter_complex", graph]
    for i in range(len(request.renditions)):
        argv += ["-map", f"[out{i}]"]
    return [*argv, "-fps_mode", "passthrough", "-f", "null", "-"]


def _span(request: MeasurementRequest) -> Span:
    """Extend the frames to measure by those that motion needs, and start at a multiple of the stride."""
    window = max(request.model.motion_window, XPSNR_WINDOW if "xpsnr" in request.metrics else 0)
    start = max(0, request.start - window) // request.frame_stride * request.frame_stride
    return Span(start, min(request.reference.frame_count, request.stop + window))


def _input(source: Source, frame: int, seek: bool) -> list[str]:
    """Return the input arguments; `-copyts` keeps the times of the file, by which `trim` identifies frames."""
    options: list[str] = []
    key = max((k for k in source.keyframes if k <= frame), default=0)
    if seek and key > 0 and source.is_seekable:
        # half a frame early, so that rounding does not lose the keyframe
        time = (source.pts[key] + source.pts[key - 1]) * source.time_base / 2
        options = ["-seek_timestamp", "1", "-ss", f"{float(time):.6f}"]
    for option, value in own_geometry(source).items():
        options += [f"-{option}", *([] if value is None else [value])]
    return [*options, "-copyts", *input_arguments(source.path), "-i", source.path]


def _trim(source: Source, begin: int, end: int) -> str:
    """Return the filter that keeps frames [begin, end), identified by the midpoints between frame times."""
    if (begin, end) == (0, source.frame_count):
        return ""
    if not source.is_seekable:
        return f"trim=start_frame={begin}:end_frame={end},"
    base = source.time_base
    parts = []
    if begin > 0:
        parts.append(f"start={float((source.pts[begin - 1] + source.pts[begin]) * base / 2):.6f}")
    if end < source.frame_count:
        parts.append(f"end={float((source.pts[end - 1] + source.pts[end]) * base / 2):.6f}")
    return f"trim={':'.join(parts)},"


def _graph(request: MeasurementRequest, span: Span, *, has_vmaf: bool) -> list[str]:
    """Return the filter chains: reference, renditions, comparisons."""
    count = len(request.renditions)
    reference = request.reference
    filters, is_full = _preparation(request)
    filters += _turn_upright(reference)
    if request.crop:
        filters += f"crop={request.crop[0]}:{request.crop[1]}:exact=1,"
    start = f"[0:{reference.stream_index}]{_trim(reference, span.start, span.stop)}{filters}"
    if is_rgb(reference):
        # each rendition may state another matrix
        inputs = "".join(f"[rgb{i}]" for i in range(count))
        chains = [f"{start}split={count}{inputs}"]
        chains += [
            f"[rgb{i}]{_conversion(request, reference, rendition, is_full=is_full)},{CLOCK}[r{i}]"
            for i, rendition in enumerate(request.renditions)
        ]
    else:
        heads = "".join(f"[r{i}]" for i in range(count))
        convert = _conversion(request, reference, reference, is_full=is_full)
        chains = [f"{start}{convert},{CLOCK},split={count}{heads}"]
    for i, rendition in enumerate(request.renditions):
        begin = max(0, span.start - request.offset)
        end = min(rendition.frame_count, span.stop - request.offset)
        # where the rendition has no frame around the range, any frame will do: motion depends on the reference only
        before, after = begin - (span.start - request.offset), span.stop - request.offset - end
        pad = f"tpad=start={before}:stop={after}:start_mode=clone:stop_mode=clone," if before or after else ""
        filters = _turn_upright(rendition)
        convert = _conversion(request, rendition, reference, is_full=is_full_range(rendition))
        trim = _trim(rendition, begin, end)
        chains.append(f"[{i + 1}:{rendition.stream_index}]{trim}{filters}{convert},{pad}{CLOCK}[d{i}]")
        if has_vmaf:
            chains += _comparison(request, i)
        else:
            chains.append(f"[r{i}][d{i}]xpsnr,metadata=print:file={_xpsnr_log(i)}[out{i}]")
    return chains


def _preparation(request: MeasurementRequest) -> tuple[str, bool]:
    """Return the filters of the reference before the conversion, and whether the conversion is from full range.

    The change of the range is part of the conversion, because a second conversion would round the samples twice.
    """
    filters = list(request.preparation)
    if filters and filters[-1] == FULL_RANGE:
        filters.pop()
    # tone mapping ends with limited range
    is_full = is_full_range(request.reference) and not any(each.name == "zscale" for each in filters)
    return "".join(f"{each}," for each in filters), is_full


def _turn_upright(source: Source) -> str:
    """Return the filters that crop frames and turn them upright."""
    return "".join(f"{each}," for each in make_geometry_filters(source))


def _conversion(request: MeasurementRequest, video: Source, other: Source, *, is_full: bool) -> str:
    """Return the filters that convert a video to the size and format of the comparison in one step.

    RGB is converted by the matrix that the video on the other side states.
    """
    scale = f"scale={request.width}:{request.height}:flags=bicubic"
    convert = f"format={request.pixel_format}"
    # tags of limited range before the conversion would change its rounding
    if is_rgb(video):
        return f"{scale}:out_color_matrix={rgb_matrix(other)}:out_range=tv,{convert},{SAME_COLOUR}"
    if is_full:
        return f"{scale}:in_range=pc:out_range=tv,{convert},{SAME_COLOUR}"
    return f"{SAME_COLOUR},{scale},{convert}"


def _comparison(request: MeasurementRequest, i: int) -> list[str]:
    """Return the chains that compare rendition i, `[d]`, with its copy of the reference, `[r]`."""
    extra = [name for name in ("psnr", "ssim") if name in request.metrics]
    final = f"libvmaf={_options(request, i)}[out{i}]"
    if "xpsnr" in request.metrics:
        # its first input is the reference, which it passes on
        chains = [f"[{side}{i}]split=2[{side}{i}x][{side}{i}all]" for side in ("d", "r")]
        log = f"metadata=print:file={_xpsnr_log(i)},nullsink"
        return [*chains, f"[r{i}x][d{i}x]xpsnr,{log}", *_compare_planes(i, extra, final, "all")]
    return _compare_planes(i, extra, final)


def _compare_planes(i: int, extra: Sequence[str], final: str, suffix: str = "") -> list[str]:
    """Return the chains of PSNR, SSIM and VMAF; `suffix` ends the names of both inputs."""
    if not extra:
        return [f"[d{i}{suffix}][r{i}{suffix}]{final}"]
    # these two filters pass their first input on unchanged and add their values to its metadata
    copies = "".join(f"[r{i}{name}]" for name in (*extra, "vmaf"))
    chains = [f"[r{i}{suffix}]split={len(extra) + 1}{copies}"]
    label = f"[d{i}{suffix}]"
    for name in extra:
        chains.append(f"{label}[r{i}{name}]{name}[{name}{i}]")
        label = f"[{name}{i}]"
    chains[-1] = chains[-1].replace(f"{extra[-1]}{label}", f"{extra[-1]},metadata=print:file={_extra_log(i)}{label}")
    return [*chains, f"{label}[r{i}vmaf]{final}"]


def _options(request: MeasurementRequest, i: int) -> str:
    models = [f"{_model_option(request.model)}\\:name=vmaf"]
    if "neg" in request.metrics:
        models.append(f"{_model_option(_neg(request.model))}\\:name=vmaf_neg")
    options = [
        f"model='{'|'.join(models)}'",
        "log_fmt=json",
        f"log_path={_log(i)}",
        f"n_subsample={request.frame_stride}",
        f"n_threads={request.threads if request.threads > 1 else 0}",
        "eof_action=endall",
    ]
    if "cambi" in request.metrics:
        options.append("feature=name=cambi")
    return ":".join(options)


def _model_option(model: Model) -> str:
    if model.version is not None:
        option = f"version={model.version}"
    else:
        path = str(Path(model.name.partition(":phone")[0]).resolve())
        if set(path) & set("':|\\,;[]"):
            raise MeasureError(f"ffmpeg's filter does not take a model from a path with one of ':|\\,;[] in it: {path}")
        option = f"path={path}"
    return option + ("\\:enable_transform=true" if model.is_phone else "")


def _neg(model: Model) -> Model:
    if model.version is None or not model.is_native or model.version.endswith("neg"):
        raise MeasureError(f"the model {model.name} has no NEG counterpart")
    return load(model.version + "neg" + (":phone" if model.is_phone else ""))


def _log(i: int) -> str:
    return f"vmaf{i}.json"


def _extra_log(i: int) -> str:
    return f"metrics{i}.txt"


def _xpsnr_log(i: int) -> str:
    return f"xpsnr{i}.txt"


def _read(request: MeasurementRequest, i: int, folder: Path, cpu_seconds: float) -> Scores:
    """Read the logs of rendition i and leave out the frames that only motion needs."""
    rendition = request.renditions[i]
    span = _span(request)
    try:
        log: dict[str, Any] = json.loads((folder / _log(i)).read_text())
    except (OSError, ValueError) as error:
        raise PairingError(f"{rendition.path}: no frame could be compared") from error
    scored = {span.start + entry["frameNum"]: entry["metrics"] for entry in log["frames"]}
    frames = request.frames
    reached = max((n for n, metrics in scored.items() if "vmaf" in metrics), default=span.start - 1)
    if any(n not in scored for n in frames):
        raise PairingError(
            f"{rendition.path} or {request.reference.path} is damaged: the comparison ended after"
            f" reference frame {reached} of {request.stop - 1}"
        )
    series: dict[str, Array] = {}
    for name, key in LOG_KEYS.items():
        if name == "cambi" and name not in request.metrics:
            continue
        values = [_metric(scored[n], key) for n in frames]
        if None not in values:
            series[name] = np.array(values, np.float64)
        elif name == "cambi":
            raise MeasureError(f"libvmaf computes no CAMBI for frames of {request.width}x{request.height}")
    logs = ((_extra_log(i), {"psnr", "ssim"}), (_xpsnr_log(i), {"xpsnr"}))
    for name, metrics in logs:
        if metrics & set(request.metrics):
            series |= _read_planes(folder / name, [n - span.start for n in frames])
    # in the order of the names
    series = {name: series[name] for name in SERIES if name in series}
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
        frame_stride=request.frame_stride,
        frames=np.array(frames),
        times=np.array([float(request.reference.time(n)) for n in frames]),
        cpu_seconds=cpu_seconds,
        series=series,
    )


def _metric(metrics: dict[str, float], key: str) -> float | None:
    """Return a metric; the name of a feature with options ends with them, such as `integer_adm2_egl_1`."""
    if key in metrics:
        return metrics[key]
    return next((value for name, value in metrics.items() if name.startswith(f"{key}_egl")), None)


def _read_planes(path: Path, frames: list[int]) -> dict[str, Array]:
    """Read the output of ffmpeg's `metadata=print`: PSNR, SSIM and XPSNR of every plane of every frame."""
    rows: dict[str, list[float]] = {}
    for line in path.read_text().splitlines():
        key, found, value = line.partition("=")
        family, _, plane = key.removeprefix("lavfi.").rpartition(".")
        if found and plane.lower() in {"y", "u", "v"} and family in {"psnr.psnr", "ssim", "xpsnr.xpsnr"}:
            rows.setdefault(f"{family.rpartition('.')[2]}_{plane.lower()}", []).append(float(value))
    return {name: np.array([values[n] for n in frames]) for name, values in rows.items()}
