"""What is to be measured: one reference, its renditions, the frames, the size, the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import av

from encoder import Source
from encoder.encode.filters import Filter, make_preparation_filters
from vmaf.alignment.frame_times import absent
from vmaf.errors import MeasureError
from vmaf.models import Model

__all__ = ["COMPANIONS", "Request", "build", "shown_size"]

#: What can be measured in the same pass.
COMPANIONS = ("neg", "interval", "psnr", "ssim", "cambi")

#: What the longer side must have for CAMBI, which is part of version 1.
BANDING_SIDE = 320


@dataclass(frozen=True, slots=True)
class Request:
    """A measurement, checked and complete: both engines take it.

    Attributes
    ----------
    reference : Source
    renditions : tuple of Source
    first, last : int
        Frames [first, last) of the reference.
    offset : int
        Number of the reference frame that the renditions' frame 0 shows.
    width, height : int
        Size that every picture is brought to.
    pixel_format : str
        FFmpeg's name of the planar format that every picture is brought to.
    bit_depth : int
    model : Model
    every : int
        Measure the frames whose number in the reference is a multiple of this.
    companions : tuple of str
        Some of `COMPANIONS`.
    threads : int
    missing : tuple of frozenset of int
        For each rendition, the reference's frames that it does not hold.
    partial : bool
        Whether frames may be missing.
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
    every: int
    companions: tuple[str, ...]
    threads: int
    missing: tuple[frozenset[int], ...]
    partial: bool

    @property
    def frames(self) -> tuple[int, ...]:
        """Numbers of the frames to measure."""
        start = -(-self.start // self.every) * self.every
        return tuple(range(start, self.stop, self.every))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height

    @property
    def preparation(self) -> tuple[Filter, ...]:
        """What the encoder did to the reference before it scaled: deinterlacing, tone mapping, range.

        Renditions that say that they are HDR, or say nothing and have the bits for it, are compared as they are.
        """
        hdr = all(
            each.colour.is_hdr or (each.colour.transfer is None and each.bit_depth > 8) for each in self.renditions
        )
        return make_preparation_filters(self.reference, hdr=hdr)


def native_size(source: Source) -> tuple[int, int]:
    """Return the size at which a film is judged: upright, in square pixels; its own, odd or not, if it is that."""
    if source.sample_aspect_ratio != 1:
        return source.display_size
    if source.rotation % 180:
        return source.height, source.width
    return source.width, source.height


def shown_size(source: Source, rows: int | None) -> tuple[int, int]:
    """Return the size of a film on a 16:9 screen of so many rows, turned as the film is; `native_size` without rows."""
    size = native_size(source)
    if rows is None:
        return size
    scale = min(Fraction(rows, min(size)), Fraction(rows * 16, 9 * max(size)))
    width, height = (round(side * scale / 2) * 2 for side in size)
    return width, height


def build(
    reference: Source,
    renditions: Sequence[Source],
    *,
    frames: tuple[int, int] | None,
    offset: int,
    size: tuple[int, int],
    model: Model,
    every: int,
    companions: tuple[str, ...],
    threads: int,
    match_times: bool,
    partial: bool,
) -> Request:
    """Check a measurement and fill in what follows from its parts.

    Raises
    ------
    MeasureError
        No frames, a picture too small, an unknown companion, a stride below 1.
    PairingError
        A rendition does not show the reference's frames one for one.
    """
    first, last = frames or (0, reference.frame_count)
    if not 0 <= first < last <= reference.frame_count:
        raise MeasureError(
            f"frames [{first}, {last}) are not all in {reference.path}, which has {reference.frame_count}"
        )
    if not renditions:
        raise MeasureError("no rendition to measure")
    if every < 1:
        raise MeasureError(f"every={every}: the stride must be 1 or more")
    if unknown := [name for name in companions if name not in COMPANIONS]:
        raise MeasureError(f"unknown companion {unknown[0]!r}; known: {', '.join(COMPANIONS)}")
    _check_size(size, model)
    missing = tuple(
        absent(reference, each, (first, last), offset, match_times=match_times, partial=partial) for each in renditions
    )
    depth = max(source.bit_depth for source in (reference, *renditions))
    request = Request(
        reference=reference,
        renditions=tuple(renditions),
        start=first,
        stop=last,
        offset=offset,
        width=size[0],
        height=size[1],
        pixel_format=_pixel_format(reference.pixel_format, depth),
        bit_depth=depth,
        model=model,
        every=every,
        companions=tuple(name for name in COMPANIONS if name in companions),
        threads=threads,
        missing=missing,
        partial=partial,
    )
    if not request.frames:
        raise MeasureError(f"every={every} leaves no frame to measure in [{first}, {last})")
    return request


def _check_size(size: tuple[int, int], model: Model) -> None:
    """Refuse pictures that the model's features are not defined for."""
    width, height = size
    if min(size) < model.smallest:
        raise MeasureError(
            f"{width}x{height}: {model.name} needs at least {model.smallest} rows and columns; state a larger size"
        )
    if model.uses_chroma and (max(size) < BANDING_SIDE or width % 2 or height % 2):
        raise MeasureError(
            f"{width}x{height}: {model.name} needs even sides, the longer of at least {BANDING_SIDE}; state a size"
        )


def _pixel_format(name: str, depth: int) -> str:
    """Return the planar YUV format of the reference's chroma sampling at a depth that libvmaf takes."""
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
