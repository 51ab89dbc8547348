"""Measure one metric of one rendition without VMAF: XPSNR, or a function of the user on pairs of frames."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from av.video.reformatter import VideoReformatter

import encoder
from encoder import Source
from vmaf import libvmaf_engine
from vmaf.errors import MeasureError
from vmaf.measurement_request import MeasurementRequest, build_request
from vmaf.native import native_engine
from vmaf.native.frame_planes import FramePlanes
from vmaf.scores import Array

__all__ = ["FramePair", "frame_pairs", "xpsnr"]


class FramePair(NamedTuple):
    """A frame of the reference and the same frame of a rendition at the size of the reference.

    Attributes
    ----------
    number : int
        Of the frame in the reference.
    reference, rendition : tuple of ndarray
        Luma and chroma, (height, width) arrays of uint8 up to 8 bits and uint16 above.
    bit_depth : int
    """

    number: int
    reference: tuple[Any, ...]
    rendition: tuple[Any, ...]
    bit_depth: int


def xpsnr(
    reference: Source | str | Path,
    rendition: Source | str | Path,
    *,
    frames: tuple[int, int] | None = None,
    offset: int = 0,
) -> Array:
    """Return the XPSNR of luma of every frame, dB, as ffmpeg's `xpsnr`; infinite where both frames are equal.

    Parameters
    ----------
    reference, rendition : Source, str or Path
        The rendition is scaled (bicubic) to the size of the reference.
    frames : (int, int), optional
        Frames [start, stop) of the reference; by default all. The XPSNR of a range equals that of a whole run.
    offset : int
        Number of the reference frame that is the first frame of the rendition.

    Raises
    ------
    MeasureError
        The request is not valid.
    PairingError
        The rendition does not hold the frames of the reference one for one.
    """
    request = _build(reference, rendition, frames, offset, ("xpsnr",))
    return libvmaf_engine.measure_xpsnr(request)[0]


def frame_pairs(
    reference: Source | str | Path,
    rendition: Source | str | Path,
    *,
    frames: tuple[int, int] | None = None,
    offset: int = 0,
) -> Iterator[FramePair]:
    """Yield the frames of a reference with those of a rendition, for a metric in Python; parameters as of `xpsnr`.

    Raises
    ------
    MeasureError
        The reference needs deinterlacing, tone mapping or another conversion before it can be compared.
    PairingError
        The rendition does not hold the frames of the reference one for one.
    """
    # chroma is read as PSNR reads it
    request = _build(reference, rendition, frames, offset, ("psnr",))
    if unsupported := native_engine.unsupported_feature(request):
        raise MeasureError(f"{request.reference.path}: frames cannot be compared in Python, because of {unsupported}")
    shape = request.size, request.bit_depth, request.pixel_format
    numbers = range(request.start, request.stop)
    own = [n - offset for n in numbers]
    one = FramePlanes(request.reference, numbers, *shape, partial=False)
    other = FramePlanes(request.renditions[0], own, *shape, partial=False)
    scalers = VideoReformatter(), VideoReformatter()
    for number in numbers:
        left, right = one.read(), other.read()
        assert left is not None, "only renditions may have missing frames"
        assert right is not None, "only renditions may have missing frames"
        yield FramePair(number, one.planes(left, scalers[0]), other.planes(right, scalers[1]), request.bit_depth)


def _build(
    reference: Source | str | Path,
    rendition: Source | str | Path,
    frames: tuple[int, int] | None,
    offset: int,
    metrics: tuple[str, ...],
) -> MeasurementRequest:
    source, encode = (each if isinstance(each, Source) else encoder.inspect(each) for each in (reference, rendition))
    chosen = frames or (0, source.frame_count)
    return build_request(
        source,
        [encode],
        model=None,
        metrics=metrics,
        frame_stride=1,
        options={"frames": chosen, "offset": offset, "threads": 1, "match_times": False},
    )
