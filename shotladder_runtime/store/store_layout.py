"""How a store is told from other folders, and the names that it gives.

A store holds a marker, a small file with the version of its layout. A folder or a URL without one becomes a store only
if it is empty. Nothing is written to other folders, and nothing is deleted whose name is not of the forms below.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

from shotladder_runtime.errors import StoreError
from shotladder_runtime.store import remote
from shotladder_runtime.store.atomic_file import atomic_write

__all__ = [
    "MARKER",
    "VERSION",
    "is_artefact",
    "is_chunk_folder",
    "is_far_part",
    "is_far_store",
    "is_folder",
    "is_marker_part",
    "is_part",
    "is_store",
    "make_far_store",
    "make_store",
]

#: The file that makes a folder a store, and its only key.
MARKER, KEY = "shotladder-store.json", "shotladder_store"
#: Of the layout: `<kind>/<2 hex>/<32 hex><suffix>`.
VERSION = 1

_KIND = r"[a-z][a-z-]*"
_FOLDER = _KIND + r"/([0-9a-f]{2})/"
#: The first two digits of a name are its folder's.
_NAME = r"\1[0-9a-f]{30}"
_SUFFIX = r"\.[a-z0-9]+"
#: Eight characters that `tempfile` chooses.
_RANDOM = r"[a-z0-9_]{8}"
_FOLDERS = re.compile(_KIND + r"(/[0-9a-f]{2})?")
_ARTEFACT = re.compile(_FOLDER + _NAME + _SUFFIX)
#: Files beside their final names: `atomic_write` makes the first, `remote.upload` the second.
_PART = re.compile(_FOLDER + rf"\.{_NAME}\.{_RANDOM}{_SUFFIX}")
_FAR_PART = re.compile(_FOLDER + rf"\.{_NAME}{_SUFFIX}\.[0-9a-f]{{8}}")
_CHUNK_FOLDER = re.compile(rf"\.chunk\.{_RANDOM}")
_MARKER_PART = re.compile(rf"\.shotladder-store\.{_RANDOM}\.json")
_FAR_MARKER_PART = re.compile(r"\.shotladder-store\.json\.[0-9a-f]{8}")


def is_folder(name: str) -> bool:
    """Tell whether a name, relative to the store, is that of a folder of artefacts: `chunk`, or `chunk/ab`."""
    return _FOLDERS.fullmatch(name) is not None


def is_artefact(name: str) -> bool:
    """Tell whether a name, relative to the store, is an artefact's."""
    return _ARTEFACT.fullmatch(name) is not None


def is_part(name: str) -> bool:
    """Tell whether a name in the folder is that of an artefact that is being made."""
    return _PART.fullmatch(name) is not None


def is_far_part(name: str) -> bool:
    """Tell whether a name at the URL is that of an artefact, or of the marker, that is being sent."""
    return (_FAR_PART.fullmatch(name) or _FAR_MARKER_PART.fullmatch(name)) is not None


def is_chunk_folder(name: str) -> bool:
    """Tell whether a name is that of a folder in which a chunk is being encoded."""
    return _CHUNK_FOLDER.fullmatch(name) is not None


def is_marker_part(name: str) -> bool:
    """Tell whether a name in the folder is that of a marker that is being made."""
    return _MARKER_PART.fullmatch(name) is not None


def is_store(root: Path) -> bool:
    """Tell whether a folder is a store; one that is absent or empty is not one yet.

    Raises
    ------
    StoreError
        If it is something else, or a store that this version cannot read.
    """
    if _folder_is_marked(root):
        return True
    try:
        others = [path.name for path in root.iterdir() if not is_marker_part(path.name)]
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreError(f"{root}: cannot be read ({error.strerror})") from error
    # another run may have made the store meanwhile: its marker comes before everything else
    if not others or _folder_is_marked(root):
        return bool(others)
    raise _refused(str(root), "folder")


def make_store(root: Path) -> None:
    """Make a folder a store, if it is none yet.

    Raises
    ------
    StoreError
        As `is_store` does, or if the folder cannot be written.
    """
    if is_store(root):
        return
    try:
        atomic_write(root / MARKER, _write_marker)
    except OSError as error:
        raise StoreError(f"{root}: cannot be written ({error.strerror})") from error


def is_far_store(url: str) -> bool:
    """Tell whether there is a store at a URL; see `is_store`."""
    if _url_is_marked(url):
        return True
    others = [name for name in remote.names(url) if not _FAR_MARKER_PART.fullmatch(name)]
    if not others or _url_is_marked(url):
        return bool(others)
    raise _refused(remote.shown(url), "URL")


def make_far_store(url: str) -> None:
    """Make a URL a store, if it is none yet; see `make_store`."""
    if is_far_store(url):
        return
    with tempfile.TemporaryDirectory() as folder:
        marker = Path(folder) / MARKER
        _write_marker(marker)
        remote.upload(marker, f"{url}/{MARKER}")


def _write_marker(path: Path) -> None:
    path.write_text(json.dumps({KEY: VERSION}) + "\n")


def _refused(place: str, kind: str) -> StoreError:
    return StoreError(f"{place}: is not empty, and is not a store (it holds no {MARKER}); name a new or empty {kind}")


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
    _check_version(remote.shown(url), content)
    return True


def _check_version(place: str, content: bytes) -> None:
    try:
        version = json.loads(content)[KEY]
    except (ValueError, TypeError, LookupError):
        version = None
    if type(version) is not int or version < 1:
        raise StoreError(
            f"{place}/{MARKER}: is damaged; write {json.dumps({KEY: VERSION})} to it, or name another store"
        )
    if version > VERSION:
        raise StoreError(
            f"{place}: is a store of version {version}, and this shotladder knows {VERSION}; "
            "use a newer shotladder, or name another store"
        )
