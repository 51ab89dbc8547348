"""Identify the state of the files of a source, so that a later exchange or change of them is noticed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from encoder.media import container
from encoder.media.playlist_files import list_playlist_files
from shotladder_runtime import http_client
from shotladder_runtime.http_client import FileState

__all__ = ["FileStamp", "Stamp", "describe_unchecked", "read_stamp", "written_part"]


@dataclass(frozen=True, slots=True)
class FileStamp:
    """State of a file, and of the files that it names if it is a playlist.

    Attributes
    ----------
    size : int
        Bytes.
    modified, changed : int
        Times of the last change of the content and of the last change of the content, name or attributes, ns. A
        program can set the first one, but not the second one.
    inode : int
        Number of the file in its file system.
    segments, segment_changes : str
        Hashes of the same values of the named files: those that change with the content, and the times `changed`.
    """

    size: int
    modified: int
    changed: int
    inode: int
    segments: str = ""
    segment_changes: str = ""


#: Endings of the names of HLS playlists, whose segments are checked if they are on the disk.
_HLS = (".m3u8", ".m3u")

#: State of a local source, or of a source at a URL.
Stamp = FileStamp | FileState


def read_stamp(name: str) -> Stamp | None:
    """Return the state of the files of a source; None for a file that does not exist, or that no server describes."""
    if container.is_url(name):
        try:
            return http_client.read_state(name, container.TIME_LIMIT)
        except http_client.FAILURES:
            return None
    stamp = _read_file(Path(name))
    if stamp is None or not name.lower().endswith(_HLS):
        return stamp
    written, changed = hashlib.blake2b(digest_size=16), hashlib.blake2b(digest_size=16)
    for path in list_playlist_files(Path(name)).local:
        segment = _read_file(path)
        written.update(f"{path} {segment and written_part(segment)};".encode(errors="surrogateescape"))
        changed.update(f"{segment and segment.changed};".encode())
    return replace(stamp, segments=written.hexdigest(), segment_changes=changed.hexdigest())


def _read_file(path: Path) -> FileStamp | None:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return FileStamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def written_part(stamp: Stamp) -> tuple[object, ...]:
    """Return the part of a state that changes only when the content is written or exchanged."""
    if isinstance(stamp, FileState):
        # servers of one address may have different tags for the same file
        return stamp.size, stamp.modified
    return stamp.size, stamp.modified, stamp.inode, stamp.segments


def describe_unchecked(name: str, stamp: Stamp | None) -> tuple[str, ...]:
    """Return a note if changes of a source during a run are not noticed."""
    if container.is_playlist(name):
        is_checked = not container.is_url(name) and name.lower().endswith(_HLS)
        is_checked = is_checked and not list_playlist_files(Path(name)).has_remote
        return () if is_checked else ("its segments are not all checked for changes during a run",)
    if not container.is_url(name) or (isinstance(stamp, FileState) and (stamp.modified or stamp.tag)):
        return ()
    return ("the server states neither Last-Modified nor ETag; a change during a run is noticed by its size only",)
