"""What a store holds, and what of it can go: the least recently used first, and nothing that a run needs now."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from encoder import leases, remote
from encoder.store import Store

__all__ = ["Artefact", "artefacts", "prune"]

#: What killed runs left half made goes after so long (s); what others put on a server stays as long, because no run
#: of another machine can be seen from here.
FRESH = 86_400.0


@dataclass(frozen=True, slots=True)
class Artefact:
    """One artefact: kind, name in the store, bytes, and when it was last used (s since the epoch).

    What a server holds was last used when it was put there, for all that it tells.
    """

    kind: str
    name: str
    size: int
    used: float


def artefacts(store: Store) -> list[Artefact]:
    """Return what a store holds, at its URL if it has one, least recently used first."""
    if store.url:
        listed = [(found.name, found.size, found.made or 0.0) for found in remote.listed(store.url)]
    else:
        listed = list(_files(store.root))
    found = [
        Artefact(name.split("/")[0], name, size, used)
        for name, size, used in listed
        # locks and parts begin with a dot
        if name.count("/") == 2 and not name.startswith(".") and not name.rsplit("/", 1)[1].startswith(".")
    ]
    return sorted(found, key=lambda artefact: (artefact.used, artefact.name))


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
        What went, or would.

    Notes
    -----
    Runs on this machine, and on those that share the folder, hold what they have used since they began. At a
    URL nothing goes that was put there within a day; a run that misses an artefact makes it again.
    """
    now = time.time()

    def doomed(found: Sequence[Artefact], held_since: float) -> list[Artefact]:
        return _doomed(found, now, older_than, max_size, held_since)

    gone = _prune_folder(Store(store.root), doomed, now, dry_run=dry_run)
    if store.url is None:
        return gone
    gone = doomed(artefacts(store), now - FRESH)
    if not dry_run:
        _delete_far(store.url, (artefact.name for artefact in gone))
        parts = (f for f in remote.listed(store.url) if f.name.rsplit("/", 1)[-1].startswith("."))
        _delete_far(store.url, (part.name for part in parts if (part.made or now) < now - FRESH))
    return gone


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


def _prune_folder(
    store: Store, doomed: Callable[[Sequence[Artefact], float], list[Artefact]], now: float, *, dry_run: bool
) -> list[Artefact]:
    if not store.root.is_dir():
        return []
    # nobody looks for an artefact meanwhile: what is chosen is not in use when it goes
    with leases.deleting(store.root):
        run = leases.oldest_run(store.root)
        gone = doomed(artefacts(store), now if run is None else run)
        if not dry_run:
            for artefact in gone:
                (store.root / artefact.name).unlink(missing_ok=True)
            for part in _parts(store.root):
                with contextlib.suppress(FileNotFoundError):
                    if part.stat().st_mtime < min(now, run or now) - FRESH:
                        shutil.rmtree(part) if part.is_dir() else part.unlink()
    return gone


def _files(root: Path) -> Iterable[tuple[str, int, float]]:
    for path in root.glob("*/*/*"):
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        yield path.relative_to(root).as_posix(), status.st_size, leases.last_use(status)


def _parts(root: Path) -> list[Path]:
    """Return what was being made: files beside their final names, and folders of chunks."""
    return [*root.glob("*/*/.*"), *root.glob(".chunk.*")]


def _delete_far(url: str, names: Iterable[str]) -> None:
    for name in names:
        remote.delete(f"{url}/{name}")
