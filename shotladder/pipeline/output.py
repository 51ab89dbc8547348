"""The folder that a run leaves: there as a whole, or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from shotladder import ShotladderError

__all__ = [
    "PRESENTATION",
    "OutputError",
    "atomic_directory",
    "check_file",
    "check_output",
    "files_below",
    "finished_as",
]

PRESENTATION = "presentation.json"


class OutputError(ShotladderError, OSError):
    """The output folder cannot be written, or holds something else."""


def finished_as(output: Path) -> str | None:
    """Return the fingerprint of the run that made a folder, or None if no finished run did."""
    try:
        made: object = json.loads((output / PRESENTATION).read_text()).get("request")
    except (OSError, ValueError, AttributeError):
        return None
    return made if isinstance(made, str) else None


def files_below(folder: Path) -> list[str]:
    """Return the names of all files in a folder, relative to it and sorted, as `presentation.json` lists them."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def check_output(output: Path, source: str, *, overwrite: bool) -> None:
    """Make sure, before any work, that the folder may be made.

    Raises
    ------
    OutputError
        If something else is there, or nothing can be written there.
    """
    if output.is_symlink():
        raise OutputError(f"{output}: is a link; name the folder itself")
    if output.exists() and not output.is_dir():
        raise OutputError(f"{output}: is a file; name a folder")
    if output.is_mount():
        raise OutputError(f"{output}: a mounted folder cannot be replaced; name a folder inside it")
    if output.is_dir() and any(output.iterdir()):
        if finished_as(output) is None:
            raise OutputError(f"{output}: is not empty, and holds no presentation; name another folder")
        if not overwrite:
            raise OutputError(f"{output}: is not empty; name another folder, or say --overwrite to replace it")
        if "://" not in source and Path(source).resolve().is_relative_to(output.resolve()):
            raise OutputError(f"{output}: holds the film itself; name another folder")
        _refuse_other_files(output)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{output.name}.", dir=output.parent):
            pass
    except OSError as error:
        raise OutputError(f"{output}: cannot be written ({error.strerror})") from error


def check_file(output: Path) -> None:
    """Make sure, before any work, that a file may be written.

    Raises
    ------
    OutputError
        If a folder is there, or nothing can be written there.
    """
    if output.is_dir():
        raise OutputError(f"{output}: is a folder; name a file")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=output.parent):
            pass
    except OSError as error:
        raise OutputError(f"{output}: cannot be written ({error.strerror})") from error


@contextmanager
def atomic_directory(output: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield an empty sibling folder that takes the output's name when the block ends well.

    A presentation that was there before is replaced only then, and only when that is asked for. If the folder then
    holds anything that the presentation does not list, it stays as it is.
    """
    building = Path(tempfile.mkdtemp(prefix=f".{output.name}.", dir=output.parent))
    try:
        yield building
        building.chmod(0o755)
        if overwrite and output.exists():
            _swap(building, output)
        else:
            # an empty folder gives way; one that has been filled meanwhile does not
            building.replace(output)
    except OSError as error:
        raise OutputError(f"{output}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _swap(building: Path, output: Path) -> None:
    """Put a new folder in the place of an old one, of which the listed files are deleted when the new one is there."""
    _refuse_other_files(output)
    old = Path(tempfile.mkdtemp(prefix=f".{output.name}.old.", dir=output.parent)) / output.name
    try:
        output.replace(old)
        try:
            building.replace(output)
        except OSError:
            old.replace(output)
            raise
        _delete_listed(old)
    finally:
        # what was put there in the last moment, or cannot be deleted, stays
        with contextlib.suppress(OSError):
            old.parent.rmdir()
    if old.exists():
        raise OutputError(
            f"{output}: is replaced, but not all of the old folder could be deleted; the rest is in {old}"
        )


def _listed(output: Path) -> frozenset[str]:
    """Return the names of the files that a presentation says its run has written."""
    try:
        names: object = json.loads((output / PRESENTATION).read_text()).get("files")
    except (OSError, ValueError, AttributeError):
        names = None
    return frozenset(name for name in names if isinstance(name, str)) if isinstance(names, list) else frozenset()


def _refuse_other_files(output: Path) -> None:
    """Raise an `OutputError` if a folder holds anything but the files that its presentation lists."""
    listed = _listed(output)
    parents = {parent.as_posix() for name in listed for parent in PurePosixPath(name).parents}
    for folder, is_folder, name in _walk(output):
        relative = (folder / name).relative_to(output).as_posix()
        if relative not in (parents if is_folder else listed):
            raise OutputError(
                f"{output}: holds {relative}, which its presentation does not list; "
                "move that elsewhere, or name another folder"
            )


def _delete_listed(old: Path) -> None:
    """Delete the files that a presentation lists, and the folders that are empty then; follow no links."""
    listed = _listed(old)
    for folder, is_folder, name in _walk(old):
        if is_folder:
            # one that is not empty stays
            with contextlib.suppress(OSError):
                (folder / name).rmdir()
        elif (folder / name).relative_to(old).as_posix() in listed:
            with contextlib.suppress(OSError):
                (folder / name).unlink()
    with contextlib.suppress(OSError):
        old.rmdir()


def _walk(top: Path) -> Iterator[tuple[Path, bool, str]]:
    """Yield all that is below a folder, folders after what they hold: its folder, whether it is a folder, its name.

    A link is no folder, wherever it leads.
    """

    def fail(error: OSError) -> None:
        raise error

    for folder, folders, files in os.walk(top, topdown=False, onerror=fail):
        yield from ((Path(folder), False, name) for name in files)
        yield from ((Path(folder), not (Path(folder) / name).is_symlink(), name) for name in folders)
