"""Put encoded tracks into one MP4 file without encoding them again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from encoder.tracks.audio import AudioTrack
from shotladder_runtime.process import QUIET, run
from shotladder_runtime.store.atomic_file import atomic_write
from shotladder_runtime.tools import ffmpeg_path

__all__ = ["mux"]

#: s in which copying must end; it takes as long as reading and writing the file (chosen by hand).
TIME_LIMIT = 24 * 3600.0


def mux(video: Path, audio: Sequence[AudioTrack], output: Path) -> None:
    """Write one MP4 file with a video track and audio tracks, whole or not at all.

    Parameters
    ----------
    video : Path
        Stitched track.
    audio : sequence of AudioTrack
        The first is the default.
    output : Path

    Raises
    ------
    ProcessError
        If ffmpeg fails.
    """
    words: list[str] = [ffmpeg_path(), *QUIET, "-y", "-i", str(video)]
    for track in audio:
        words += ["-i", str(track.path)]
    words += ["-map", "0:v"]
    for n, track in enumerate(audio):
        words += ["-map", f"{n + 1}:a", f"-metadata:s:a:{n}", f"language={track.stream.language or 'und'}"]
        words += [f"-disposition:a:{n}", "default" if n == 0 else "0"]
    # players start before they have read the whole file
    words += ["-c", "copy", "-movflags", "+faststart", "-f", "mp4"]

    def write(path: Path) -> None:
        run([*words, str(path)], time_limit=TIME_LIMIT)

    atomic_write(output, write)
