"""Layout of a store: the marker file that identifies it, and the names of its files.

The marker is a small file with the version of the layout. A folder or a URL without a marker becomes a store only if it
is empty. Nothing is written to other folders, and only files whose names have one of the forms below are deleted.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from pathlib import Path
from typing import Annotated

import msgspec

from shotladder_runtime.errors import StoreError
from shotladder_runtime.passwords import without_password
from shotladder_runtime.store import checksums, damage_log, locks, remote
from shotladder_runtime.store.atomic_file import atomic_write

__all__ = [
    "MARKER",
    "VERSION",
    "is_artefact",
    "is_checksum",
    "is_folder",
    "is_marker_part",
    "is_part",
    "is_remote_part",
    "is_remote_store",
    "is_store",
    "is_temporary_folder",
    "make_remote_store",
    "make_store",
    "restore_marker",
]

#: Name of the marker file.
MARKER = "shotladder-store.json"
#: The only key of the JSON document in the marker file; its value is the version.
KEY = "shotladder_store"
#: Version of the layout `<kind>/<2 hex>/<32 hex><suffix>`.
VERSION = 1

_KIND = r"[a-z][a-z-]*"
_FOLDER = _KIND + r"/([0-9a-f]{2})/"
#: The first two digits of a name are the name of its folder.
_NAME = r"\1[0-9a-f]{30}"
_SUFFIX = r"\.[a-z0-9]+"
#: Eight characters chosen by `tempfile`.
_RANDOM = r"[a-z0-9_]{8}"
_FOLDERS = re.compile(_KIND + r"(/[0-9a-f]{2})?")
_ARTEFACT = re.compile(_FOLDER + _NAME + _SUFFIX)
_CHECKSUM = re.compile(_FOLDER + _NAME + _SUFFIX + re.escape(checksums.SUFFIX))
#: Temporary files in the folder of the final name: `atomic_write` makes the first, `remote.upload` the second. Both
#: exist for artefacts and for checksums.
_PART = re.compile(_FOLDER + rf"\.{_NAME}({_SUFFIX})?\.{_RANDOM}{_SUFFIX}")
_REMOTE_PART = re.compile(_FOLDER + rf"\.{_NAME}{_SUFFIX}({re.escape(checksums.SUFFIX)})?\.[0-9a-f]{{8}}")
#: Folders in which chunks are encoded and stitched.
_TEMPORARY_FOLDER = re.compile(rf"\.(chunk|tracks)\.{_RANDOM}")
_MARKER_PART = re.compile(rf"\.shotladder-store\.{_RANDOM}\.json")
_REMOTE_MARKER_PART = re.compile(r"\.shotladder-store\.json\.[0-9a-f]{8}")
#: Files and folders beside the folders of artefacts.
_OTHER_NAMES = frozenset({locks.RUNS, locks.JOBS, locks.LOOKUP_LOCK, damage_log.LOG})


class _Marker(msgspec.Struct, rename={"version": KEY}):
    version: Annotated[int, msgspec.Meta(ge=1)]


def is_folder(name: str) -> bool:
    """Return whether a name, relative to the store, has the form of a folder of artefacts: `chunk`, or `chunk/ab`."""
    return _FOLDERS.fullmatch(name) is not None


def is_artefact(name: str) -> bool:
    """Return whether a name, relative to the store, has the form of an artefact."""
    return _ARTEFACT.fullmatch(name) is not None


def is_part(name: str) -> bool:
    """Return whether a name in the folder has the form of an artefact that is being written."""
    return _PART.fullmatch(name) is not None


def is_remote_part(name: str) -> bool:
    """Return whether a name at the URL has the form of an artefact or a marker that is being uploaded."""
    return (_REMOTE_PART.fullmatch(name) or _REMOTE_MARKER_PART.fullmatch(name)) is not None


def is_checksum(name: str) -> bool:
    """Return whether a name, relative to the store, has the form of the checksum of an artefact."""
    return _CHECKSUM.fullmatch(name) is not None


def is_temporary_folder(name: str) -> bool:
    """Return whether a name has the form of a folder in which chunks are being encoded or stitched."""
    return _TEMPORARY_FOLDER.fullmatch(name) is not None


def is_marker_part(name: str) -> bool:
    """Return whether a name in the folder has the form of a marker that is being written."""
    return _MARKER_PART.fullmatch(name) is not None


def is_store(root: Path) -> bool:
    """Return whether a folder is a store; an absent or empty folder is not a store yet.

    Raises
    ------
    StoreError
        If the folder holds other files, or is a store of a version that is not supported.
    """
    if _folder_is_marked(root):
        return True
    try:
        others = [path.name for path in root.iterdir() if not is_marker_part(path.name)]
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreError(f"{root}: cannot be read ({error.strerror})") from error
    # another run may have made the store since the first check: it writes the marker before everything else
    if not others or _folder_is_marked(root):
        return bool(others)
    raise _refusal(str(root), "folder")


def make_store(root: Path) -> None:
    """Make a folder a store, unless it already is one.

    Raises
    ------
    StoreError
        Under the conditions of `is_store`, or if the folder cannot be written.
    """
    if is_store(root):
        return
    try:
        atomic_write(root / MARKER, _write_marker)
    except OSError as error:
        raise StoreError(f"{root}: cannot be written ({error.strerror})") from error


def restore_marker(root: Path) -> None:
    """Write the marker of a store that was deleted while a run wrote to it, unless the folder has other files now."""
    if root.is_dir() and not _folder_is_marked(root) and _has_only_store_files(root):
        atomic_write(root / MARKER, _write_marker)


def is_remote_store(url: str) -> bool:
    """Return whether there is a store at a URL; see `is_store`."""
    if _url_is_marked(url):
        return True
    others = [name for name in remote.list_names(url) if not _REMOTE_MARKER_PART.fullmatch(name)]
    if not others or _url_is_marked(url):
        return bool(others)
    raise _refusal(without_password(url), "URL")


def make_remote_store(url: str) -> None:
    """Make a URL a store, unless it already is one; see `make_store`."""
    if is_remote_store(url):
        return
    with tempfile.TemporaryDirectory() as folder:
        marker = Path(folder) / MARKER
        _write_marker(marker)
        remote.upload(marker, f"{url}/{MARKER}")


def _write_marker(path: Path) -> None:
    path.write_text(json.dumps({KEY: VERSION}) + "\n")


def _refusal(location: str, kind: str) -> StoreError:
    return StoreError(f"{location}: is not empty, and is not a store (no {MARKER} in it); name a new or empty {kind}")


def _has_only_store_files(root: Path) -> bool:
    """Return whether every name in a folder has a form that is used in a store."""
    for kind in root.iterdir():
        if kind.name in _OTHER_NAMES or is_marker_part(kind.name) or is_temporary_folder(kind.name):
            continue
        if not is_folder(kind.name) or not kind.is_dir():
            return False
        for place, folders, files in os.walk(kind):
            above = Path(place).relative_to(root).as_posix()
            if not all(is_folder(f"{above}/{name}") for name in folders):
                return False
            if not all(_belongs_to_artefact(f"{above}/{name}") for name in files):
                return False
    return True


def _belongs_to_artefact(name: str) -> bool:
    return is_artefact(name) or is_checksum(name) or is_part(name)


def _folder_is_marked(root: Path) -> bool:
    path = root / MARKER
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return False
    except NotADirectoryError as error:
        raise StoreError(f"{root}: is a file; name a folder") from error
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror})") from error
    _check_version(str(root), content)
    return True


def _url_is_marked(url: str) -> bool:
    try:
        content = remote.read(f"{url}/{MARKER}")
    except FileNotFoundError:
        return False
    _check_version(without_password(url), content)
    return True


def _check_version(location: str, content: bytes) -> None:
    try:
        version = msgspec.json.decode(content, type=_Marker).version
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StoreError(
            f"{location}/{MARKER}: is damaged ({error}); "
            f"write {json.dumps({KEY: VERSION})} to it, or name another store"
        ) from None
    if version > VERSION:
        raise StoreError(
            f"{location}: is a store of version {version}; this shotladder supports up to version {VERSION}; "
            "use a newer shotladder, or name another store"
        )
