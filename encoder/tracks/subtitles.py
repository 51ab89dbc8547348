"""Subtitle tracks: each is converted to WebVTT once per title, on the timeline of the video."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from encoder.errors import TrackError
from encoder.media.inspection import as_source
from encoder.media.source import Source, SubtitleStream
from encoder.media.unchanged_source import unchanged_source
from shotladder_runtime.process import QUIET, run
from shotladder_runtime.store.store import Store
from shotladder_runtime.tools import ffmpeg_path, ffmpeg_version

__all__ = ["SubtitleTrack", "extract_subtitles"]

#: FFmpeg's names of the subtitle codecs that hold text; the others hold bitmaps.
TEXT_CODECS = frozenset({"ass", "eia_608", "mov_text", "srt", "ssa", "subrip", "text", "webvtt"})

#: End time of a WebVTT cue: hours (optional), minutes, seconds.
_CUE_END = re.compile(r"--> (?:(\d+):)?(\d\d):(\d\d\.\d{3})")


@dataclass(frozen=True, slots=True)
class SubtitleTrack:
    """One subtitle track of a presentation: its stream in the source, and its WebVTT file."""

    stream: SubtitleStream
    path: Path


def extract_subtitles(source: Source | str | Path, stream: SubtitleStream, store: Store) -> SubtitleTrack:
    """Convert one subtitle track to WebVTT, timed from the first frame of the video.

    Closed captions inside the video are a track too; its stream index is that of the video.

    Raises
    ------
    TrackError
        If the track holds bitmaps instead of text, or is empty within the duration of the video.
    """
    source = as_source(source)
    if stream.codec not in TEXT_CODECS:
        raise TrackError("bitmap subtitles cannot be converted to WebVTT")
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
        if stream.index == source.stream_index:
            captions = f"movie={_escape(source.path)}:s={stream.index}[out+subcc]"
            reading: tuple[str, ...] = ("-f", "lavfi", "-i", captions, "-map", "0:s")
        else:
            reading = ("-i", source.path, "-map", f"0:{stream.index}")

        @unchanged_source(source)
        def make(temporary: Path) -> None:
            argv = (ffmpeg_path(), *QUIET, "-y", *timing, *reading)
            # decoded and encoded again, WebVTT would lose the positions of its cues
            coding = "copy" if stream.codec == "webvtt" else "webvtt"
            run((*argv, "-c:s", coding, *span, "-f", "webvtt", str(temporary)))
            # FFmpeg leaves the no-break space of ASS as it is
            text = temporary.read_text().replace("\\h", "\N{NO-BREAK SPACE}")
            temporary.write_text(_clip_cues(text, source.duration))

        store.write(path, make)
    path = store.fetch(path)
    if "-->" not in path.read_text():
        raise TrackError("the subtitle track is empty within the duration of the video")
    return SubtitleTrack(stream, path)


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
