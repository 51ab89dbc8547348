"""List the files that an HLS playlist on the disk names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

__all__ = ["PlaylistFiles", "list_playlist_files"]

#: Bytes of a playlist that are read (chosen by hand: days of segments).
MAX_BYTES = 16 << 20
#: Max number of files that a playlist names (chosen by hand: days of segments of 4 s).
MAX_FILES = 100_000
#: Levels of playlists: a master playlist names media playlists (RFC 8216, 4.3.4).
MAX_LEVELS = 2
#: Beginning of the URL of a local file (RFC 8089).
FILE_SCHEME = "file://"
_URI = re.compile(r'URI="([^"]+)"')


class PlaylistFiles(NamedTuple):
    """The files that a playlist names.

    Attributes
    ----------
    local : tuple of Path
        Sorted.
    has_remote : bool
        Whether it names files on servers.
    """

    local: tuple[Path, ...]
    has_remote: bool


def list_playlist_files(path: Path) -> PlaylistFiles:
    """Return the files that a playlist names, and those that these playlists name."""
    found: set[Path] = set()
    playlists, has_remote = {path}, False
    for _ in range(MAX_LEVELS):
        references = [(each.parent, name) for each in playlists for name in islice(_list_references(each), MAX_FILES)]
        is_remote = ["://" in name and not name.startswith(FILE_SCHEME) for _, name in references]
        has_remote = has_remote or any(is_remote)
        local = (_find_file(*each) for each, remote in zip(references, is_remote, strict=True) if not remote)
        named = {file for file in local if file is not None}
        playlists = {file for file in named - found if file.suffix.lower() in (".m3u8", ".m3u")}
        found |= named
    return PlaylistFiles(tuple(sorted(found)), has_remote)


def _list_references(playlist: Path) -> Iterator[str]:
    try:
        with playlist.open("rb") as file:
            text = file.read(MAX_BYTES).decode(errors="surrogateescape")
    except OSError:
        return
    for line in text.splitlines():
        if line.startswith("#"):
            yield from _URI.findall(line)
        elif line.strip():
            yield line.strip()


def _find_file(folder: Path, reference: str) -> Path | None:
    """Return the existing file of a reference; FFmpeg takes it as it is, with or without its query."""
    name = reference.removeprefix(FILE_SCHEME)
    for candidate in (name, name.partition("?")[0], unquote(name.partition("?")[0])):
        try:
            if (folder / candidate).is_file():
                return folder / candidate
        except (OSError, ValueError):
            continue
    return None
