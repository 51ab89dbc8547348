"""What a store holds, and what of it can go: the least recently used first, and nothing that a run needs now.

Only files whose names are of the store's own form are listed or deleted; links are never followed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from shotladder_runtime.store import locks, remote, store_layout
from shotladder_runtime.store.store import Store

__all__ = ["Artefact", "artefacts", "prune"]

#: What killed runs left half made goes after so long (s); what others put on a server stays as long, because no run
#: of another machine can be seen from here.
FRESH = 86_400.0


@dataclass(frozen=True, slots=True)
class Artefact:
    """One artefact, or what a killed run left of one.

    Attributes
    ----------
    kind : str
    name : str
        Relative to the store.
    size : int
        Bytes.
    used : float
        When it was last used, s since the epoch; at a URL, when it was put there.
    place : str
        The store's folder, or its URL without the password.
    is_whole : bool
        False for a file or a folder that was never finished.
    """

    kind: str
    name: str
    size: int
    used: float
    place: str
    is_whole: bool = True


#: Chooses what to delete of what was found. What was used since the first time is held, and what was left unfinished
#: since the second may still be written to (s since the epoch).
_Choice = Callable[[Sequence[Artefact], float, float], list[Artefact]]


def artefacts(store: Store) -> list[Artefact]:
    """Return what a store holds, at its URL if it has one, least recently used first.

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
    """Delete what was not used for long, then the least recently used until the rest is small enough.

    Parameters
    ----------
    store : Store
        The folder of a store with a URL holds copies; they go by the same rules.
    older_than : float, optional
        Seconds since the last use.
    max_size : int, optional
        Bytes that may stay.
    dry_run : bool
        Delete nothing.

    Returns
    -------
    list of Artefact
        What went, or would: copies and unfinished files as well.

    Raises
    ------
    StoreError
        If the folder or the URL holds files and is not a store; nothing is deleted then.

    Notes
    -----
    Runs on this machine, and on those that share the folder, hold what they have used since they began. At a
    URL nothing goes that was put there within a day; a run that misses an artefact makes it again.
    """
    now = time.time()

    def choose(found: Sequence[Artefact], held_since: float, written_since: float) -> list[Artefact]:
        whole = [artefact for artefact in found if artefact.is_whole]
        unfinished = [part for part in found if not part.is_whole and part.used < written_since]
        return _doomed(whole, now, older_than, max_size, held_since) + unfinished

    far = choose(_at_url(store.url), now - FRESH, now - FRESH) if store.url else []
    near = _prune_folder(store.root, choose, now, dry_run=dry_run)
    if store.url and not dry_run:
        for artefact in far:
            remote.delete(f"{store.url}/{artefact.name}")
    return near + far


def _doomed(
    found: Sequence[Artefact], now: float, older_than: float | None, max_size: int | None, held_since: float
) -> list[Artefact]:
    """Choose among artefacts, the least recently used of which comes first."""
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
    # nobody looks for an artefact meanwhile: what is chosen is not in use when it goes
    with locks.deleting(root):
        run = locks.oldest_run(root, forget_ended=not dry_run)
        held_since = now if run is None else run
        gone = choose(_in_folder(root), held_since, min(now, held_since) - FRESH)
        if not dry_run:
            for artefact in gone:
                _delete(root / artefact.name)
    return gone


def _delete(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if store_layout.is_chunk_folder(path.name):
            shutil.rmtree(path)
        else:
            path.unlink()


def _at_url(url: str) -> list[Artefact]:
    """Return what a store's URL holds, unfinished files too, the oldest first."""
    if not store_layout.is_far_store(url):
        return []
    found = []
    for file in remote.listed(url):
        if (whole := store_layout.is_artefact(file.name)) or store_layout.is_far_part(file.name):
            # what the server gives no time for counts as old if it is whole, else as new
            made = file.made if file.made is not None else 0.0 if whole else time.time()
            found.append(Artefact(_kind(file.name), file.name, file.size, made, remote.shown(url), is_whole=whole))
    return sorted(found, key=lambda artefact: (artefact.used, artefact.name))


def _in_folder(root: Path) -> list[Artefact]:
    """Return what a store's folder holds, unfinished files too, least recently used first."""
    found = []
    for entry in _entries(root) if store_layout.is_store(root) else ():
        if entry.is_dir(follow_symlinks=False):
            if store_layout.is_chunk_folder(entry.name):
                found += _found(root, entry, "chunk")
            elif store_layout.is_folder(entry.name):
                folders = (each for each in _entries(entry) if store_layout.is_folder(f"{entry.name}/{each.name}"))
                files = (file for folder in folders for file in _entries(folder))
                found += [artefact for file in files for artefact in _found(root, file, entry.name)]
        else:
            found += _found(root, entry, "store")
    return sorted(found, key=lambda artefact: (artefact.used, artefact.name))


def _found(root: Path, entry: os.DirEntry[str], kind: str) -> list[Artefact]:
    """Return an entry of a store's folder as an artefact; none if its name is not of the store's form."""
    name = Path(entry.path).relative_to(root).as_posix()
    is_whole, is_folder = store_layout.is_artefact(name), store_layout.is_chunk_folder(name)
    is_part = is_folder or store_layout.is_part(name) or store_layout.is_marker_part(name)
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
    used = locks.last_use(status) if is_whole else status.st_mtime
    return [Artefact(kind, name, size, used, str(root), is_whole=is_whole)]


def _entries(folder: Path | os.DirEntry[str]) -> Iterator[os.DirEntry[str]]:
    """Yield what is in a folder; nothing if it is a link, a file, or gone."""
    if isinstance(folder, os.DirEntry) and not folder.is_dir(follow_symlinks=False):
        return
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        yield from entries


def _kind(name: str) -> str:
    return name.split("/")[0] if "/" in name else "store"
