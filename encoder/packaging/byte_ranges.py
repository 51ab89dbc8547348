"""Correct the byte ranges in manifests after the initialisation of a track's file has grown."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["shift_byte_ranges"]


def shift_byte_ranges(manifest: Path, playlists: list[Path], file: str, added: int) -> None:
    """Shift the byte ranges of a file whose initialisation has grown.

    Parameters
    ----------
    manifest : Path
        DASH manifest.
    playlists : list of Path
        HLS media playlists that list ranges of this file only.
    file : str
        Name of the file in the manifests.
    added : int
        Bytes by which the initialisation has grown; all later ranges are shifted by this number.
    """

    def shift(match: re.Match[str]) -> str:
        return f"{match[1]}{int(match[2]) + added}"

    for playlist in playlists:
        text = re.sub(r"(#EXT-X-BYTERANGE:\d+@)(\d+)", shift, playlist.read_text())
        playlist.write_text(re.sub(r'(#EXT-X-MAP:[^\n]*BYTERANGE=")(\d+)', shift, text))

    def shift_representation(match: re.Match[str]) -> str:
        text = re.sub(r'(Initialization range="\d+-)(\d+)', shift, match[0])
        text = re.sub(r'(indexRange=")(\d+)', shift, text)
        return re.sub(r'(indexRange="\d+-)(\d+)', shift, text)

    pattern = rf"<BaseURL>{re.escape(file)}</BaseURL>.*?</Representation>"
    manifest.write_text(re.sub(pattern, shift_representation, manifest.read_text(), flags=re.DOTALL))
