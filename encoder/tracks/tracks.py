"""Sound and text: every track once per title, on the timeline of the video."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import ffmpeg

from encoder.errors import TrackError
from encoder.media.source import AudioStream, Source, TextStream
from shotladder_runtime.process import QUIET, run
from shotladder_runtime.store.store import Store
from shotladder_runtime.tools import ffmpeg_path, ffmpeg_version

__all__ = ["AUDIO_CODECS", "AudioTrack", "TextTrack", "audio_codecs", "encode_audio", "extract_text"]

SAMPLE_RATE = 48_000
#: The sources' codecs that may be passed on untouched: players know them as they are.
PASSED_ON = frozenset({"ac3", "eac3"})
#: Subtitles that hold text; the others are pictures.
TEXT_CODECS = frozenset({"ass", "eia_608", "mov_text", "srt", "ssa", "subrip", "text", "webvtt"})


_CUE_END = re.compile(r"--> (?:(\d+):)?(\d\d):(\d\d\.\d{3})")


@dataclass(frozen=True, slots=True)
class AudioCodec:
    """How sound is encoded: FFmpeg's encoder, bits/s of stereo and of 5.1, None where it is not used for that."""

    encoder: str
    stereo: int | None
    surround: int | None


#: 64 kbit/s a channel is transparent to most ears with FFmpeg's AAC; AC-3 gets what discs give it.
AUDIO_CODECS = {
    "aac": AudioCodec("aac", 128_000, None),
    "eac3": AudioCodec("eac3", None, 384_000),
    "ac3": AudioCodec("ac3", None, 448_000),
    "opus": AudioCodec("libopus", 96_000, 256_000),
}
COPY = "copy"


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """One sound track as it is packaged: its stream in the source, its file, and what a manifest says of it."""

    stream: AudioStream
    path: Path
    codec: str
    channels: int
    bitrate: int | None
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class TextTrack:
    """One track of text as a WebVTT file."""

    stream: TextStream
    path: Path


def audio_codecs(stream: AudioStream, wanted: Sequence[str]) -> tuple[str, ...]:
    """Return which of the wanted codecs a track is given, in that order.

    Codecs of 5.1 are for tracks that have the channels, `copy` for those whose codec may be passed on; where it is,
    there is no second 5.1. A track that none fits gets AAC.

    Examples
    --------
    >>> stereo, surround = (AudioStream(0, "ac3", n, 48_000, Fraction(0)) for n in (2, 6))
    >>> audio_codecs(stereo, ["aac", "eac3"]), audio_codecs(surround, ["aac", "eac3"])
    (('aac',), ('aac', 'eac3'))
    >>> audio_codecs(surround, ["aac", "eac3", "copy"])
    ('aac', 'copy')
    """
    passed = COPY in wanted and stream.codec in PASSED_ON
    fits = []
    for name in wanted:
        if name == COPY:
            fit = passed
        elif AUDIO_CODECS[name].stereo is None:
            fit = stream.channels >= 6 and not passed
        else:
            fit = True
        if fit:
            fits.append(name)
    return tuple(fits) or ("aac",)


def encode_audio(source: Source, stream: AudioStream, store: Store, codec: str = "aac") -> AudioTrack:
    """Encode one sound track, or pass it on as it is.

    The track begins with the first frame of the video: earlier sound is cut, a later start is filled with silence,
    and so are gaps, so that sound and picture stay as they were to each other. What is passed on is cut to whole
    packets and keeps its gaps.

    Parameters
    ----------
    source : Source
    stream : AudioStream
        One of its tracks.
    store : Store
    codec : str
        One of `AUDIO_CODECS`, which give mono, stereo or 5.1 as they can and the track has it; or "copy".

    Raises
    ------
    TrackError
        If the track holds no sound while there are pictures.
    """
    origin = source.pts[0] * source.time_base
    cache_key: dict[str, Any] = {
        "source": source.content_id,
        "stream": stream.index,
        "origin": float(origin),
        "duration": float(source.duration),
        "codec": codec,
    }
    if codec == COPY:
        path = store.path("audio", cache_key, ".mp4")
        if not store.has(path):
            store.write(path, lambda temporary: _pass_on(source, stream, temporary))
        return _whole(AudioTrack(stream, store.fetch(path), stream.codec, stream.channels, None, 0.0))
    row = AUDIO_CODECS[codec]
    if row.surround and (stream.channels >= 6 or row.stereo is None):
        channels, rate = 6, row.surround
    else:
        channels = min(stream.channels, 2) or 2
        rate = (row.stereo or 0) * channels // 2
    cache_key |= {"rate": rate, "channels": channels, "ffmpeg": ffmpeg_version()}
    path = store.path("audio", cache_key, ".mp4")
    cpu = 0.0
    if not store.has(path):
        sound = (
            ffmpeg.input(source.path, copyts=None)[str(stream.index)]
            .filter("aresample", SAMPLE_RATE)
            .filter("asetpts", f"PTS-({float(origin):.6f})/TB")
            .filter("aresample", **{"async": 1, "first_pts": 0})
            .filter("atrim", end=float(source.duration))
        )

        def make(temporary: Path) -> None:
            nonlocal cpu
            options = {"c:a": row.encoder, "b:a": rate, "ac": channels, "f": "mp4", "threads": 1}
            output = ffmpeg.output(sound, str(temporary), vn=None, sn=None, **options)
            command = output.global_args(*QUIET).overwrite_output()
            cpu = run(command.compile(cmd=ffmpeg_path())).cpu_seconds

        store.write(path, make)
    return _whole(AudioTrack(stream, store.fetch(path), codec, channels, rate, cpu))


def _whole(track: AudioTrack) -> AudioTrack:
    with av.open(str(track.path)) as container:
        packets = sum(packet.size > 0 for packet in container.demux(audio=0)) if container.streams.audio else 0
    if not packets:
        raise TrackError("it holds no sound while there are pictures")
    return track


def _pass_on(source: Source, stream: AudioStream, path: Path) -> None:
    """Copy the packets of a track that sound while there are pictures."""
    origin = source.pts[0] * source.time_base
    base = Fraction(1, stream.sample_rate)
    # the first packet may begin before the picture; an edit list says from where in it on it is to be heard
    options = {"use_editlist": "1"}
    with av.open(source.path) as container, av.open(str(path), "w", format="mp4", options=options) as out:
        read = container.streams[stream.index]
        track = out.add_stream_from_template(read)
        track.time_base = base
        for packet in container.demux(read):
            if not packet.size or packet.pts is None:
                continue
            start = packet.pts * packet.time_base - origin
            length = (packet.duration or 0) * packet.time_base
            if start + length <= 0 or start >= source.duration:
                continue
            copied = av.Packet(bytes(packet))
            copied.stream, copied.time_base = track, base
            copied.pts = copied.dts = round(start / base)
            copied.duration = round(length / base)
            out.mux(copied)


def extract_text(source: Source, stream: TextStream, store: Store) -> TextTrack:
    """Convert one track of text to WebVTT, timed from the first frame of the video.

    Closed captions inside the video are a track too, whose stream is the video's own.

    Raises
    ------
    TrackError
        If the track holds pictures rather than text, or nothing.
    """
    if stream.codec not in TEXT_CODECS:
        raise TrackError("it holds pictures, which cannot be told as text")
    origin = source.pts[0] * source.time_base
    # times of the file itself, less the first frame's; what begins earlier is left out, or it would shift the rest
    timing = ("-copyts", "-itsoffset", f"{float(-origin):.6f}")
    span = ("-ss", "0", "-t", f"{float(source.duration):.6f}")
    cache_key = {
        "source": source.content_id,
        "stream": stream.index,
        "timing": [*timing, *span],
        "ffmpeg": ffmpeg_version(),
    }
    path = store.path("text", cache_key, ".vtt")
    if not store.has(path):
        if stream.index == source.stream_index:
            film: tuple[str, ...] = (
                "-f",
                "lavfi",
                "-i",
                f"movie={_escaped(source.path)}:s={stream.index}[out+subcc]",
                "-map",
                "0:s",
            )
        else:
            film = ("-i", source.path, "-map", f"0:{stream.index}")

        def make(temporary: Path) -> None:
            argv = (ffmpeg_path(), *QUIET, "-y", *timing, *film)
            # read and written anew, WebVTT would lose where its cues stand
            coding = "copy" if stream.codec == "webvtt" else "webvtt"
            run((*argv, "-c:s", coding, *span, "-f", "webvtt", str(temporary)))
            # a space that must not break, which FFmpeg leaves as ASS writes it
            text = temporary.read_text().replace("\\h", "\N{NO-BREAK SPACE}")
            temporary.write_text(_ended(text, source.duration))

        store.write(path, make)
    path = store.fetch(path)
    if "-->" not in path.read_text():
        raise TrackError("it holds nothing while there are pictures")
    return TextTrack(stream, path)


def _ended(text: str, end: Fraction) -> str:
    """Let no cue of WebVTT be shown longer than the film, or the manifests would say that it lasts as long."""

    def clipped(found: re.Match[str]) -> str:
        hours, minutes, seconds = int(found[1] or 0), int(found[2]), Fraction(found[3])
        if 3600 * hours + 60 * minutes + seconds <= end:
            return found[0]
        whole, milliseconds = divmod(int(end * 1000), 1000)
        return f"--> {whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{milliseconds:03}"

    return _CUE_END.sub(clipped, text)


def _escaped(path: str) -> str:
    """Escape a file's name for a filter's option, then for the graph around it (ffmpeg-filters, "escaping")."""
    option = re.sub(r"([\\':])", r"\\\1", path)
    return re.sub(r"([\\'\[\],;])", r"\\\1", option)
