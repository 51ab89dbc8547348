"""Repeat the segments of a packaged presentation, so that a short video plays for minutes without another encode."""

from __future__ import annotations

import json
import re
import shutil
import struct
from pathlib import Path
from xml.etree import ElementTree

__all__ = ["repeat_presentation"]

_NAMESPACE = "urn:mpeg:dash:schema:mpd:2011"
#: Boxes that contain the boxes to patch.
_CONTAINERS = (b"moof", b"traf", b"moov", b"trak", b"mdia")


def repeat_presentation(source: Path, target: Path, count: int) -> Path:
    """Write a presentation whose video and audio segments are those of another one, played `count` times in a row.

    Only the decode times in the segments and the manifests change; each copy of a segment has the same size. Subtitles
    and I-frame playlists are left out. Audio of each copy starts with its video.
    """
    target.mkdir(parents=True)
    document = json.loads((source / "presentation.json").read_text())
    period = sum(segment["duration"] for segment in document["segments"])
    tree = ElementTree.parse(source / "manifest.mpd")
    ElementTree.register_namespace("", _NAMESPACE)
    root = tree.getroot()
    root.set("mediaPresentationDuration", f"PT{period * count:.3f}S")
    for parent in root.iter(f"{{{_NAMESPACE}}}Period"):
        for chosen in list(parent):
            if chosen.get("contentType") not in ("video", "audio"):
                parent.remove(chosen)
    for template in root.iter(f"{{{_NAMESPACE}}}SegmentTemplate"):
        _repeat_track(template, source, target, period, count)
    tree.write(target / "manifest.mpd", xml_declaration=True, encoding="utf-8")
    _repeat_playlists(source, target, count)
    document = _repeat_document(document, period, count)
    (target / "presentation.json").write_text(json.dumps(document))
    return target


def _repeat_track(template: ElementTree.Element, source: Path, target: Path, period: float, count: int) -> None:
    """Copy the segments of a track and repeat its timeline."""
    pattern, init = template.get("media", ""), template.get("initialization", "")
    scale, first = int(template.get("timescale", "1")), int(template.get("startNumber", "1"))
    (target / init).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / init, target / init)
    (timeline,) = template.findall(f"{{{_NAMESPACE}}}SegmentTimeline")
    entries = [s for s in timeline for _ in range(int(s.get("r", "0")) + 1)]
    durations = [int(s.get("d", "0")) for s in entries]
    begin = int(entries[0].get("t", "0"))
    for s in list(timeline):
        timeline.remove(s)
    for copy in range(count):
        shift = round(copy * period * scale)
        time = begin + shift
        for n, duration in enumerate(durations):
            data = (source / _name(pattern, first + n)).read_bytes()
            number = first + copy * len(durations) + n
            (target / _name(pattern, number)).write_bytes(_shifted(data, shift, number))
            # the last segment of a copy ends where the next copy begins
            last = n + 1 == len(durations) and copy + 1 < count
            end = begin + round((copy + 1) * period * scale) if last else time + duration
            ElementTree.SubElement(timeline, f"{{{_NAMESPACE}}}S", {"t": str(time), "d": str(end - time)})
            time += duration


def _name(pattern: str, number: int) -> str:
    return re.sub(r"\$Number(%0\dd)?\$", lambda found: (found[1] or "%d") % number, pattern)


def _shifted(data: bytes, shift: int, number: int) -> bytes:
    """Return a segment that starts later by `shift` units of its track, without its `sidx` box."""
    out = bytearray(data)
    removed = []
    _patch(out, 0, len(out), shift, number, removed)
    for start, end in reversed(removed):
        del out[start:end]
    return bytes(out)


def _patch(out: bytearray, at: int, end: int, shift: int, number: int, removed: list[tuple[int, int]]) -> None:
    while at < end:
        size, kind = struct.unpack_from(">I4s", out, at)
        if kind in _CONTAINERS:
            _patch(out, at + 8, at + size, shift, number, removed)
        elif kind == b"tfdt":
            form = ">Q" if out[at + 8] else ">I"
            struct.pack_into(form, out, at + 12, struct.unpack_from(form, out, at + 12)[0] + shift)
        elif kind == b"mfhd":
            struct.pack_into(">I", out, at + 12, number)
        elif kind == b"sidx":
            removed.append((at, at + size))
        at += size


def _repeat_playlists(source: Path, target: Path, count: int) -> None:
    """Copy the master playlist without subtitles and I-frame playlists, and repeat the media playlists."""
    lines = (source / "master.m3u8").read_text().splitlines()
    kept = [line for line in lines if "TYPE=SUBTITLES" not in line and "I-FRAME-STREAM" not in line]
    master = "\n".join(re.sub(r',SUBTITLES="[^"]*"', "", line) for line in kept) + "\n"
    (target / "master.m3u8").write_text(master)
    names = set(re.findall(r'URI="([^"]+)"', master)) | {line for line in kept if line and not line.startswith("#")}
    for name in names:
        lines = (source / name).read_text().splitlines()
        first = next(n for n, line in enumerate(lines) if line.startswith("#EXTINF"))
        head = lines[:first]
        body = [line for line in lines[first:] if line != "#EXT-X-ENDLIST" and line]
        segments = [line for line in body if not line.startswith("#")]
        out = list(head)
        for copy in range(count):
            for line in body:
                if line.startswith("#"):
                    out.append(line)
                else:
                    number = int(re.findall(r"\d+", Path(line).stem)[-1]) + copy * len(segments)
                    out.append(re.sub(r"\d+(\.\w+)$", lambda found, n=number: f"{n:05d}{found[1]}", line))
        (target / name).write_text("\n".join([*out, "#EXT-X-ENDLIST"]) + "\n")


def _repeat_document(document: dict, period: float, count: int) -> dict:  # type: ignore[type-arg]
    """Return the fields of `presentation.json` that a session needs, with repeated segments."""

    def tracks(kind: str) -> list[dict]:  # type: ignore[type-arg]
        out = []
        for track in document[kind]:
            segments = track["segments"]
            repeated = []
            for copy in range(count):
                for n, segment in enumerate(segments):
                    number = copy * len(segments) + n + 1
                    url = re.sub(r"\d+(\.\w+)$", lambda found, n=number: f"{n:05d}{found[1]}", segment["url"])
                    shifted = {"start": segment["start"] + copy * period} if "start" in segment else {}
                    repeated.append({**segment, **shifted, "url": url})
            out.append({**track, "segments": repeated})
        return out

    segments = [
        {**segment, "start": segment["start"] + copy * period}
        for copy in range(count)
        for segment in document["segments"]
    ]
    # the size of the segments changes when a `sidx` box is removed; the reader of sizes looks at the files
    return {
        **document,
        "duration": period * count,
        "segments": segments,
        "video": tracks("video"),
        "audio": tracks("audio"),
        "text": [],
    }
