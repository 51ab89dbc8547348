"""Subtitle tracks: each is converted to WebVTT once per title, on the timeline of the video."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import av

from encoder.errors import TrackError
from encoder.media.container import input_arguments, list_protocols, open_container
from encoder.media.inspection import as_source
from encoder.media.source import Source, SubtitleStream
from encoder.media.subtitle_text import TEXT_CODECS, convert_to_utf8
from encoder.media.unchanged_source import unchanged_source
from encoder.tracks.tool_notes import limit_time, summarise_errors
from encoder.tracks.ttml import format_srt, merge_cues
from shotladder_runtime.process import QUIET, run
from shotladder_runtime.store.store import Store
from shotladder_runtime.tools import ffmpeg_path, ffmpeg_version

__all__ = ["SubtitleTrack", "extract_subtitles"]

#: FFmpeg's names of the subtitle codecs that hold bitmaps.
BITMAP_CODECS = frozenset({"dvb_subtitle", "dvd_subtitle", "hdmv_pgs_subtitle", "xsub"})
#: Kind of the artefacts with the notes on a track.
NOTES = "text-notes"
#: FFmpeg's name of Timed Text Markup Language.
TTML = "ttml"
#: FFmpeg's name of closed captions inside the video.
CAPTIONS = "eia_608"

#: End time of a WebVTT cue: hours (optional), minutes, seconds.
_CUE_END = re.compile(r"--> (?:(\d+):)?(\d\d):(\d\d\.\d{3})")


@dataclass(frozen=True, slots=True)
class SubtitleTrack:
    """One subtitle track of a presentation: its stream in the source, its WebVTT file, and what ffmpeg reported."""

    stream: SubtitleStream
    path: Path
    notes: tuple[str, ...] = ()


def extract_subtitles(source: Source | str | Path, stream: SubtitleStream, store: Store) -> SubtitleTrack:
    """Convert one subtitle track to WebVTT, timed from the first frame of the video.

    Closed captions inside the video are a track too; its stream index is that of the video.

    Raises
    ------
    TrackError
        If the track holds bitmaps instead of text, has a codec without a decoder, or is empty within the duration of
        the video.
    """
    source = as_source(source)
    if stream.codec in BITMAP_CODECS:
        raise TrackError("bitmap subtitles cannot be converted to WebVTT")
    if stream.codec not in TEXT_CODECS | {CAPTIONS, TTML}:
        name = "the codec of the track" if stream.codec == "unknown" else stream.codec
        raise TrackError(f"FFmpeg has no decoder for {name}")
    origin = source.pts[0] * source.time_base
    # times of the file minus the time of the first frame; earlier cues are cut, or they would shift all others
    timing = ("-copyts", "-itsoffset", f"{float(-origin):.6f}")
    span = ("-ss", "0", "-t", f"{float(source.duration):.6f}")
    cache_key = {
        "source": source.content_id,
        "stream": stream.index,
        "timing": [*timing, *span],
        "ffmpeg": ffmpeg_version(),
    }
    path = store.path("text", cache_key, ".vtt")
    if store.find(path) is None:

        def make(temporary: Path) -> None:
            # decoded and encoded again, WebVTT would lose the positions of its cues
            coding = "copy" if stream.codec == "webvtt" else "webvtt"
            with TemporaryDirectory() as folder, unchanged_source(source):
                argv = (ffmpeg_path(), *QUIET, "-y", *timing, *_choose_input(source, stream, Path(folder)))
                done = run(
                    (*argv, "-c:s", coding, *span, "-f", "webvtt", str(temporary)), time_limit=limit_time(source)
                )
            store.write_json(NOTES, cache_key, summarise_errors(done.stderr))
            # FFmpeg leaves the no-break space of ASS as it is
            text = temporary.read_text().replace("\\h", "\N{NO-BREAK SPACE}")
            temporary.write_text(_clip_cues(text, source.duration))

        store.write(path, make)
    path = store.fetch(path)
    if "-->" not in path.read_text():
        raise TrackError("the subtitle track is empty within the duration of the video")
    return SubtitleTrack(stream, path, tuple(store.read_json(NOTES, cache_key) or ()))


def _choose_input(source: Source, stream: SubtitleStream, folder: Path) -> tuple[str, ...]:
    """Return the input arguments of ffmpeg; a track that is not UTF-8 is first converted to a file in a folder."""
    if stream.index == source.stream_index:
        protocols = _escape(",".join(list_protocols(source.path)))
        captions = (
            f"movie={_escape(source.path)}:s={stream.index}:format_opts=protocol_whitelist={protocols}[out+subcc]"
        )
        return ("-f", "lavfi", "-i", captions, "-map", "0:s")
    if stream.codec == TTML:
        converted = folder / "cues.srt"
        converted.write_text(format_srt(merge_cues(_read_documents(source, stream))), encoding="utf-8")
        return ("-i", str(converted), "-map", "0:0")
    if stream.is_utf8:
        return (*input_arguments(source.path), "-i", source.path, "-map", f"0:{stream.index}")
    # each container has its own codec for text
    converted = folder / ("utf8.mp4" if stream.codec == "mov_text" else "utf8.mkv")
    _write_utf8(source, stream, converted)
    return ("-i", str(converted), "-map", "0:0")


def _read_documents(source: Source, stream: SubtitleStream) -> list[tuple[Fraction, Fraction | None, bytes]]:
    """Return when each TTML document of a track starts and stops to apply, and the document."""
    documents: list[tuple[Fraction, Fraction | None, bytes]] = []
    with open_container(source.path) as container:
        for packet in container.demux(container.streams[stream.index]):
            if packet.size and packet.pts is not None:
                start = packet.pts * packet.time_base
                stop = start + packet.duration * packet.time_base if packet.duration else None
                documents.append((start, stop, bytes(packet)))
    return documents


def _write_utf8(source: Source, stream: SubtitleStream, path: Path) -> None:
    """Copy the track to a file in which all text is UTF-8."""
    with open_container(source.path) as container, av.open(str(path), "w") as out:
        read = container.streams[stream.index]
        track = out.add_stream_from_template(read)
        for packet in container.demux(read):
            if packet.size and packet.pts is not None:
                copied = av.Packet(convert_to_utf8(stream.codec, bytes(packet)))
                copied.stream, copied.time_base = track, packet.time_base
                copied.pts, copied.dts, copied.duration = packet.pts, packet.pts, packet.duration
                out.mux(copied)


def _clip_cues(text: str, end: Fraction) -> str:
    """End all cues of WebVTT with the video; otherwise the manifests would state a longer duration."""

    def clip(match: re.Match[str]) -> str:
        hours, minutes, seconds = int(match[1] or 0), int(match[2]), Fraction(match[3])
        if 3600 * hours + 60 * minutes + seconds <= end:
            return match[0]
        whole, milliseconds = divmod(int(end * 1000), 1000)
        return f"--> {whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{milliseconds:03}"

    return _CUE_END.sub(clip, text)


def _escape(path: str) -> str:
    """Escape a file name for a filter option, and then for the filter graph (ffmpeg-filters, "escaping")."""
    option = re.sub(r"([\\':])", r"\\\1", path)
    return re.sub(r"([\\'\[\],;])", r"\\\1", option)
