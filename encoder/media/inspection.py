"""Inspect a source: its streams, its colour and geometry, and the presentation time of every frame."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from os import fspath
from pathlib import Path
from typing import Any

import av

from encoder.errors import SourceError
from encoder.media.file_stamp import read_stamp
from encoder.media.frame_rate import find_mean_rate
from encoder.media.frame_survey import FrameSurvey
from encoder.media.geometry import read_crop
from encoder.media.interlacing import is_interlaced
from encoder.media.packet_order import PacketOrder
from encoder.media.source import AudioStream, Source, SubtitleStream, has_constant_rate
from encoder.media.tolerant_decoding import decode_intact

__all__ = ["as_source", "inspect"]

#: Inspection reads properties and times of frames, not samples, so that deblocking is skipped.
_UNFILTERED = {"skip_loop_filter": "all"}

#: AVFMT_SEEK_TO_PTS: the demuxer seeks by presentation time.
_SEEKS_TO_PTS = 0x4000000
#: AVFMT_TS_DISCONT | AVFMT_GENERIC_INDEX: the container has no index, and its times may jump.
_NO_INDEX = 0x0200 | 0x0100
#: Seconds that ffmpeg subtracts from a seek time in other containers when pictures are reordered (ffmpeg_demux.c:
#: 3 * AV_TIME_BASE / 23).
_REORDERING = Fraction(3, 23)
#: Maximum distance between decoding and presentation of a key frame, frames (H.264: max_num_reorder_frames <= 16).
#: Without an index ffmpeg seeks by decoding time.
_MAX_REORDERED = 16


@dataclass(slots=True)
class _Index:
    """Presentation times and key frames in the order of the file."""

    pts: list[int]
    keys: list[int]
    last_duration: int
    is_reliable: bool
    content: str
    is_seekable: bool = True
    notes: tuple[str, ...] = ()


def inspect(path: str | Path, *, exact: bool = False) -> Source:
    """Inspect a source.

    Parameters
    ----------
    path : str or Path
        A file, or a URL that FFmpeg reads.
    exact : bool
        Take the times from decoded frames even if the times of the packets are consistent.

    Returns
    -------
    Source
        Everything that later stages need to know about the source.

    Raises
    ------
    SourceError
        If it cannot be opened, holds no video, has no frame that can be decoded, or has no base layer besides Dolby
        Vision (profile 5).

    Notes
    -----
    Times come from the packets, which is fast. If the packets are ambiguous (a time is missing or repeated, an edit
    list discards some packets, the first packet cannot be decoded on its own), every frame is decoded instead, so that
    frame `n` always is the n-th frame that a decoder outputs.
    """
    name = fspath(path)
    if "://" not in name:
        # FFmpeg reads a relative name with a colon as a protocol, and the working folder may change
        name = str(Path(name).absolute())
    stamp = read_stamp(name)
    with _open_container(name) as container:
        stream = _find_main_video(container, name)
        stream.codec_context.options = _UNFILTERED
        crop = read_crop(stream)
        frames, order = FrameSurvey(stream), PacketOrder(container, stream)
        index, first = _read_packets(container, stream, frames, order, name)
        audio = tuple(_read_audio_stream(s) for s in container.streams.audio)
        subtitles = tuple(SubtitleStream(s.index, _name_codec(s), *_read_tags(s)) for s in container.streams.subtitles)
        if frames.has_captions:
            subtitles += (SubtitleStream(stream.index, "eia_608", title="Closed captions", dispositions=("captions",)),)
        time_base = _to_fraction(stream.time_base) or Fraction(1, 90_000)
        stated_rate = _to_fraction(stream.average_rate) or _to_fraction(stream.guessed_rate)
        stream_index = stream.index
        seek_lead = _find_seek_lead(container, stream, stated_rate)
        tracks = [_describe_track(each) for each in container.streams]
        lost = order.describe_loss()
        if index.is_reliable:
            order.try_seeks()
        sar = _to_fraction(stream.sample_aspect_ratio) or Fraction(1)
    if crop.left + crop.right >= first.width or crop.top + crop.bottom >= first.height:
        raise SourceError(f"{name}: its container removes all of a frame of {first.width}x{first.height} ({crop})")
    colour, hdr, orientation = frames.colour, frames.hdr, frames.frames[0].orientation
    if "Dolby Vision" in hdr.dynamic and colour.transfer is None:
        raise SourceError(f"{name}: Dolby Vision profile 5 is not supported: it has no base layer for other decoders")
    if exact or not index.is_reliable or order.is_ambiguous:
        step = max(1, round(1 / ((stated_rate or Fraction(25)) * time_base)))
        index = _read_frames(name, stream_index, order, step, index.content)
    pts = sorted(index.pts)
    end, rate = _find_end_and_rate(pts, index.last_duration, time_base, stated_rate)
    mean_rate = rate if has_constant_rate(pts) else find_mean_rate(pts, time_base, stated_rate)
    # with the same packets, other statements of the container about geometry, colour or time give other renditions
    geometry = crop, orientation.is_mirrored, orientation.rotation, sar
    identity = f"{index.content} {stream_index} {geometry} {colour} {hdr} {tracks}"
    interlaced = is_interlaced(name, stream_index, frames, (end - pts[0]) * time_base)
    if read_stamp(name) != stamp:
        raise SourceError(f"{name}: the file changes while it is read")
    position = {p: n for n, p in enumerate(pts)}
    return Source(
        path=name,
        content_id=hashlib.blake2b(identity.encode(), digest_size=16).hexdigest(),
        stream_index=stream_index,
        codec=_name_codec(stream),
        pixel_format=first.format.name,
        width=first.width - crop.left - crop.right,
        height=first.height - crop.top - crop.bottom,
        sample_aspect_ratio=sar,
        rotation=orientation.rotation,
        interlaced=interlaced,
        colour=colour,
        bit_depth=first.format.components[0].bits,
        time_base=time_base,
        pts=tuple(pts),
        keyframes=tuple(sorted(position[k] for k in index.keys)),
        frame_rate=mean_rate,
        end_pts=end,
        seek_lead=seek_lead,
        audio=audio,
        subtitles=subtitles,
        hdr=hdr,
        notes=((orientation.note,) if orientation.note else ()) + frames.describe_changes() + (lost or index.notes),
        crop=crop,
        is_mirrored=orientation.is_mirrored,
        stamp=stamp,
        is_seekable=index.is_seekable,
        nominal_rate=rate,
    )


def as_source(source: Source | str | Path) -> Source:
    """Return a source as it is, and a path or a URL inspected.

    Raises
    ------
    SourceError
        If a path or a URL cannot be inspected; see `inspect`.
    """
    return source if isinstance(source, Source) else inspect(source)


@contextmanager
def _open_container(name: str) -> Iterator[Any]:
    if "://" not in name and not Path(name).exists():
        raise SourceError(f"{name}: no such file")
    try:
        container = av.open(name, options=_UNFILTERED)
    except (av.FFmpegError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SourceError(f"{name}: cannot be opened as video ({reason})") from error
    with container:
        # FFmpeg renders any text file as if a terminal showed it
        if container.format.name == "tty":
            raise SourceError(f"{name}: cannot be opened as video (it is a text file)")
        yield container


def _find_main_video(container: Any, name: str) -> Any:
    # cover art is a video stream of one frame
    videos = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
    if not videos:
        raise SourceError(f"{name}: holds no video")
    videos = [s for s in videos if s.codec_context is not None]
    if not videos:
        raise SourceError(f"{name}: FFmpeg has no decoder for its video")
    return max(videos, key=lambda s: (s.codec_context.width * s.codec_context.height, -s.index))


def _find_seek_lead(container: Any, stream: Any, rate: Fraction | None) -> Fraction:
    flags = container.format.flags
    if flags & _SEEKS_TO_PTS:
        return Fraction(0)
    if flags & _NO_INDEX:
        return -_MAX_REORDERED / (rate or Fraction(25))
    # AVI stores no presentation times: FFmpeg would guess the time of the first frame after a seek wrongly
    is_shifted = stream.codec_context.has_b_frames and container.format.name != "avi"
    return _REORDERING if is_shifted else Fraction(0)


def _read_packets(
    container: Any, stream: Any, frames: FrameSurvey, order: PacketOrder, name: str
) -> tuple[_Index, Any]:
    """Read every packet; return the index of the video with a hash of all streams, and the first decoded frame."""
    digest = hashlib.blake2b(digest_size=16)
    pts: list[int] = []
    keys: list[int] = []
    is_reliable, last_duration = True, 0
    first: Any = None
    fault = "no frame of the video can be decoded"
    try:
        for packet in container.demux():
            if first is None and packet.stream.index == stream.index:
                try:
                    first = next(iter(packet.decode()), None)
                except av.FFmpegError as error:
                    fault = f"the video cannot be decoded ({error.strerror})"
            if packet.size == 0:
                continue
            data = memoryview(packet)
            times = f"{packet.pts} {packet.duration} {packet.is_discard}"
            digest.update(f"{packet.stream.index} {times} {len(data)};".encode())
            digest.update(data)
            order.add(packet)
            if packet.stream.index != stream.index:
                continue
            frames.add(packet, first)
            if packet.pts is None or packet.is_discard or packet.is_corrupt or (not pts and not packet.is_keyframe):
                is_reliable = False
                continue
            # frames shown before the first key frame belong to a group of pictures whose start is missing
            if keys and packet.pts < keys[0]:
                is_reliable = False
            if packet.is_keyframe:
                keys.append(packet.pts)
            if not pts or packet.pts > max(pts[-1], pts[-2] if len(pts) > 1 else pts[-1]):
                last_duration = packet.duration or 0
            pts.append(packet.pts)
    except av.FFmpegError:
        is_reliable = False
    if first is None:
        raise SourceError(f"{name}: {fault}")
    frames.finish(first)
    is_reliable = is_reliable and bool(pts) and len(set(pts)) == len(pts)
    return _Index(pts, keys, last_duration, is_reliable, digest.hexdigest()), first


def _read_frames(name: str, stream_index: int, order: PacketOrder, step: int, content: str) -> _Index:
    """Decode every frame and return the times of what the decoder outputs; `step` is a frame's duration in ticks."""
    pts: list[int] = []
    decoded, is_damaged = _decode_times(name, stream_index, "AUTO")
    if is_damaged or len(decoded) < order.shown_count:
        # with frame threads, some frames before the damaged end of a file are lost
        decoded, is_damaged = _decode_times(name, stream_index, "SLICE")
    if not decoded:
        raise SourceError(f"{name}: no frame of the video can be decoded")
    counted = order.number_frames([time for time, _, _ in decoded], step)
    for stated, _, _ in decoded if counted is None else ():
        time = stated if stated is not None else (pts[-1] + step if pts else 0)
        if pts and time <= pts[-1]:
            # a repeated or decreasing time: the frame is shown one tick after the frame before it
            time = pts[-1] + 1
        pts.append(time)
    pts = pts if counted is None else counted
    keys = [time for time, (_, _, is_key) in zip(pts, decoded, strict=True) if is_key]
    notes: tuple[str, ...] = ()
    if is_damaged:
        notes = (f"it is damaged or cut off: only {len(pts)} frames can be decoded",)
    last = decoded[-1][1] if counted is None else step
    return _Index(pts, keys or [pts[0]], last, True, content, counted is None and order.is_seekable, notes)


def _decode_times(name: str, stream_index: int, thread_type: str) -> tuple[list[tuple[int | None, int, bool]], bool]:
    """Decode every frame; return time, duration and whether it is a key frame, and whether any packet is damaged."""
    damaged: list[None] = []
    with _open_container(name) as container:
        stream = container.streams[stream_index]
        stream.thread_type = thread_type
        stream.codec_context.options = _UNFILTERED
        frames = decode_intact(container, stream, lambda: damaged.append(None))
        return [(frame.pts, frame.duration or 0, bool(frame.key_frame)) for frame in frames], bool(damaged)


def _find_end_and_rate(
    pts: list[int], last_duration: int, time_base: Fraction, stated: Fraction | None
) -> tuple[int, Fraction]:
    """Return when the last frame ends (ticks) and the frame rate: the stated one if it agrees with the times."""
    if len(pts) == 1:
        rate = stated or Fraction(25)
        return pts[0] + (last_duration or max(1, round(1 / (rate * time_base)))), rate
    steps = sorted(b - a for a, b in pairwise(pts))
    median = steps[len(steps) // 2]
    # without gaps and bursts, the rounding of a coarse time base averages out
    regular = [step for step in steps if 4 * abs(step - median) <= median] or [median]
    step = Fraction(sum(regular), len(regular))
    rate = (1 / (step * time_base)).limit_denominator(1001)
    broadcast = (Fraction(n * 1000, 1001) for n in (24, 30, 60, 120))
    for candidate in (stated, *broadcast, (1 / (step * time_base)).limit_denominator(1)):
        # equal to the measured rate within one tick over all frames
        if candidate and abs(1 / candidate - step * time_base) * len(regular) <= time_base:
            rate = candidate
            break
    # the duration of the last packet is often missing or wrong; it is then replaced by the mean duration
    is_plausible = 0 < last_duration <= 4 * step
    return pts[-1] + (last_duration if is_plausible else max(1, round(step))), rate


def _read_audio_stream(stream: Any) -> AudioStream:
    time_base = _to_fraction(stream.time_base) or Fraction(1, 48_000)
    start = (stream.start_time or 0) * time_base
    context = stream.codec_context
    # a track of an unknown codec is kept here, so that it can be reported when it is skipped
    channels, rate = (context.channels, context.sample_rate) if context is not None else (0, 0)
    return AudioStream(stream.index, _name_codec(stream), channels, rate, start, *_read_tags(stream))


def _read_tags(stream: Any) -> tuple[str | None, str | None, tuple[str, ...]]:
    # Matroska writes its own tags in capitals
    tags = {name.lower(): value for name, value in stream.metadata.items()}
    language = tags.get("language")
    dispositions = tuple(flag.name for flag in av.stream.Disposition if flag in stream.disposition)
    return (None if language in (None, "", "und") else language), tags.get("title"), dispositions


def _name_codec(stream: Any) -> str:
    context = stream.codec_context
    return str(context.codec.canonical_name if context is not None else "unknown")


def _describe_track(stream: Any) -> str:
    """Return what the container states about how the packets of a track are decoded and timed."""
    context = stream.codec_context
    header = bytes(context.extradata or b"") if context is not None else b""
    layout = context.layout.name if stream.type == "audio" and context is not None else ""
    return f"{stream.index} {stream.type} {_name_codec(stream)} {stream.time_base} {layout} {header.hex()}"


def _to_fraction(value: Any) -> Fraction | None:
    """Convert a rational of PyAV; depending on its version, an unset one is None, zero or falsy."""
    return Fraction(value.numerator, value.denominator) if value else None
