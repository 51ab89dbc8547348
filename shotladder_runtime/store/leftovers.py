"""Delete what killed runs left unfinished in the folder of a store."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from shotladder_runtime.store import locks, store_layout
from shotladder_runtime.store.atomic_file import delete_if_abandoned
from shotladder_runtime.temporary_folder import delete_abandoned

__all__ = ["delete_leftovers", "delete_own_leftovers"]


def delete_leftovers(root: Path) -> int | None:
    """Delete temporary folders and files that no process uses, and return their number.

    Unfinished artefacts are searched only if a run or a worker was killed; otherwise the result is None.
    """
    # a worker of a cluster that was killed leaves a folder, while its run goes on and ends as usual
    count = _delete_folders(root)
    if not count and not locks.has_killed_run(root):
        return None
    count += _delete_parts(root)
    # a run that begins now locks its file while it blocks deletion
    with locks.lock_for_deletion(root):
        locks.find_oldest_run(root, forget_ended=True)
    return count


def delete_own_leftovers(root: Path, *, has_failed: bool) -> None:
    """Delete what the jobs of a run that ends could not delete, because the store was absent or read-only meanwhile.

    Unfinished artefacts are searched only if the run failed or left a folder.
    """
    with contextlib.suppress(OSError):
        if _delete_folders(root) or has_failed:
            _delete_parts(root)


def _delete_folders(root: Path) -> int:
    locks.delete_unlocked_jobs(root)
    return delete_abandoned(root, r"\.(chunk|tracks)\.")


def _delete_parts(root: Path) -> int:
    return sum(delete_if_abandoned(path) for path in _list_parts(root))


def _list_parts(root: Path) -> Iterator[Path]:
    """Yield the unfinished files of artefacts and checksums; links are not followed."""
    for kind in _folders(root, ""):
        for folder in _folders(root, f"{kind}/"):
            with os.scandir(root / folder) as entries:
                yield from (root / folder / e.name for e in entries if store_layout.is_part(f"{folder}/{e.name}"))


def _folders(root: Path, above: str) -> list[str]:
    with os.scandir(root / above) as entries:
        names = [f"{above}{entry.name}" for entry in entries if entry.is_dir(follow_symlinks=False)]
    return [name for name in names if store_layout.is_folder(name)]
