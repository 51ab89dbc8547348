"""Inspect a source: its streams, its colour and geometry, and the presentation time of every frame."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from fractions import Fraction
from os import fspath
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote

from encoder.errors import SourceError
from encoder.media.container import is_url, list_protocols, open_container
from encoder.media.file_stamp import describe_unchecked, read_stamp
from encoder.media.flv_header import read_stated_end
from encoder.media.frame_index import UNFILTERED, FrameIndex, Surveys, read_frames, read_packets
from encoder.media.frame_rate import find_mean_rate, find_nominal_rate
from encoder.media.geometry import Crop, read_crop
from encoder.media.interlacing import is_interlaced
from encoder.media.side_streams import name_codec, read_audio_streams, read_subtitle_streams
from encoder.media.source import AudioStream, Source, SubtitleStream, has_constant_rate
from encoder.media.surveys.frame_survey import FrameSurvey
from encoder.media.surveys.packet_order import PacketOrder
from encoder.media.surveys.packet_survey import PacketSurvey
from encoder.media.timeline import (
    describe_gaps,
    describe_losses,
    extend_to_stated_end,
    hold_last_frame,
    refuse_jumps,
)
from encoder.media.video_choice import choose_video

__all__ = ["as_source", "inspect"]

#: Beginning of the URL of a local file (RFC 8089).
FILE_SCHEME = "file://"
#: Frames per second of a video that states none.
_DEFAULT_RATE = Fraction(25)
#: Note on a source whose pixel format has an alpha channel; whether it is opaque would take a decode of all frames.
_TRANSPARENT = "transparency, if the video has any, is left out; colours are encoded as they are stored"
#: Note on a source whose frames are not found by their times.
_COUNTED = "the file does not state when its frames are shown; they are counted from its start, which takes longer"
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


@dataclass(frozen=True, slots=True)
class _Reading:
    """What one pass over the packets of a source gives.

    Attributes
    ----------
    surveys : Surveys
    index : FrameIndex
    first : av.VideoFrame
        First decoded frame.
    stream_index : int
    codec : str
    crop : Crop
    sample_aspect_ratio : Fraction
    time_base : Fraction
        Seconds per tick.
    stated_rate : Fraction or None
        Frames per second that the container states.
    stated_end : Fraction or None
        When the file ends according to a header that is the only one to state it, s.
    seek_lead : Fraction
    format_name : str
        FFmpeg's name of the container.
    has_index : bool
        Whether the container has an index, so that its times do not jump.
    audio : tuple of AudioStream
    subtitles : tuple of SubtitleStream
    tracks : tuple of str
        What the container states about the decoding of each track.
    video_notes, track_notes, loss : tuple of str
        Sentences on other videos, on audio, subtitles and hidden frames, and on data that is missing at the end.
    """

    surveys: Surveys
    index: FrameIndex
    first: Any
    stream_index: int
    codec: str
    crop: Crop
    sample_aspect_ratio: Fraction
    time_base: Fraction
    stated_rate: Fraction | None
    stated_end: Fraction | None
    seek_lead: Fraction
    format_name: str
    has_index: bool
    audio: tuple[AudioStream, ...]
    subtitles: tuple[SubtitleStream, ...]
    tracks: tuple[str, ...]
    video_notes: tuple[str, ...]
    track_notes: tuple[str, ...]
    loss: tuple[str, ...]


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


def _inspect(name: str, exact: bool) -> Source:
    # URLs of other protocols are refused before any request
    list_protocols(name)
    stamp = read_stamp(name)
    reading = _read(name)
    surveys, first, crop, time_base = reading.surveys, reading.first, reading.crop, reading.time_base
    frames = surveys.frames
    colour, hdr, orientation = frames.colour, frames.hdr, frames.frames[0].orientation
    if crop.left + crop.right >= first.width or crop.top + crop.bottom >= first.height:
        raise SourceError(f"{name}: its container removes all of a frame of {first.width}x{first.height} ({crop})")
    if "Dolby Vision" in hdr.dynamic and colour.transfer is None:
        raise SourceError(f"{name}: Dolby Vision profile 5 is not supported: it has no base layer for other decoders")
    index = reading.index
    if exact or not index.is_reliable or surveys.order.is_ambiguous:
        ticks = max(1, round(1 / ((reading.stated_rate or _DEFAULT_RATE) * time_base)))
        index = read_frames(name, reading.stream_index, surveys.order, ticks, index.content)
    pts = sorted(index.pts)
    rate, step = find_nominal_rate(pts, time_base, reading.stated_rate)
    mean_rate = rate if has_constant_rate(pts) else find_mean_rate(pts, time_base, reading.stated_rate)
    gaps = describe_gaps(name, surveys.packets, pts, time_base, has_index=reading.has_index)
    end = extend_to_stated_end(surveys.packets, surveys.packets.find_end(pts, step), reading.stated_end, time_base)
    end, held = hold_last_frame(surveys.packets, end, time_base)
    span = pts[0] * time_base, end * time_base
    losses = describe_losses(name, surveys.packets, *span, reading.format_name)
    interlaced = is_interlaced(name, reading.stream_index, frames, (pts[-1] - pts[0]) * time_base)
    # with the same packets, other statements of the container about geometry, colour or time give other renditions
    geometry = crop, orientation.is_mirrored, orientation.rotation, reading.sample_aspect_ratio
    identity = f"{index.content} {reading.stream_index} {geometry} {colour} {hdr} {list(reading.tracks)}"
    if read_stamp(name) != stamp:
        raise SourceError(f"{name}: the file changes while it is read")
    position = {p: n for n, p in enumerate(pts)}
    turned = (orientation.note,) if orientation.note else ()
    transparent = (_TRANSPARENT,) if any(part.is_alpha for part in first.format.components) else ()
    return Source(
        path=name,
        content_id=hashlib.blake2b(identity.encode(), digest_size=16).hexdigest(),
        stream_index=reading.stream_index,
        codec=reading.codec,
        pixel_format=first.format.name,
        width=first.width - crop.left - crop.right,
        height=first.height - crop.top - crop.bottom,
        sample_aspect_ratio=reading.sample_aspect_ratio,
        rotation=orientation.rotation,
        interlaced=interlaced,
        colour=colour,
        bit_depth=first.format.components[0].bits,
        time_base=time_base,
        pts=tuple(pts),
        keyframes=tuple(sorted(position[k] for k in index.keys)),
        frame_rate=mean_rate,
        end_pts=end,
        seek_lead=reading.seek_lead,
        audio=reading.audio,
        subtitles=reading.subtitles,
        hdr=hdr,
        notes=(
            *reading.video_notes,
            *turned,
            *transparent,
            *frames.describe_changes(),
            *frames.describe_contradictions(),
            *(reading.loss or index.notes),
            *gaps,
            *held,
            *losses,
            *reading.track_notes,
            *(() if index.is_seekable else (_COUNTED,)),
            *describe_unchecked(name, stamp),
        ),
        crop=crop,
        is_mirrored=orientation.is_mirrored,
        stamp=stamp,
        is_seekable=index.is_seekable,
        nominal_rate=rate,
    )


def _read(name: str, empty: frozenset[int] = frozenset()) -> _Reading:
    """Open a source and read all packets; `empty` are video streams that are known to hold none."""
    with open_container(name, UNFILTERED) as container:
        stream, video_notes = choose_video(container, name, empty)
        stream.codec_context.options = UNFILTERED
        crop = read_crop(stream)
        surveys = Surveys(FrameSurvey(stream), PacketOrder(container, stream), PacketSurvey(stream.index))
        counts = surveys.packets.counts
        try:
            index, first = read_packets(container, stream, surveys, name)
        except SourceError:
            if stream.index in counts or not any(each.index in counts for each in container.streams.video):
                raise
            return _read(name, empty | {stream.index})
        refuse_jumps(name, surveys.packets)
        audio, audio_notes = read_audio_streams(container, surveys.packets)
        subtitles, subtitle_notes = read_subtitle_streams(container, surveys.packets)
        if surveys.frames.has_captions:
            subtitles += (SubtitleStream(stream.index, "eia_608", title="Closed captions", dispositions=("captions",)),)
        stated_rate = _to_fraction(stream.average_rate) or _to_fraction(stream.guessed_rate)
        is_flash = container.format.name == "flv" and not is_url(name)
        stated_end = read_stated_end(Path(name)) if is_flash else None
        loss = () if stated_end is not None else surveys.order.describe_loss()
        if index.is_reliable:
            surveys.order.try_seeks()
        return _Reading(
            surveys=surveys,
            index=index,
            first=first,
            stream_index=stream.index,
            codec=name_codec(stream),
            crop=crop,
            sample_aspect_ratio=_to_fraction(stream.sample_aspect_ratio) or Fraction(1),
            time_base=_to_fraction(stream.time_base) or Fraction(1, 90_000),
            stated_rate=stated_rate,
            stated_end=stated_end,
            seek_lead=_find_seek_lead(container, stream, stated_rate),
            format_name=container.format.name,
            has_index=not container.format.flags & _NO_INDEX,
            audio=audio,
            subtitles=subtitles,
            tracks=tuple(_describe_track(each) for each in container.streams),
            video_notes=video_notes,
            track_notes=(*audio_notes, *subtitle_notes, *surveys.order.describe_hidden()),
            loss=loss,
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
        return -_MAX_REORDERED / (rate or _DEFAULT_RATE)
    # AVI stores no presentation times: FFmpeg would guess the time of the first frame after a seek wrongly
    is_shifted = stream.codec_context.has_b_frames and container.format.name != "avi"
    return _REORDERING if is_shifted else Fraction(0)


def _describe_track(stream: Any) -> str:
    """Return what the container states about how the packets of a track are decoded and timed."""
    context = stream.codec_context
    header = bytes(context.extradata or b"") if context is not None else b""
    layout = context.layout.name if stream.type == "audio" and context is not None else ""
    return f"{stream.index} {stream.type} {name_codec(stream)} {stream.time_base} {layout} {header.hex()}"


def _to_fraction(value: Any) -> Fraction | None:
    """Convert a rational of PyAV; depending on its version, an unset one is None, zero or falsy."""
    return Fraction(value.numerator, value.denominator) if value else None
