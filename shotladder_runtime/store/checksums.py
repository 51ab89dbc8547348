"""Checksums of artefacts: a small file beside each artefact contains its size, its hash and its name.

The name shows that nothing, for example the recovery of a disk, exchanged two artefacts together with their checksums.
In a folder, the file is written before the artefact, so that an artefact without a checksum is damaged. A file is
hashed once per run, again when its size, its inode or its modification time changes, and whenever it is fetched to be
read: a disk that decays changes no time.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import NamedTuple

from shotladder_runtime.store.atomic_file import atomic_write

__all__ = ["Checksum", "checksum_path", "describe", "forget", "is_intact", "measure", "parse", "remember", "write"]

#: Suffix of the file with the checksum, after the whole name of the artefact.
SUFFIX = ".sum"
#: Bytes of a hash. An accidental change is found unless the hashes are equal by chance (2**-128).
DIGEST_SIZE = 16
#: Size, hash and name of the artefact. Older stores have no names.
_LINE = re.compile(rf"(\d{{1,19}}) ([0-9a-f]{{{2 * DIGEST_SIZE}}})(?: (\S+))?\n")
#: Identity of each file when it was found intact: inode, size, modification time (ns).
_intact: dict[Path, tuple[int, int, int]] = {}


class Checksum(NamedTuple):
    """Size (bytes) and BLAKE2b hash (hex) of a file."""

    size: int
    digest: str


def checksum_path(path: Path) -> Path:
    """Return the path of the checksum of an artefact."""
    return path.with_name(path.name + SUFFIX)


def measure(path: Path) -> Checksum:
    """Return the checksum of the content of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=DIGEST_SIZE)).hexdigest()
        return Checksum(file.tell(), digest)


def describe(checksum: Checksum, name: str) -> str:
    """Return the content of the file with the checksum of an artefact of this name."""
    return f"{checksum.size} {checksum.digest} {name}\n"


def parse(content: bytes, name: str) -> Checksum | None:
    """Return the checksum that a file contains; None if it has another form or names another artefact."""
    match = _LINE.fullmatch(content.decode("ascii", "replace"))
    return Checksum(int(match[1]), match[2]) if match and match[3] in (None, name) else None


def write(path: Path, checksum: Checksum) -> None:
    """Write the checksum of an artefact; after a power cut it may be empty, and the artefact then counts as damaged."""
    atomic_write(checksum_path(path), lambda part: _write_text(part, checksum, path.name), is_durable=False)


def is_intact(path: Path, *, again: bool = False) -> bool:
    """Return whether an artefact can be read and has the size and the hash of its checksum.

    With `again`, it is hashed even if it was found intact before.
    """
    try:
        identity = _identify(path)
        if not again and _intact.get(path) == identity:
            return True
        expected = parse(checksum_path(path).read_bytes(), path.name)
        if expected is None or expected.size != identity[1] or expected != measure(path):
            return False
    except OSError:
        return False
    _intact[path] = identity
    return True


def remember(path: Path) -> None:
    """Record that this process has just written an artefact and its checksum."""
    _intact[path] = _identify(path)


def forget(root: Path) -> None:
    """Hash the artefacts of a store again when they are used next."""
    for path in [path for path in list(_intact) if path.is_relative_to(root)]:
        _intact.pop(path, None)


def _identify(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _write_text(path: Path, checksum: Checksum, name: str) -> None:
    path.write_text(describe(checksum, name), "ascii")
