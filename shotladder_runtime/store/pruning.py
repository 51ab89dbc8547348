"""List and prune the artefacts of a store.

The least recently used artefacts are deleted first, and artefacts in use by a run are kept. Only files whose names have
the form of a store are listed or deleted; links are never followed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from shotladder_runtime.passwords import without_password
from shotladder_runtime.store import locks, remote, store_layout
from shotladder_runtime.store.checksums import SUFFIX, checksum_path
from shotladder_runtime.store.store import Store

__all__ = ["Artefact", "list_artefacts", "prune"]

#: Seconds (one day, chosen by hand). Unfinished files of killed runs are deleted after this time. Files on a server are
#: kept at least as long, because the runs of other machines cannot be seen.
MIN_AGE = 86_400.0


@dataclass(frozen=True, slots=True)
class Artefact:
    """One artefact, or an unfinished file of a killed run.

    Attributes
    ----------
    kind : str
    name : str
        Relative to the store.
    size : int
        Bytes.
    used : float
        When it was last used, s since the epoch; at a URL, when it was uploaded.
    location : str
        The folder of the store, or its URL without user and password.
    is_whole : bool
        False for a file or a folder that was never finished.
    """

    kind: str
    name: str
    size: int
    used: float
    location: str
    is_whole: bool = True


#: Chooses the artefacts to delete. Artefacts used since the first time (s since the epoch) are kept; unfinished files
#: written since the second may still be in progress.
_Choice = Callable[[Sequence[Artefact], float, float], list[Artefact]]


def list_artefacts(store: Store) -> list[Artefact]:
    """Return the artefacts of a store, at its URL if it has one, least recently used first.

    Raises
    ------
    StoreError
        If the folder or the URL holds files and is not a store.
    """
    found = _at_url(store.url) if store.url else _in_folder(store.root)
    return [artefact for artefact in found if artefact.is_whole]


def prune(
    store: Store, *, older_than: float | None = None, max_size: int | None = None, dry_run: bool = False
) -> list[Artefact]:
    """Delete artefacts that were not used for long, then the least recently used until the rest is small enough.

    Parameters
    ----------
    store : Store
        If it has a URL, the local copies in its folder are pruned by the same rules.
    older_than : float, optional
        Seconds since the last use.
    max_size : int, optional
        Maximum size of the remaining artefacts, bytes.
    dry_run : bool
        Only return what would be deleted.

    Returns
    -------
    list of Artefact
        The deleted artefacts, local copies and unfinished files included.

    Raises
    ------
    StoreError
        If the folder or the URL holds files and is not a store. Nothing is deleted in that case.

    Notes
    -----
    Artefacts that were used since the oldest current run began are kept, for runs on this machine and on machines that
    share the folder. At a URL, artefacts uploaded within the last day are kept; a run that misses an artefact makes it
    again.
    """
    now = time.time()

    def choose(found: Sequence[Artefact], held_since: float, written_since: float) -> list[Artefact]:
        whole = [artefact for artefact in found if artefact.is_whole]
        unfinished = [part for part in found if not part.is_whole and part.used < written_since]
        return _choose_artefacts(whole, now, older_than, max_size, held_since) + unfinished

    remote_gone = choose(_at_url(store.url), now - MIN_AGE, now - MIN_AGE) if store.url else []
    local_gone = _prune_folder(store.root, choose, now, dry_run=dry_run)
    if store.url and not dry_run:
        for artefact in remote_gone:
            remote.delete(f"{store.url}/{artefact.name}")
            remote.delete(f"{store.url}/{artefact.name}{SUFFIX}")
    return local_gone + remote_gone


def _choose_artefacts(
    found: Sequence[Artefact], now: float, older_than: float | None, max_size: int | None, held_since: float
) -> list[Artefact]:
    """Return the artefacts to delete; `found` is sorted by the time of last use."""
    gone = []
    left = sum(artefact.size for artefact in found)
    for artefact in found:
        too_old = older_than is not None and artefact.used < now - older_than
        too_much = max_size is not None and left > max_size
        if (too_old or too_much) and artefact.used < held_since:
            gone.append(artefact)
            left -= artefact.size
    return gone


def _prune_folder(root: Path, choose: _Choice, now: float, *, dry_run: bool) -> list[Artefact]:
    if not store_layout.is_store(root):
        return []
    # lookups are blocked meanwhile, so that a chosen artefact cannot come into use before it is deleted
    with locks.lock_for_deletion(root):
        run = locks.find_oldest_run(root, forget_ended=not dry_run)
        held_since = now if run is None else run
        gone = choose(_in_folder(root), held_since, min(now, held_since) - MIN_AGE)
        if not dry_run:
            for artefact in gone:
                _delete(root / artefact.name)
    return gone


def _delete(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if store_layout.is_temporary_folder(path.name):
            shutil.rmtree(path)
        else:
            path.unlink()
            checksum_path(path).unlink()


def _at_url(url: str) -> list[Artefact]:
    """Return the artefacts and unfinished files at the URL of a store, oldest first."""
    if not store_layout.is_remote_store(url):
        return []
    found = []
    files = remote.list_files(url)
    names = {file.name for file in files}
    for file in files:
        whole = store_layout.is_artefact(file.name)
        if whole or store_layout.is_remote_part(file.name) or _is_orphan(file.name, names.__contains__):
            # without a time from the server, a complete file counts as old and an unfinished one as new
            made = file.made if file.made is not None else 0.0 if whole else time.time()
            found.append(Artefact(_kind(file.name), file.name, file.size, made, without_password(url), is_whole=whole))
    return sorted(found, key=lambda artefact: (artefact.used, artefact.name))


def _in_folder(root: Path) -> list[Artefact]:
    """Return the artefacts and unfinished files in the folder of a store, least recently used first."""
    found = []
    for entry in _entries(root) if store_layout.is_store(root) else ():
        if entry.is_dir(follow_symlinks=False):
            if store_layout.is_temporary_folder(entry.name):
                found += _as_artefacts(root, entry, "chunk")
            elif store_layout.is_folder(entry.name):
                folders = (each for each in _entries(entry) if store_layout.is_folder(f"{entry.name}/{each.name}"))
                files = (file for folder in folders for file in _entries(folder))
                found += [artefact for file in files for artefact in _as_artefacts(root, file, entry.name)]
        else:
            found += _as_artefacts(root, entry, "store")
    return sorted(found, key=lambda artefact: (artefact.used, artefact.name))


def _as_artefacts(root: Path, entry: os.DirEntry[str], kind: str) -> list[Artefact]:
    """Return an entry of the folder as an artefact; an empty list if its name does not have the form of a store."""
    name = Path(entry.path).relative_to(root).as_posix()
    is_whole, is_folder = store_layout.is_artefact(name), store_layout.is_temporary_folder(name)
    is_part = is_folder or store_layout.is_part(name) or store_layout.is_marker_part(name)
    is_part = is_part or _is_orphan(name, lambda other: (root / other).exists())
    has_type = entry.is_dir(follow_symlinks=False) if is_folder else entry.is_file(follow_symlinks=False)
    if not has_type or not (is_whole or is_part):
        return []
    try:
        status = entry.stat(follow_symlinks=False)
        size = (
            sum(file.stat(follow_symlinks=False).st_size for file in _entries(entry)) if is_folder else status.st_size
        )
    except FileNotFoundError:
        return []
    used = locks.get_last_use(status) if is_whole else status.st_mtime
    return [Artefact(kind, name, size, used, str(root), is_whole=is_whole)]


def _is_orphan(name: str, exists: Callable[[str], bool]) -> bool:
    """Return whether a name is that of a checksum without its artefact."""
    return store_layout.is_checksum(name) and not exists(name.removesuffix(SUFFIX))


def _entries(folder: Path | os.DirEntry[str]) -> Iterator[os.DirEntry[str]]:
    """Yield the entries of a folder; nothing if it is a link, a file, or no longer exists."""
    if isinstance(folder, os.DirEntry) and not folder.is_dir(follow_symlinks=False):
        return
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        yield from entries


def _kind(name: str) -> str:
    return name.split("/")[0] if "/" in name else "store"
