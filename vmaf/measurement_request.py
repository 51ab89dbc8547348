"""What is to be measured: one reference, its renditions, the frames, the size, the model."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import av

from encoder import Source
from encoder.encode.filters import Filter, make_preparation_filters
from vmaf.alignment.frame_shape import check_shape, crop_in_samples, display_size, screen_size
from vmaf.alignment.frame_times import missing_frames
from vmaf.errors import MeasureError
from vmaf.model_document import Model
from vmaf.models import DEVICES, choose_model, load

__all__ = ["METRICS", "MeasurementRequest", "ScoreOptions", "build_request"]

#: additional metrics that `score` can measure beside VMAF
METRICS = ("neg", "interval", "psnr", "ssim", "xpsnr", "cambi")

#: minimum of the longer side for CAMBI, which is part of the version 1 models, in samples; libvmaf's
MIN_CAMBI_SIDE = 320


class ScoreOptions(TypedDict, total=False):
    """Rarer keyword arguments of `score`; all of them may be left out.

    Attributes
    ----------
    frames : (int, int) or None
        Frames [start, stop) of the reference; by default all. Scores of a range equal those of a whole run, because
        motion is computed from the reference's frames around the range too.
    offset : int
        Number of the reference frame that is the renditions' first frame; by default 0, for a chunk `chunk.start`.
    size : (int, int) or None
        Width and height to compare at; by default those of the reference, upright and in square pixels, or what they
        become on the screen of `device`.
    device : {"phone", "tv-1080p", "tv-4k"} or None
        Screen of the viewer. It selects among the models of `v0.6.1`, `neg` or `v1`, and the size.
    crop : (int, int) or None
        Width and height of the middle part of the reference, upright and in square pixels, that the renditions show;
        by default all of it. For a reference with black bars that the renditions do not have. Libvmaf engine only.
    threads : int or None
        Threads that frames and renditions are divided among; by default one for each core.
    match_times : bool
        Raise an error for a rendition whose frame times, from its start, are not the reference's (default). Set it to
        False for elementary streams and for chunks whose times were not kept; the number of frames is still checked.
    check_content : bool
        Raise an error for a rendition that shows the previous or the next frame for a while; by default as
        `match_times`. Repetitive content can look like this.
    partial : bool
        Score the frames that a damaged rendition has, and list the others in `Scores.missing`: frames that cannot be
        decoded, or that were dropped or cut off according to the frame times. By default that is an error. Native
        engine only.
    """

    frames: tuple[int, int] | None
    offset: int
    size: tuple[int, int] | None
    device: str | None
    crop: tuple[int, int] | None
    threads: int | None
    match_times: bool
    check_content: bool
    partial: bool


@dataclass(frozen=True, slots=True)
class MeasurementRequest:
    """A measurement, checked and complete: both engines take it.

    Attributes
    ----------
    reference : Source
    renditions : tuple of Source
    start, stop : int
        Frames [start, stop) of the reference.
    offset : int
        Number of the reference frame that is the renditions' frame 0.
    width, height : int
        Size that every frame is scaled to.
    pixel_format : str
        FFmpeg's name of the planar format that every frame is converted to.
    bit_depth : int
    model : Model
    frame_stride : int
        Frames whose number in the reference is a multiple of this are measured.
    metrics : tuple of str
        Some of `METRICS`.
    threads : int
    missing : tuple of frozenset of int
        For each rendition, the reference's frames that it does not hold.
    partial : bool
        Whether frames may be missing.
    crop : (int, int) or None
        Width and height of the part of the upright reference that is compared, in samples.
    check_content : bool
        Whether a rendition is rejected whose frames look like adjacent ones of the reference.
    """

    reference: Source
    renditions: tuple[Source, ...]
    start: int
    stop: int
    offset: int
    width: int
    height: int
    pixel_format: str
    bit_depth: int
    model: Model
    frame_stride: int
    metrics: tuple[str, ...]
    threads: int
    missing: tuple[frozenset[int], ...]
    partial: bool
    check_content: bool
    crop: tuple[int, int] | None = None

    @property
    def frames(self) -> tuple[int, ...]:
        """Numbers of the frames to measure."""
        start = -(-self.start // self.frame_stride) * self.frame_stride
        return tuple(range(start, self.stop, self.frame_stride))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height

    @property
    def preparation(self) -> tuple[Filter, ...]:
        """Filters that the encoder applied to the reference before scaling: deinterlacing, tone mapping, range.

        The reference is not tone-mapped if every rendition is tagged as HDR, or has no transfer function but more than
        8 bits.
        """
        hdr = all(
            each.colour.is_hdr or (each.colour.transfer is None and each.bit_depth > 8) for each in self.renditions
        )
        return make_preparation_filters(self.reference, hdr=hdr)


def build_request(
    reference: Source,
    renditions: Sequence[Source],
    *,
    model: str | None,
    metrics: Sequence[str],
    frame_stride: int,
    options: ScoreOptions,
) -> MeasurementRequest:
    """Check the arguments of a measurement and add what follows from them.

    Parameters
    ----------
    reference : Source
    renditions : sequence of Source
    model : str or None
    metrics : sequence of str
    frame_stride : int
    options : ScoreOptions
        See `vmaf.score` for all of them.

    Raises
    ------
    MeasureError
        No frames, frames that are too small, an unknown metric, a stride below 1.
    ModelError
        There is no such model.
    PairingError
        A rendition does not show the reference's frames one for one.
    """
    start, stop = options.get("frames") or (0, reference.frame_count)
    if not 0 <= start < stop <= reference.frame_count:
        raise MeasureError(
            f"frames [{start}, {stop}) are not all in {reference.path}, which has {reference.frame_count}"
        )
    if not renditions:
        raise MeasureError("no rendition to measure")
    if frame_stride < 1:
        raise MeasureError(f"frame_stride={frame_stride}: the stride must be 1 or more")
    if unknown := [name for name in metrics if name not in METRICS]:
        raise MeasureError(f"unknown metric {unknown[0]!r}; known: {', '.join(METRICS)}")
    device, offset, partial = options.get("device"), options.get("offset", 0), options.get("partial", False)
    shown = options.get("crop") or display_size(reference)
    check_shape(reference, shown, renditions)
    width, height = options.get("size") or screen_size(shown, DEVICES.get(device or ""))
    loaded = load(choose_model(min(width, height), model, device, float(reference.frame_rate)))
    _check_size((width, height), loaded)
    missing = tuple(
        missing_frames(
            reference,
            each,
            (start, stop),
            offset,
            match_times=options.get("match_times", True),
            partial=partial,
        )
        for each in renditions
    )
    depth = max(source.bit_depth for source in (reference, *renditions))
    request = MeasurementRequest(
        reference=reference,
        renditions=tuple(renditions),
        start=start,
        stop=stop,
        offset=offset,
        width=width,
        height=height,
        pixel_format=_pixel_format(reference.pixel_format, depth),
        bit_depth=depth,
        model=loaded,
        frame_stride=frame_stride,
        metrics=tuple(name for name in METRICS if name in metrics),
        threads=thread_count(options),
        missing=missing,
        partial=partial,
        crop=crop_in_samples(reference, options.get("crop")),
        check_content=options.get("check_content", options.get("match_times", True)),
    )
    if not request.frames:
        raise MeasureError(f"frame_stride={frame_stride} leaves no frame to measure in [{start}, {stop})")
    return request


def thread_count(options: ScoreOptions) -> int:
    """Return the number of threads to use, by default one for each core.

    Raises
    ------
    MeasureError
        The number is below 1.
    """
    threads = options.get("threads")
    if threads is None:
        return os.cpu_count() or 1
    if threads < 1:
        raise MeasureError(f"threads={threads}: at least one thread is needed")
    return threads


def _check_size(size: tuple[int, int], model: Model) -> None:
    """Raise for frame sizes that the model's features are not defined for."""
    width, height = size
    if min(size) < model.min_side:
        raise MeasureError(
            f"{width}x{height}: {model.name} needs at least {model.min_side} rows and columns; choose a larger size"
        )
    if model.uses_chroma and (max(size) < MIN_CAMBI_SIDE or width % 2 or height % 2):
        raise MeasureError(
            f"{width}x{height}: {model.name} needs even sides, the longer of at least {MIN_CAMBI_SIDE}; choose a size"
        )


def _pixel_format(name: str, depth: int) -> str:
    """Return the planar YUV format with the chroma sampling of the reference, in a bit depth that libvmaf takes."""
    if depth > 16:
        raise MeasureError(f"{name}: VMAF is defined for up to 16 bits")
    chroma = "420"
    components = av.VideoFormat(name).components
    if len(components) >= 3 and not av.VideoFormat(name).is_rgb:
        probe = av.VideoFormat(name, 64, 64)
        chroma = {(32, 32): "420", (32, 64): "422", (64, 64): "444"}.get(
            (probe.chroma_width(), probe.chroma_height()), "444"
        )
    for known in (8, 10, 12, 16):
        if depth <= known:
            return f"yuv{chroma}p" + (f"{known}le" if known > 8 else "")
    raise AssertionError(depth)
