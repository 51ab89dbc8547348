"""Stitch the chunks of a rendition by stream copy into one track with the times of the source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from encoder.dynamic_hdr.dynamic_metadata import RenditionMetadata
from encoder.encode.levels import declare_level
from encoder.encode.plan import Chunk, Segment
from encoder.errors import StitchError
from encoder.media.source import Source
from encoder.mp4.dolby_vision_box import add_dolby_vision_box
from shotladder_runtime.store.atomic_file import atomic_write

__all__ = ["compute_track_timing", "read_stitched_samples", "stitch"]

#: Min ticks per second of a track whose last frame is longer or shorter than the others (the 90 kHz of MPEG systems).
MIN_TICKS = 90_000


@dataclass(frozen=True, slots=True)
class _Packet:
    frame: int
    is_keyframe: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class _Header:
    """Properties that a decoder reads once for the whole track.

    The parameter sets are those of the sample entry. VP9 has none; its other properties come from the first key frame.
    """

    parameter_sets: bytes
    tag: str
    frame_format: tuple[object, ...]
    colour: tuple[object, ...]


def compute_track_timing(source: Source) -> tuple[Fraction, tuple[int, ...]]:
    """Return the time base of a rendition, the time of every frame (the first at 0), and the end of the last frame.

    A constant frame rate is represented exactly, in ticks of its numerator; a varying one keeps the source's ticks.
    If only the last frame has another duration, the ticks are divided so that its end is exact to `MIN_TICKS`.
    """
    if source.is_cfr:
        rate = source.frame_rate
        last = source.time(source.frame_count) - Fraction(source.frame_count - 1) / rate
        is_regular = abs(last - 1 / rate) <= source.time_base
        division = 1 if is_regular else -(-MIN_TICKS // rate.numerator)
        starts = (n * rate.denominator * division for n in range(source.frame_count))
        length = rate.denominator if is_regular else max(1, round(last * rate.numerator * division))
        end = (source.frame_count - 1) * rate.denominator * division + length
        return Fraction(1, rate.numerator * division), (*starts, end)
    # the time scale of an MP4 track is an integer number of ticks per second
    scale = source.time_base.numerator
    base = Fraction(1, source.time_base.denominator)
    return base, tuple((p - source.pts[0]) * scale for p in (*source.pts, source.end_pts))


def stitch(
    source: Source,
    chunks: Sequence[Chunk],
    paths: Sequence[Path],
    output: Path,
    segments: Sequence[Segment] | None = None,
    metadata: RenditionMetadata | None = None,
) -> None:
    """Stitch chunks to one track.

    Parameters
    ----------
    source : Source
        Provides the times.
    chunks : sequence of Chunk
        All chunks of the source, in order.
    paths : sequence of Path
        Files of the chunks in one rendition.
    output : Path
        MP4 file to write.
    segments : sequence of Segment, optional
        Mark only the key frames at which segments start, so that a packager can cut nowhere else; by default all key
        frames are marked.

    Raises
    ------
    StitchError
        If parameter sets differ between chunks, a chunk has a wrong number of frames, or FFmpeg refuses the times.
    """
    time_base, times = compute_track_timing(source)
    packets: list[_Packet] = []
    first_header: _Header | None = None
    for chunk, path in zip(chunks, paths, strict=True):
        header, part = _read_chunk(path, chunk)
        first_header = first_header or header
        if header != first_header:
            raise StitchError(f"{path}: its parameter sets differ from those of the first chunk")
        packets += part
    if segments is not None:
        starts = {segment.start for segment in segments}
        packets = [replace(packet, is_keyframe=packet.is_keyframe and packet.frame in starts) for packet in packets]

    if metadata is not None:
        packets = [replace(packet, data=metadata.insert(packet.frame, packet.data)) for packet in packets]

    def make(path: Path) -> None:
        try:
            _write_track(path, paths[0], packets, times, time_base)
        except (av.FFmpegError, OverflowError) as error:
            raise StitchError(f"{output.name}: the chunks cannot be stitched ({error})") from error
        if metadata is not None and metadata.rpus:
            add_dolby_vision_box(path, metadata.profile, metadata.level, metadata.compatibility)
        declare_level(path)

    atomic_write(output, make)


def read_stitched_samples(
    source: Source, chunks: Sequence[Chunk], paths: Sequence[Path]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the result of `read_track_samples` for the track to which the chunks will be stitched."""
    time_base, times = compute_track_timing(source)
    packets = [packet for chunk, path in zip(chunks, paths, strict=True) for packet in _read_chunk(path, chunk)[1]]
    bits = np.array([8 * len(packet.data) for packet in packets], np.int64)
    return bits, np.array(_compute_decoding_times(packets, times)[:-1]) * float(time_base)


def _compute_decoding_times(packets: Sequence[_Packet], times: Sequence[int]) -> list[int]:
    """Return the decoding time of each packet, from the first one, and the end of the last packet (ticks)."""
    return [0, *accumulate(times[packet.frame + 1] - times[packet.frame] for packet in packets)]


def _read_chunk(path: Path, chunk: Chunk) -> tuple[_Header, list[_Packet]]:
    """Return the header of a chunk and its packets in decoding order, with the frame numbers of the source."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        frame_format = (context.profile, context.width, context.height, context.pix_fmt)
        colour = (context.color_primaries, context.color_trc, context.colorspace, context.color_range)
        header = _Header(bytes(context.extradata or b""), context.codec_tag, frame_format, colour)
        read = [(p.pts, p.is_keyframe, bytes(p)) for p in container.demux(stream) if p.size]
    if len(read) != chunk.frame_count:
        raise StitchError(f"{path}: has {len(read)} frames instead of {chunk.frame_count}")
    rank = {pts: chunk.start + n for n, pts in enumerate(sorted(pts for pts, _, _ in read))}
    return header, [_Packet(rank[pts], key, data) for pts, key, data in read]


def _write_track(
    path: Path, template: Path, packets: list[_Packet], times: tuple[int, ...], time_base: Fraction
) -> None:
    """Write the packets; the duration of each in decoding order is its presentation duration.

    The sum of durations up to a key frame is therefore its time, even if the frame rate varies.
    """
    decoded = _compute_decoding_times(packets, times)
    # reordered frames need decoding times before 0; the muxer removes this shift again
    shift = max(time - times[packet.frame] for time, packet in zip(decoded, packets, strict=False))
    with av.open(str(template)) as chunk, av.open(str(path), "w", format="mp4", options=_MUXER_OPTIONS) as container:
        # copied from the chunk with side data, because PyAV may lack the encoder of this codec
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


#: An edit list moves the first frame to time 0, and the packager keeps it. Negative composition offsets would not need
#: one, but FFmpeg and players based on it present fragments with such offsets too late.
_MUXER_OPTIONS = {"use_editlist": "1"}
