"""Names of renditions: the codec, the height and the average bitrate of the packaged segments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from encoder import Rendition, Source
from encoder.packaging.hls_media_playlist import PackagedTrack, read_media_playlist
from ladders import Ladder

__all__ = ["name_by_bitrate", "rename_renditions"]


def name_by_bitrate(source: Source, ladder: Ladder, bits: Iterable[int]) -> tuple[Rendition, ...]:
    """Return the renditions of a ladder, named by the bits of each."""
    rates = [round(each / float(source.duration)) for each in bits]
    rungs = tuple(replace(rung, rate=rate) for rung, rate in zip(ladder.rungs, rates, strict=True))
    return replace(ladder, rungs=rungs).renditions()


def rename_renditions(folder: Path, tracks: Sequence[PackagedTrack], names: Mapping[str, str]) -> list[PackagedTrack]:
    """Rename renditions in the files of a presentation and in its manifests.

    Segments are larger than the frames in them, and by how much is known only when they are packaged.

    Parameters
    ----------
    folder : Path
        Directory of the packaged files.
    tracks : sequence of PackagedTrack
        The tracks of the renditions.
    names : mapping of str to str
        New id of each rendition, by the id that it was packaged with.

    Returns
    -------
    list of PackagedTrack
        The same tracks with their new paths.
    """
    # ids stand after `video/`, `video/trick-`, `video_` or `iframe_`, and before `/`, `.mp4` or `.m3u8`
    pattern = re.compile(rf"(?<=[/_-])(?:{'|'.join(map(re.escape, names))})(?=[/.]|$)")

    def rename(text: str) -> str:
        return pattern.sub(lambda match: names[match[0]], text)

    manifests = [*folder.glob("*.mpd"), *folder.glob("*.m3u8")]
    for path in manifests:
        path.write_text(rename(path.read_text()))
    found = [path.relative_to(folder) for path in (*manifests, *(folder / "video").iterdir())]
    changed = [(path, Path(rename(f"/{path}")[1:])) for path in found]
    changed = [(old, new) for old, new in changed if old != new]
    # a new id may be the old id of another rendition
    for old, _ in changed:
        (folder / old).rename(folder / f"{old}.renamed")
    for old, new in changed:
        (folder / f"{old}.renamed").rename(folder / new)
    return [read_media_playlist(folder, rename(track.playlist)) for track in tracks]
