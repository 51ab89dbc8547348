"""Inspect a source: its streams, its colour and geometry, and the presentation time of every frame."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from os import fspath
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote

import av

from encoder.errors import SourceError
from encoder.media.container import ThroughputGuard, is_url, open_container
from encoder.media.interlacing import is_interlaced
from encoder.media.packet_survey import PacketSurvey
from encoder.media.side_data import read_side_data
from encoder.media.side_streams import name_codec, read_audio_streams, read_subtitle_streams
from encoder.media.source import Colour, HDRMetadata, Source, SubtitleStream
from encoder.media.timeline import describe_gaps, describe_losses, hold_last_frame, refuse_jumps
from encoder.media.tolerant_decoding import decode_intact
from encoder.media.video_choice import choose_video

__all__ = ["as_source", "inspect"]

# FFmpeg's names of the code points of ITU-T H.273; 2 means unspecified, 0 and 3 are reserved
_PRIMARIES = {
    1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "film", 9: "bt2020", 10: "smpte428",
    11: "smpte431", 12: "smpte432", 22: "jedec-p22",
}  # fmt: skip
_TRANSFER = {
    1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "linear", 11: "iec61966-2-4",
    12: "bt1361e", 13: "iec61966-2-1", 14: "bt2020-10", 15: "bt2020-12", 16: "smpte2084", 17: "smpte428",
    18: "arib-std-b67",
}  # fmt: skip
_MATRIX = {
    1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "ycgco", 9: "bt2020nc", 10: "bt2020c",
    14: "ictcp",
}  # fmt: skip
_RANGE = {1: "tv", 2: "pc"}
#: Inspection reads properties and times of frames, not samples, so that deblocking is skipped.
_UNFILTERED = {"skip_loop_filter": "all"}

#: Beginning of the URL of a local file (RFC 8089).
FILE_SCHEME = "file://"
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
    is_reliable: bool
    content: str


def inspect(path: str | Path, *, exact: bool = False) -> Source:
    """Inspect a source.

    Parameters
    ----------
    path : str or Path
        A regular file, or an http or https URL whose server states the size. Of playlists only those are read whose
        names end in .m3u8, .m3u or .mpd.
    exact : bool
        Take the times from decoded frames even if the times of the packets are consistent.

    Returns
    -------
    Source
        Everything that later stages need to know about the source.

    Raises
    ------
    SourceError
        If it cannot be opened, is endless, holds no video, has no frame that can be decoded, has a clock that restarts,
        or has no base layer besides Dolby Vision (profile 5).

    Notes
    -----
    Times come from the packets, which is fast. If the packets are ambiguous (a time is missing or repeated, an edit
    list discards some packets, the first packet cannot be decoded on its own), every frame is decoded instead, so that
    frame `n` always is the n-th frame that a decoder outputs.
    """
    name = fspath(path)
    if name.startswith(FILE_SCHEME):
        name = unquote(name.removeprefix(FILE_SCHEME))
    if is_url(name):
        return _run_interruptibly(lambda: _inspect(name, exact))
    # FFmpeg reads a relative name with a colon as a protocol, and the working folder may change
    return _inspect(str(Path(name).absolute()), exact)


def _run_interruptibly(function: Callable[[], Source]) -> Source:
    """Run a function that waits for a server on a thread of its own, because an interrupt ends no call of FFmpeg."""
    result: Future[Source] = Future()

    def run() -> None:
        try:
            result.set_result(function())
        except BaseException as error:
            result.set_exception(error)

    # as a daemon the thread does not keep an interrupted process alive
    Thread(target=run, daemon=True).start()
    return result.result()


def _inspect(name: str, exact: bool, empty: frozenset[int] = frozenset()) -> Source:
    with open_container(name, _UNFILTERED) as container:
        stream, other_videos = choose_video(container, name, empty)
        stream.codec_context.options = _UNFILTERED
        survey = PacketSurvey(stream.index)
        try:
            index, first = _read_packets(container, stream, survey, name)
        except SourceError:
            if stream.index in survey.counts or not any(s.index in survey.counts for s in container.streams.video):
                raise
            return _inspect(name, exact, empty | {stream.index})
        refuse_jumps(name, survey)
        has_index = not container.format.flags & _NO_INDEX
        format_name = container.format.name
        audio, audio_notes = read_audio_streams(container, survey)
        subtitles, subtitle_notes = read_subtitle_streams(container, survey)
        if "A53_CC" in read_side_data(first):
            subtitles += (SubtitleStream(stream.index, "eia_608", title="Closed captions", dispositions=("captions",)),)
        time_base = _to_fraction(stream.time_base) or Fraction(1, 90_000)
        stated_rate = _to_fraction(stream.average_rate) or _to_fraction(stream.guessed_rate)
        stream_index = stream.index
        seek_lead = _find_seek_lead(container, stream, stated_rate)
        header = bytes(stream.codec_context.extradata or b"")
        sar = _to_fraction(stream.sample_aspect_ratio) or Fraction(1)
    colour, hdr = _read_colour(first), _read_hdr(first)
    if "Dolby Vision" in hdr.dynamic and colour.transfer is None:
        raise SourceError(f"{name}: Dolby Vision profile 5 is not supported: it has no base layer for other decoders")
    if exact or not index.is_reliable:
        with open_container(name, _UNFILTERED) as container:
            index = _read_frames(container, stream_index, stated_rate, time_base, index.content, name)
    pts = sorted(index.pts)
    gaps = describe_gaps(name, survey, pts, time_base, has_index=has_index)
    end, rate = _find_end_and_rate(pts, survey, time_base, stated_rate)
    end, held = hold_last_frame(survey, end, time_base)
    losses = describe_losses(name, survey, pts[0] * time_base, end * time_base, format_name)
    # with the same packets, a different geometry or colour description in the container gives different renditions
    identity = f"{index.content} {stream_index} {first.rotation} {sar} {colour} {header.hex()}"
    position = {p: n for n, p in enumerate(pts)}
    return Source(
        path=name,
        content_id=hashlib.blake2b(identity.encode(), digest_size=16).hexdigest(),
        stream_index=stream_index,
        codec=name_codec(stream),
        pixel_format=first.format.name,
        width=first.width,
        height=first.height,
        sample_aspect_ratio=sar,
        rotation=-int(first.rotation) % 360,
        interlaced=bool(first.interlaced_frame)
        and is_interlaced(name, stream_index, float((end - pts[0]) * time_base)),
        colour=colour,
        bit_depth=first.format.components[0].bits,
        time_base=time_base,
        pts=tuple(pts),
        keyframes=tuple(sorted(position[k] for k in index.keys)),
        frame_rate=rate,
        end_pts=end,
        seek_lead=seek_lead,
        audio=audio,
        subtitles=subtitles,
        hdr=hdr,
        notes=(*other_videos, *gaps, *held, *losses, *audio_notes, *subtitle_notes),
    )


def as_source(source: Source | str | Path) -> Source:
    """Return a source as it is, and a path or a URL inspected.

    Raises
    ------
    SourceError
        If a path or a URL cannot be inspected; see `inspect`.
    """
    return source if isinstance(source, Source) else inspect(source)


def _find_seek_lead(container: Any, stream: Any, rate: Fraction | None) -> Fraction:
    flags = container.format.flags
    if flags & _SEEKS_TO_PTS:
        return Fraction(0)
    if flags & _NO_INDEX:
        return -_MAX_REORDERED / (rate or Fraction(25))
    # AVI stores no presentation times: FFmpeg would guess the time of the first frame after a seek wrongly
    is_shifted = stream.codec_context.has_b_frames and container.format.name != "avi"
    return _REORDERING if is_shifted else Fraction(0)


def _read_packets(container: Any, stream: Any, survey: PacketSurvey, name: str) -> tuple[_Index, Any]:
    """Read every packet; return the index of the video with a hash of all streams, and the first decoded frame."""
    digest = hashlib.blake2b(digest_size=16)
    pts: list[int] = []
    keys: list[int] = []
    is_reliable = True
    first: Any = None
    guard = ThroughputGuard(name)
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
            digest.update(f"{packet.stream.index} {packet.pts} {len(data)};".encode())
            digest.update(data)
            survey.add(packet)
            guard.add(len(data))
            if packet.stream.index != stream.index:
                continue
            if packet.pts is None or packet.is_discard or packet.is_corrupt or (not pts and not packet.is_keyframe):
                is_reliable = False
                continue
            # frames shown before the first key frame belong to a group of pictures whose start is missing
            if keys and packet.pts < keys[0]:
                is_reliable = False
            if packet.is_keyframe:
                keys.append(packet.pts)
            pts.append(packet.pts)
    except av.error.ExitError as error:
        raise SourceError(f"{name}: the server stopped to deliver") from error
    except av.FFmpegError:
        is_reliable = False
    if first is None:
        raise SourceError(f"{name}: {fault}")
    is_reliable = is_reliable and bool(pts) and len(set(pts)) == len(pts)
    return _Index(pts, keys, is_reliable, digest.hexdigest()), first


def _read_frames(
    container: Any, stream_index: int, rate: Fraction | None, time_base: Fraction, content: str, name: str
) -> _Index:
    """Decode every frame and return the times of what the decoder outputs."""
    step = max(1, round(1 / ((rate or Fraction(25)) * time_base)))
    pts: list[int] = []
    keys: list[int] = []
    stream = container.streams[stream_index]
    stream.thread_type = "AUTO"
    stream.codec_context.options = _UNFILTERED
    for frame in decode_intact(container, stream):
        time = frame.pts if frame.pts is not None else (pts[-1] + step if pts else 0)
        if pts and time <= pts[-1]:
            # a repeated or decreasing time: the frame is shown one tick after the frame before it
            time = pts[-1] + 1
        if frame.key_frame:
            keys.append(time)
        pts.append(time)
    if not pts:
        raise SourceError(f"{name}: no frame of the video can be decoded")
    return _Index(pts, keys or [pts[0]], True, content)


def _find_end_and_rate(
    pts: list[int], survey: PacketSurvey, time_base: Fraction, stated: Fraction | None
) -> tuple[int, Fraction]:
    """Return when the last frame ends (ticks) and the frame rate: the stated one if it agrees with the times."""
    if len(pts) == 1:
        rate = stated or Fraction(25)
        return survey.find_end(pts, 1 / (rate * time_base)), rate
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
    return survey.find_end(pts, step), rate


def _read_colour(frame: Any) -> Colour:
    return Colour(
        primaries=_PRIMARIES.get(int(frame.color_primaries)),
        transfer=_TRANSFER.get(int(frame.color_trc)),
        matrix=_MATRIX.get(int(frame.colorspace)),
        range=_RANGE.get(int(frame.color_range)),
    )


def _read_hdr(frame: Any) -> HDRMetadata:
    """Read the HDR side data of a frame: native integers (libavutil/mastering_display_metadata.h)."""
    carried = read_side_data(frame)
    mastering, light = carried.get("MASTERING_DISPLAY_METADATA"), carried.get("CONTENT_LIGHT_LEVEL")
    max_luminance = None
    if mastering:
        # rationals: x and y of three primaries and of the white point, min and max luminance; then two flags
        *_, numerator, denominator, _, has_luminance = struct.unpack("=22i", mastering[:88])
        max_luminance = numerator / denominator if has_luminance and denominator else None
    max_cll, max_fall = struct.unpack("=2I", light[:8]) if light else (None, None)
    kinds = (("DOVI_METADATA", "Dolby Vision"), ("DOVI_RPU_BUFFER", "Dolby Vision"), ("DYNAMIC_HDR_PLUS", "HDR10+"))
    dynamic = tuple(dict.fromkeys(kind for name, kind in kinds if name in carried))
    return HDRMetadata(mastering is not None, max_luminance, max_cll, max_fall, dynamic)


def _to_fraction(value: Any) -> Fraction | None:
    """Convert a rational of PyAV; depending on its version, an unset one is None, zero or falsy."""
    return Fraction(value.numerator, value.denominator) if value else None
