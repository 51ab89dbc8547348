"""Join the chunks of a rendition by stream copy into one track that has the source's times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from encoder.encode.levels import declare_level
from encoder.encode.plan import Chunk, Segment
from encoder.errors import StitchError
from encoder.media.source import Source
from shotladder_runtime.store.atomic_file import atomic_write

__all__ = ["stitch", "stitched_samples", "track_timing"]


@dataclass(frozen=True, slots=True)
class _Packet:
    frame: int
    is_keyframe: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class _Header:
    """What a decoder is told once for the whole track.

    The parameter sets as the sample entry holds them; VP9 has none, but the rest, read from its first key frame.
    """

    parameter_sets: bytes
    tag: str
    picture: tuple[object, ...]
    colour: tuple[object, ...]


def track_timing(source: Source) -> tuple[Fraction, tuple[int, ...]]:
    """Return a rendition's time base and the time of every frame in it, the first at 0.

    A constant rate is told exactly, in ticks of its numerator; a varying one keeps the source's ticks. One more
    time stands at the end: when the last frame ends.
    """
    if source.is_cfr:
        rate = source.frame_rate
        times = tuple(n * rate.denominator for n in range(source.frame_count + 1))
        return Fraction(1, rate.numerator), times
    # an MP4 track counts whole ticks a second
    scale = source.time_base.numerator
    base = Fraction(1, source.time_base.denominator)
    return base, tuple((p - source.pts[0]) * scale for p in (*source.pts, source.end_pts))


def stitch(
    source: Source,
    chunks: Sequence[Chunk],
    paths: Sequence[Path],
    output: Path,
    segments: Sequence[Segment] | None = None,
) -> None:
    """Join chunks.

    Parameters
    ----------
    source : Source
        Gives the times.
    chunks : sequence of Chunk
        They tile the film.
    paths : sequence of Path
        Their files, in one rendition.
    output : Path
        MP4 file to write.
    segments : sequence of Segment, optional
        Mark as key frames only those that segments start with, so that a packager can cut nowhere else; by default
        all are marked.

    Raises
    ------
    StitchError
        If parameter sets differ between chunks, or a chunk has not its number of frames.
    """
    time_base, times = track_timing(source)
    packets: list[_Packet] = []
    first_header: _Header | None = None
    for chunk, path in zip(chunks, paths, strict=True):
        header, part = _read(path, chunk)
        first_header = first_header or header
        if header != first_header:
            raise StitchError(f"{path}: its parameter sets are not those of the first chunk")
        packets += part
    if segments is not None:
        starts = {segment.start for segment in segments}
        packets = [replace(packet, is_keyframe=packet.is_keyframe and packet.frame in starts) for packet in packets]

    def make(path: Path) -> None:
        _write(path, paths[0], packets, times, time_base)
        declare_level(path)

    atomic_write(output, make)


def stitched_samples(
    source: Source, chunks: Sequence[Chunk], paths: Sequence[Path]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return what `track_samples` would of the track that chunks are stitched to."""
    time_base, times = track_timing(source)
    packets = [packet for chunk, path in zip(chunks, paths, strict=True) for packet in _read(path, chunk)[1]]
    bits = np.array([8 * len(packet.data) for packet in packets], np.int64)
    return bits, np.array(_decoding_times(packets, times)[:-1]) * float(time_base)


def _decoding_times(packets: Sequence[_Packet], times: Sequence[int]) -> list[int]:
    """Return when each packet is decoded, counted from the first, and when the last one ends."""
    return [0, *accumulate(times[packet.frame + 1] - times[packet.frame] for packet in packets)]


def _read(path: Path, chunk: Chunk) -> tuple[_Header, list[_Packet]]:
    """Return the parameter sets of a chunk and its packets in decoding order, numbered by the source's frames."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        picture = (context.profile, context.width, context.height, context.pix_fmt)
        colour = (context.color_primaries, context.color_trc, context.colorspace, context.color_range)
        header = _Header(bytes(context.extradata or b""), context.codec_tag, picture, colour)
        read = [(p.pts, p.is_keyframe, bytes(p)) for p in container.demux(stream) if p.size]
    if len(read) != chunk.frame_count:
        raise StitchError(f"{path}: holds {len(read)} frames instead of {chunk.frame_count}")
    rank = {pts: chunk.start + n for n, pts in enumerate(sorted(pts for pts, _, _ in read))}
    return header, [_Packet(rank[pts], key, data) for pts, key, data in read]


def _write(path: Path, template: Path, packets: list[_Packet], times: tuple[int, ...], time_base: Fraction) -> None:
    """Write the packets, each lasting in decoding order as long as it is shown.

    So the sum of durations up to a key frame is its time, also when the frame rate varies.
    """
    decoded = _decoding_times(packets, times)
    # frames that are shown before those decoded earlier; the muxer takes this shift back
    shift = max(time - times[packet.frame] for time, packet in zip(decoded, packets, strict=False))
    with av.open(str(template)) as chunk, av.open(str(path), "w", format="mp4", options=_OPTIONS) as container:
        # as the chunk has it, side data and all: there may be no encoder for it among the libraries
        stream = chunk.streams.video[0]
        track = container.add_stream_from_template(stream, opaque=True)
        track.codec_context.codec_tag = stream.codec_context.codec_tag
        track.time_base = time_base
        for packet, (time, end) in zip(packets, pairwise(decoded), strict=True):
            timed = av.Packet(packet.data)
            timed.stream = track
            timed.time_base = time_base
            timed.pts = times[packet.frame]
            timed.dts = time - shift
            timed.duration = end - time
            timed.is_keyframe = packet.is_keyframe
            container.mux(timed)


#: an edit list brings the first frame to 0 and the packager passes it on; negative composition offsets would do
#: without, but FFmpeg, and what is built on it, shows fragments that have them late
_OPTIONS = {"use_editlist": "1"}
