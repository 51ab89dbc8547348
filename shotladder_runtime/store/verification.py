"""Verify artefacts against their checksums before they are used; remove damaged ones, so that they are made again."""

from __future__ import annotations

import contextlib
from pathlib import Path

from shotladder_runtime.passwords import without_password
from shotladder_runtime.store import checksums, locks, remote
from shotladder_runtime.store.checksums import SUFFIX, Checksum, checksum_path
from shotladder_runtime.store.damage_log import log_damage

__all__ = ["delete", "download", "is_usable", "is_usable_at_url", "upload"]


def is_usable(root: Path, path: Path, *, again: bool = False) -> bool:
    """Return whether an artefact is in the folder of a store and intact; a damaged one is removed and logged.

    With `again`, it is hashed even if it was found intact before.
    """
    if not locks.mark_used(root, path):
        return False
    if checksums.is_intact(path, again=again):
        return True
    with locks.lock_for_deletion(root):
        # another run may have made it again since the first check
        if checksums.is_intact(path, again=again):
            return True
        log_damage(root, path.relative_to(root).as_posix())
        with contextlib.suppress(OSError):
            # a folder has no place here; one with files in it is kept, and the write to its name then fails
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
            checksum_path(path).unlink()
    return False


def is_usable_at_url(url: str, root: Path) -> bool:
    """Return whether an artefact at a URL has the size of its checksum; a truncated one is removed and logged."""
    expected = _read_checksum(url)
    if expected is None:
        return False
    size = remote.get_size(url)
    if size is not None and size != expected.size:
        _remove(url, root)
        return False
    return size is not None


def download(url: str, path: Path, root: Path) -> Checksum:
    """Download an artefact and return its checksum; a damaged one is removed from the URL and logged.

    Parameters
    ----------
    url : str
    path : Path
        File to write.
    root : Path
        Folder of the store with the local copies.

    Raises
    ------
    FileNotFoundError
        If the artefact is absent or damaged.
    """
    expected = _read_checksum(url)
    if expected is not None:
        remote.download(url, path)
        if checksums.measure(path) == expected:
            return expected
        _remove(url, root)
    raise FileNotFoundError(2, "this artefact is not in the store, or damaged", without_password(url))


def upload(path: Path, url: str, checksum: Checksum) -> None:
    """Upload an artefact, then its checksum; without one it counts as absent."""
    remote.upload(path, url)
    remote.write(checksums.describe(checksum, _name(url)).encode(), url + SUFFIX)


def delete(url: str) -> None:
    """Delete an artefact and its checksum."""
    remote.delete(url)
    remote.delete(url + SUFFIX)


def _read_checksum(url: str) -> Checksum | None:
    try:
        return checksums.parse(remote.read(url + SUFFIX), _name(url))
    except FileNotFoundError:
        return None


def _name(url: str) -> str:
    return url.rsplit("/", 1)[1]


def _remove(url: str, root: Path) -> None:
    log_damage(root, "/".join(url.rsplit("/", 3)[1:]))
    delete(url)
