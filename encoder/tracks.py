"""Sound and text: every track once per title, on the timeline of the video."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
import ffmpeg

from encoder.errors import ProcessError
from encoder.picture import QUIET
from encoder.process import run
from encoder.source import AudioStream, Source, TextStream
from encoder.store import Store
from encoder.tools import ffmpeg_path, ffmpeg_version

__all__ = ["AudioTrack", "TextTrack", "encode_audio", "extract_text"]

#: Bits/s of AAC for each channel; 64 kbit/s a channel is transparent to most ears with FFmpeg's encoder.
AAC_RATE_PER_CHANNEL = 64_000
SAMPLE_RATE = 48_000
#: Subtitles that hold text; the others are pictures.
TEXT_CODECS = frozenset({"ass", "mov_text", "srt", "ssa", "subrip", "text", "webvtt"})


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """One encoded sound track: its stream in the source, file, and what a manifest says of it."""

    stream: AudioStream
    path: Path
    bitrate: int
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class TextTrack:
    """One track of text as a WebVTT file."""

    stream: TextStream
    path: Path


def encode_audio(source: Source, stream: AudioStream, store: Store) -> AudioTrack | None:
    """Encode one sound track as AAC, mono or stereo.

    The track begins with the first frame of the video: earlier sound is cut, a later start is filled with silence,
    and so are gaps, so that sound and picture stay as they were to each other.

    Returns
    -------
    AudioTrack or None
        None if the track holds no sound at all.
    """
    channels = min(stream.channels, 2) or 2
    rate = AAC_RATE_PER_CHANNEL * channels
    origin = float(source.pts[0] * source.time_base)
    recipe = {
        "source": source.content_id,
        "stream": stream.index,
        "origin": origin,
        "duration": float(source.duration),
        "codec": "aac",
        "rate": rate,
        "channels": channels,
        "ffmpeg": ffmpeg_version(),
    }
    path = store.path("audio", recipe, ".mp4")
    cpu = 0.0
    if not store.has(path):
        sound = (
            ffmpeg.input(source.path, copyts=None)[str(stream.index)]
            .filter("aresample", SAMPLE_RATE)
            .filter("asetpts", f"PTS-({origin:.6f})/TB")
            .filter("aresample", **{"async": 1, "first_pts": 0})
            .filter("atrim", end=float(source.duration))
        )

        def make(temporary: Path) -> None:
            nonlocal cpu
            options = {"c:a": "aac", "b:a": rate, "ac": channels, "f": "mp4", "threads": 1}
            output = ffmpeg.output(sound, str(temporary), vn=None, sn=None, **options)
            command = output.global_args(*QUIET).overwrite_output()
            cpu = run(command.compile(cmd=ffmpeg_path())).cpu_seconds

        store.write(path, make)
    path = store.fetch(path)
    with av.open(str(path)) as container:
        packets = sum(packet.size > 0 for packet in container.demux(audio=0)) if container.streams.audio else 0
    return AudioTrack(stream, path, rate, cpu) if packets else None


def extract_text(source: Source, stream: TextStream, store: Store) -> TextTrack | None:
    """Convert one track of text to WebVTT, timed from the first frame of the video.

    Returns
    -------
    TextTrack or None
        None if the track holds pictures rather than text, or nothing.
    """
    if stream.codec not in TEXT_CODECS:
        return None
    origin = source.pts[0] * source.time_base
    # times of the file itself, less the first frame's; what begins earlier is left out, or it would shift the rest
    timing = ("-copyts", "-itsoffset", f"{float(-origin):.6f}")
    recipe = {"source": source.content_id, "stream": stream.index, "timing": timing, "ffmpeg": ffmpeg_version()}
    path = store.path("text", recipe, ".vtt")
    if not store.has(path):

        def make(temporary: Path) -> None:
            argv = (ffmpeg_path(), *QUIET, "-y", *timing, "-i", source.path, "-map", f"0:{stream.index}")
            run((*argv, "-c:s", "webvtt", "-ss", "0", "-f", "webvtt", str(temporary)))

        try:
            store.write(path, make)
        except ProcessError:
            return None
    path = store.fetch(path)
    return TextTrack(stream, path) if "-->" in path.read_text() else None
