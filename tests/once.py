"""Folders that the processes of a test run share."""

import fcntl
from collections.abc import Callable
from pathlib import Path

import pytest

__all__ = ["make_once"]


def make_once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder that the first process of a test run fills while others wait; tests do not change it.

    Parameters
    ----------
    tmp_path_factory : pytest.TempPathFactory
    name : str
        Name of the folder, unique in all tests.
    make : callable
        Fills the empty folder that it takes. If it fails, the next process tries again in a new folder.
    """
    root = tmp_path_factory.getbasetemp()
    if root.name.startswith("popen-"):  # of a process of pytest-xdist, within the folder of the run
        root = root.parent
    with (root / f"{name}.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.seek(0)
        if finished := lock.read():
            return Path(finished)
        number = sum(path.name.startswith(f"{name}.made") for path in root.iterdir())
        folder = root / f"{name}.made{number}"
        folder.mkdir()
        make(folder)
        lock.write(str(folder))
    return folder
