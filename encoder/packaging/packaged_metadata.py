"""Count the dynamic metadata in the frames of a packaged track."""

from __future__ import annotations

import io
from pathlib import Path

import av

from encoder.dynamic_hdr.access_units import find_messages
from encoder.packaging.hls_media_playlist import PackagedTrack

__all__ = ["count_packaged_metadata"]


def count_packaged_metadata(folder: Path, track: PackagedTrack, family: str) -> tuple[int, int]:
    """Return how many frames of a clear track have an RPU of Dolby Vision, and how many have HDR10+ metadata.

    Parameters
    ----------
    folder : Path
        Folder of the presentation.
    track : PackagedTrack
    family : {"hevc", "av1"}
        Coding standard.
    """
    if track.offsets is not None:
        files = [(folder / track.urls[0]).read_bytes()]
    else:
        init = (folder / track.init).read_bytes()
        files = [init + (folder / url).read_bytes() for url in track.urls]
    rpus = messages = 0
    for file in files:
        with av.open(io.BytesIO(file)) as container:
            for packet in container.demux(video=0):
                rpu, found = find_messages(family, bytes(packet)) if packet.size else (b"", [])
                rpus, messages = rpus + bool(rpu), messages + bool(found)
    return rpus, messages
