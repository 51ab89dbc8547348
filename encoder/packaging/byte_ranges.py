"""Move the ranges that manifests tell when the head of a track's file has grown."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["shift_ranges"]


def shift_ranges(manifest: Path, playlists: list[Path], file: str, grown: int) -> None:
    """Tell of a file whose initialisation has grown.

    Parameters
    ----------
    manifest : Path
        Of DASH.
    playlists : list of Path
        Media playlists of HLS that list ranges of this file alone.
    file : str
        Its name, as the manifests have it.
    grown : int
        Bytes that its initialisation has grown by; all that follows lies so much later.
    """

    def later(found: re.Match[str]) -> str:
        return f"{found[1]}{int(found[2]) + grown}"

    for playlist in playlists:
        text = re.sub(r"(#EXT-X-BYTERANGE:\d+@)(\d+)", later, playlist.read_text())
        playlist.write_text(re.sub(r'(#EXT-X-MAP:[^\n]*BYTERANGE=")(\d+)', later, text))

    def representation(found: re.Match[str]) -> str:
        text = re.sub(r'(Initialization range="\d+-)(\d+)', later, found[0])
        text = re.sub(r'(indexRange=")(\d+)', later, text)
        return re.sub(r'(indexRange="\d+-)(\d+)', later, text)

    pattern = rf"<BaseURL>{re.escape(file)}</BaseURL>.*?</Representation>"
    manifest.write_text(re.sub(pattern, representation, manifest.read_text(), flags=re.DOTALL))
