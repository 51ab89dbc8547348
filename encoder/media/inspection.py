"""Look at a film once: its streams, its colour and geometry, and when every frame is shown."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from os import fspath
from pathlib import Path
from typing import Any

import av
from av.sidedata.sidedata import Type as SideDataType

from encoder.errors import SourceError
from encoder.media.frames import decodable
from encoder.media.interlacing import is_interlaced
from encoder.media.source import AudioStream, Colour, HDRMetadata, Source, TextStream

__all__ = ["inspect"]

# ITU-T H.273 code points by FFmpeg's names; 2 (and 0, 3) say nothing
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
#: What pictures look like is not asked here, only what they are and when: deblocking them is left out.
_UNFILTERED = {"skip_loop_filter": "all"}

# FFmpeg's flags of a container: seeks by presentation time; has no index (times may jump; frames are all there is)
_SEEKS_TO_PTS, _NO_INDEX = 0x4000000, 0x0200 | 0x0100
#: ffmpeg seeks so much (s) earlier than told in other containers when pictures are reordered...
_REORDERING = Fraction(3, 23)
#: ...and where there is no index it looks for decoding times: at most so many frames before a key frame is shown.
_MOST_REORDERED = 16


@dataclass(slots=True)
class _Index:
    """Times and keyframes as they are read, in the order of the file."""

    pts: list[int]
    keys: list[int]
    last_duration: int
    trusted: bool
    content: str


def inspect(path: str | Path, *, exact: bool = False) -> Source:
    """Inspect a film.

    Parameters
    ----------
    path : str or Path
        A file, or a URL that FFmpeg reads.
    exact : bool
        Take the times from decoded frames even when the packets look sound.

    Returns
    -------
    Source
        All that later stages need to know.

    Raises
    ------
    SourceError
        If it cannot be opened, holds no video, not one frame of it decodes, or its colours are known to Dolby Vision
        alone.

    Notes
    -----
    Times come from the packets, which is quick. Where the packets leave a doubt (a time is missing or
    doubled, an edit list discards some, the first cannot be decoded on its own) every frame is decoded
    instead, so that frame `n` always is the n-th frame a decoder gives.
    """
    name = fspath(path)
    if "://" not in name:
        # a name with a colon would be taken for a protocol, and the working folder may change
        name = str(Path(name).absolute())
    with _opened(name) as container:
        stream = _main_video(container, name)
        stream.codec_context.options = _UNFILTERED
        index, first = _read_packets(container, stream, name)
        audio = tuple(_audio(s) for s in container.streams.audio)
        text = tuple(TextStream(s.index, _codec_name(s), *_tags(s)) for s in container.streams.subtitles)
        if any(data.type is SideDataType.A53_CC for data in first.side_data):
            text += (TextStream(stream.index, "eia_608", title="Closed captions", dispositions=("captions",)),)
        time_base = _fraction(stream.time_base) or Fraction(1, 90_000)
        stated_rate = _fraction(stream.average_rate) or _fraction(stream.guessed_rate)
        stream_index = stream.index
        seek_lead = _seek_lead(container, stream, stated_rate)
        header = bytes(stream.codec_context.extradata or b"")
        sar = _fraction(stream.sample_aspect_ratio) or Fraction(1)
    colour, hdr = _colour(first), _hdr(first)
    if "Dolby Vision" in hdr.dynamic and colour.transfer is None:
        raise SourceError(f"{name}: Dolby Vision without a base layer that others can show (profile 5)")
    if exact or not index.trusted:
        with _opened(name) as container:
            index = _read_frames(container, stream_index, stated_rate, time_base, index.content, name)
    pts = sorted(index.pts)
    end, rate = _end_and_rate(pts, index.last_duration, time_base, stated_rate)
    # what the container says of the picture changes what is made of the same packets
    looks = f"{index.content} {stream_index} {first.rotation} {sar} {colour} {header.hex()}"
    position = {p: n for n, p in enumerate(pts)}
    return Source(
        path=name,
        content_id=hashlib.blake2b(looks.encode(), digest_size=16).hexdigest(),
        stream_index=stream_index,
        codec=_codec_name(stream),
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
        text=text,
        hdr=hdr,
    )


@contextmanager
def _opened(name: str) -> Iterator[Any]:
    if "://" not in name and not Path(name).exists():
        raise SourceError(f"{name}: no such file")
    try:
        container = av.open(name, options=_UNFILTERED)
    except (av.FFmpegError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SourceError(f"{name}: not a film that can be read ({reason})") from error
    with container:
        # FFmpeg draws any text as if a terminal showed it
        if container.format.name == "tty":
            raise SourceError(f"{name}: not a film that can be read (text)")
        yield container


def _main_video(container: Any, name: str) -> Any:
    # a cover picture is a video stream of one frame; it is not the film
    films = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
    if not films:
        raise SourceError(f"{name}: holds no video")
    films = [s for s in films if s.codec_context is not None]
    if not films:
        raise SourceError(f"{name}: there is no decoder for its video")
    return max(films, key=lambda s: (s.codec_context.width * s.codec_context.height, -s.index))


def _seek_lead(container: Any, stream: Any, rate: Fraction | None) -> Fraction:
    flags = container.format.flags
    if flags & _SEEKS_TO_PTS:
        return Fraction(0)
    if flags & _NO_INDEX:
        return -_MOST_REORDERED / (rate or Fraction(25))
    # AVI keeps no times of presentation: the first picture after a seek would be guessed wrongly
    exact = stream.codec_context.has_b_frames and container.format.name != "avi"
    return _REORDERING if exact else Fraction(0)


def _read_packets(container: Any, stream: Any, name: str) -> tuple[_Index, Any]:
    """Read every packet: the times and keyframes of the film, and the hash of all in the file; and its first frame."""
    digest = hashlib.blake2b(digest_size=16)
    pts: list[int] = []
    keys: list[int] = []
    trusted, last_duration = True, 0
    first: Any = None
    fault = "not one frame of the video decodes"
    try:
        for packet in container.demux():
            if first is None and packet.stream.index == stream.index:
                try:
                    first = next(iter(packet.decode()), None)
                except av.FFmpegError as error:
                    fault = f"the video does not decode ({error.strerror})"
            if packet.size == 0:
                continue
            data = memoryview(packet)
            digest.update(f"{packet.stream.index} {packet.pts} {len(data)};".encode())
            digest.update(data)
            if packet.stream.index != stream.index:
                continue
            if packet.pts is None or packet.is_discard or packet.is_corrupt or (not pts and not packet.is_keyframe):
                trusted = False
                continue
            # frames shown before the first keyframe belong to a picture group whose start is missing
            if keys and packet.pts < keys[0]:
                trusted = False
            if packet.is_keyframe:
                keys.append(packet.pts)
            if not pts or packet.pts > max(pts[-1], pts[-2] if len(pts) > 1 else pts[-1]):
                last_duration = packet.duration or 0
            pts.append(packet.pts)
    except av.FFmpegError:
        trusted = False
    if first is None:
        raise SourceError(f"{name}: {fault}")
    trusted = trusted and bool(pts) and len(set(pts)) == len(pts)
    return _Index(pts, keys, last_duration, trusted, digest.hexdigest()), first


def _read_frames(
    container: Any, stream_index: int, rate: Fraction | None, time_base: Fraction, content: str, name: str
) -> _Index:
    """Decode everything: what a decoder gives is what counts."""
    step = max(1, round(1 / ((rate or Fraction(25)) * time_base)))
    pts: list[int] = []
    keys: list[int] = []
    stream = container.streams[stream_index]
    stream.thread_type = "AUTO"
    stream.codec_context.options = _UNFILTERED
    duration = 0
    for frame in decodable(container, stream):
        time = frame.pts if frame.pts is not None else (pts[-1] + step if pts else 0)
        if pts and time <= pts[-1]:
            # a doubled or backward time: shown right after its predecessor
            time = pts[-1] + 1
        if frame.key_frame:
            keys.append(time)
        duration = frame.duration or 0
        pts.append(time)
    if not pts:
        raise SourceError(f"{name}: not one frame of the video decodes")
    return _Index(pts, keys or [pts[0]], duration, True, content)


def _end_and_rate(
    pts: list[int], last_duration: int, time_base: Fraction, stated: Fraction | None
) -> tuple[int, Fraction]:
    """Return when the last frame ends (ticks) and the frame rate: the stated one if the times bear it out."""
    if len(pts) == 1:
        rate = stated or Fraction(25)
        return pts[0] + (last_duration or max(1, round(1 / (rate * time_base)))), rate
    steps = sorted(b - a for a, b in pairwise(pts))
    usual = steps[len(steps) // 2]
    # gaps and bursts apart, ticks too coarse for the rate average out
    regular = [step for step in steps if 4 * abs(step - usual) <= usual] or [usual]
    step = Fraction(sum(regular), len(regular))
    rate = (1 / (step * time_base)).limit_denominator(1001)
    broadcast = (Fraction(n * 1000, 1001) for n in (24, 30, 60, 120))
    for candidate in (stated, *broadcast, (1 / (step * time_base)).limit_denominator(1)):
        # the same as the times say, to one tick over all of them
        if candidate and abs(1 / candidate - step * time_base) * len(regular) <= time_base:
            rate = candidate
            break
    # a last packet's duration is often missing or absurd; then it lasts as long as the others do
    sane = 0 < last_duration <= 4 * step
    return pts[-1] + (last_duration if sane else max(1, round(step))), rate


def _audio(stream: Any) -> AudioStream:
    time_base = _fraction(stream.time_base) or Fraction(1, 48_000)
    start = (stream.start_time or 0) * time_base
    context = stream.codec_context
    # a codec that FFmpeg does not know is still a track, which is told when it is left out
    channels, rate = (context.channels, context.sample_rate) if context is not None else (0, 0)
    return AudioStream(stream.index, _codec_name(stream), channels, rate, start, *_tags(stream))


def _tags(stream: Any) -> tuple[str | None, str | None, tuple[str, ...]]:
    # Matroska's own tags are in capitals
    tags = {name.lower(): value for name, value in stream.metadata.items()}
    language = tags.get("language")
    dispositions = tuple(flag.name for flag in av.stream.Disposition if flag in stream.disposition)
    return (None if language in (None, "", "und") else language), tags.get("title"), dispositions


def _codec_name(stream: Any) -> str:
    context = stream.codec_context
    return str(context.codec.canonical_name if context is not None else "unknown")


def _colour(frame: Any) -> Colour:
    return Colour(
        primaries=_PRIMARIES.get(int(frame.color_primaries)),
        transfer=_TRANSFER.get(int(frame.color_trc)),
        matrix=_MATRIX.get(int(frame.colorspace)),
        range=_RANGE.get(int(frame.color_range)),
    )


def _hdr(frame: Any) -> HDRMetadata:
    """Read what a frame carries: structures of native integers (libavutil/mastering_display_metadata.h)."""
    carried = {each.type.name: bytes(each) for each in frame.side_data}
    mastering, light = carried.get("MASTERING_DISPLAY_METADATA"), carried.get("CONTENT_LIGHT_LEVEL")
    max_luminance = None
    if mastering:
        # x and y of three primaries, the white point, least and most luminance: rationals; then what of it is stated
        *_, numerator, denominator, _, has_luminance = struct.unpack("=22i", mastering[:88])
        max_luminance = numerator / denominator if has_luminance and denominator else None
    max_cll, max_fall = struct.unpack("=2I", light[:8]) if light else (None, None)
    kinds = (("DOVI_METADATA", "Dolby Vision"), ("DOVI_RPU_BUFFER", "Dolby Vision"), ("DYNAMIC_HDR_PLUS", "HDR10+"))
    dynamic = tuple(dict.fromkeys(kind for name, kind in kinds if name in carried))
    return HDRMetadata(mastering is not None, max_luminance, max_cll, max_fall, dynamic)


def _fraction(value: Any) -> Fraction | None:
    """Convert a rational of PyAV; unset ones are None, zero or falsy, by version."""
    return Fraction(value.numerator, value.denominator) if value else None
