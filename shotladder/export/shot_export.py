"""Shots for editing tools: an EDL (CMX 3600), an OpenTimelineIO document, or CSV with timecodes.

References
----------
.. [1] CMX 3600 edit decision list: SMPTE 258M-2004; "AX" is an auxiliary source, "C" a cut.
.. [2] OpenTimelineIO, file format specification, schemas Timeline.1, Stack.1, Track.1, Clip.2.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from encoder import Source
from ladders import Shot
from shotladder_runtime.store.atomic_file import atomic_write

__all__ = ["EXPORT_SUFFIXES", "export_shots", "format_timecode", "render_csv", "render_edl", "render_otio"]

#: Hours after which timecode starts again at zero.
_HOURS_PER_DAY = 24


def export_shots(source: Source, shots: Sequence[Shot], path: Path) -> None:
    """Write the shots to a file in the format that its suffix names."""
    text = _RENDERERS[path.suffix.lower()](source, shots)

    def write(file: Path) -> None:
        file.write_text(text, encoding="utf-8")

    atomic_write(path, write)


def format_timecode(seconds: Fraction, rate: Fraction) -> str:
    """Return a time as non-drop-frame timecode, HH:MM:SS:FF, at the rounded rate.

    Examples
    --------
    >>> format_timecode(Fraction(61), Fraction(25)), format_timecode(Fraction(1001, 1000), Fraction(30000, 1001))
    ('00:01:01:00', '00:00:01:00')
    """
    nominal = max(1, round(rate))
    frame = round(seconds * rate)
    minutes = frame // nominal // 60
    return f"{minutes // 60 % _HOURS_PER_DAY:02}:{minutes % 60:02}:{frame // nominal % 60:02}:{frame % nominal:02}"


def render_edl(source: Source, shots: Sequence[Shot]) -> str:
    """Return a CMX 3600 edit decision list with one cut for each shot."""
    name = _ascii(Path(source.path).name)
    lines = [f"TITLE: {_ascii(Path(source.path).stem)}", "FCM: NON-DROP FRAME", ""]
    for n, shot in enumerate(shots, 1):
        start, stop = (format_timecode(source.time(frame), source.frame_rate) for frame in (shot.start, shot.stop))
        lines += [f"{n:03}  AX       V     C        {start} {stop} {start} {stop}", f"* FROM CLIP NAME: {name}"]
        if shot.transition_frames is not None:
            first, end = shot.transition_frames
            lines.append(f"* {shot.transition.upper()} IN FRAMES {first} TO {end - 1}")
    return "\n".join(lines) + "\n"


def render_otio(source: Source, shots: Sequence[Shot]) -> str:
    """Return an OpenTimelineIO document with one clip for each shot."""
    rate = float(source.frame_rate)

    def time(seconds: Fraction) -> dict[str, Any]:
        return {"OTIO_SCHEMA": "RationalTime.1", "rate": rate, "value": float(round(seconds * source.frame_rate))}

    def span(start: int, stop: int) -> dict[str, Any]:
        length = source.time(stop) - source.time(start)
        return {"OTIO_SCHEMA": "TimeRange.1", "start_time": time(source.time(start)), "duration": time(length)}

    media = {
        "OTIO_SCHEMA": "ExternalReference.1",
        "target_url": source.path,
        "available_range": span(0, source.frame_count),
    }
    clips = [
        {
            "OTIO_SCHEMA": "Clip.2",
            "name": f"Shot {n}",
            "source_range": span(shot.start, shot.stop),
            "media_references": {"DEFAULT_MEDIA": media},
            "active_media_reference_key": "DEFAULT_MEDIA",
            "metadata": {"shotladder": {"transition": shot.transition}},
        }
        for n, shot in enumerate(shots, 1)
    ]
    track = {"OTIO_SCHEMA": "Track.1", "name": "Shots", "kind": "Video", "children": clips}
    stack = {"OTIO_SCHEMA": "Stack.1", "name": "tracks", "children": [track]}
    timeline = {"OTIO_SCHEMA": "Timeline.1", "name": Path(source.path).stem, "tracks": stack}
    return json.dumps(timeline, indent=1) + "\n"


def render_csv(source: Source, shots: Sequence[Shot]) -> str:
    """Return comma-separated values with a row for each shot: numbers from 1, frames, timecodes and seconds."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ("shot", "first_frame", "last_frame", "start_timecode", "end_timecode", "start_s", "end_s", "transition")
    )
    for n, shot in enumerate(shots, 1):
        times = source.time(shot.start), source.time(shot.stop)
        codes = [format_timecode(each, source.frame_rate) for each in times]
        seconds = [f"{float(each):.6f}" for each in times]
        writer.writerow((n, shot.start, shot.stop - 1, *codes, *seconds, shot.transition))
    return out.getvalue()


def _ascii(text: str) -> str:
    """Return a name for an EDL, whose readers know ASCII only."""
    return text.encode("ascii", errors="replace").decode()


_RENDERERS: dict[str, Callable[[Source, Sequence[Shot]], str]] = {
    ".csv": render_csv,
    ".edl": render_edl,
    ".otio": render_otio,
}
#: Suffixes of the formats.
EXPORT_SUFFIXES = tuple(_RENDERERS)
