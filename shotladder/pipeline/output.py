"""The output directory: written as a whole or not at all, and replaced only if it is a presentation."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from shotladder import ShotladderError
from shotladder.report.presentation_format import Presentation
from shotladder.report.presentation_reader import PRESENTATION
from shotladder_runtime.store.atomic_file import delete_if_abandoned
from shotladder_runtime.temporary_folder import abandoned_folders, delete_abandoned, locked_folder, temporary_folder

__all__ = [
    "PRESENTATION",
    "OutputError",
    "atomic_directory",
    "check_file",
    "check_output",
    "clean_after_killed_runs",
    "completed_request",
    "files_below",
    "require_intact",
]


_MAKE_AGAIN = "make it again from the stored encodes with --overwrite"
#: Name of the lock file beside a directory that is being replaced.
_REPLACED = ".shotladder-replaced"


class OutputError(ShotladderError, OSError):
    """The output directory cannot be written, or contains something else."""


def completed_request(output: Path) -> str | None:
    """Return the hash of the request that a completed run wrote to a directory, or None without such a run."""
    try:
        request: object = json.loads((output / PRESENTATION).read_text()).get("request")
    except (OSError, ValueError, AttributeError, RecursionError):
        return None
    return request if isinstance(request, str) else None


def files_below(folder: Path) -> list[str]:
    """Return the paths of all files in a directory, relative to it and sorted, as `presentation.json` lists them."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def require_intact(output: Path, presentation: Presentation) -> None:
    """Check that a finished presentation has all of its files, none empty, and segments of the sizes that it lists.

    Raises
    ------
    OutputError
        If it has not; names the file.
    """
    # one file with all segments of a track contains other data as well
    sizes: Counter[str] = Counter()
    video = ((segment.url, segment.bytes) for rung in presentation.video for segment in rung.segments)
    audio = ((segment.url, segment.bytes) for track in presentation.audio for segment in track.segments)
    for url, size in (*video, *audio):
        sizes[url] += size
    for name in presentation.files:
        try:
            found = (output / name).stat().st_size
        except OSError as error:
            raise OutputError(f"{output}: is damaged: {name}: {error.strerror}; {_MAKE_AGAIN}") from None
        if found < max(sizes[name], 1):
            raise OutputError(f"{output}: is damaged: {name} has {found} bytes; {_MAKE_AGAIN}")


def check_output(output: Path, source: str, *, overwrite: bool) -> None:
    """Check, before any work, that the output directory can be written, and delete what killed runs left beside it.

    Raises
    ------
    OutputError
        If it contains something else, or cannot be written.
    """
    if output.is_symlink():
        raise OutputError(f"{output}: is a symbolic link; name the directory itself")
    clean_after_killed_runs(output)
    if output.exists() and not output.is_dir():
        raise OutputError(f"{output}: is a file; name a directory")
    if output.is_mount():
        raise OutputError(f"{output}: a mount point cannot be replaced; name a directory inside it")
    if output.is_dir() and any(output.iterdir()):
        if completed_request(output) is None:
            raise OutputError(f"{output}: is not empty and contains no presentation; name another directory")
        if not overwrite:
            raise OutputError(
                f"{output}: is not empty; name another directory, or use --overwrite to replace the presentation"
            )
        if "://" not in source and Path(source).resolve().is_relative_to(output.resolve()):
            raise OutputError(f"{output}: contains the source itself; name another directory")
        _refuse_other_files(output)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with temporary_folder(output.parent, f".{output.name}."):
            pass
    except OSError as error:
        raise OutputError(f"{output}: cannot be written ({error.strerror})") from error


def check_file(output: Path) -> None:
    """Check, before any work, that a file can be written, and delete what killed runs left of it.

    Raises
    ------
    OutputError
        If it is a directory, or cannot be written.
    """
    if output.is_dir():
        raise OutputError(f"{output}: is a directory; name a file")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        for unfinished in output.parent.glob(
            f".{glob.escape(output.stem)}.{'[0-9a-f]' * 8}{glob.escape(output.suffix)}"
        ):
            delete_if_abandoned(unfinished)
        with tempfile.TemporaryFile(dir=output.parent):
            pass
    except OSError as error:
        raise OutputError(f"{output}: cannot be written ({error.strerror})") from error


@contextmanager
def atomic_directory(output: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield an empty sibling directory, and rename it to the output when the block succeeds.

    An existing presentation is replaced only then, and only with `overwrite`. If its directory by then contains a file
    that the presentation does not list, nothing is replaced.
    """
    try:
        with temporary_folder(output.parent, f".{output.name}.") as private:
            # the permissions of a new directory follow the umask
            building = private / "new"
            building.mkdir()
            yield building
            if overwrite and output.exists():
                _swap(building, output)
            else:
                # rename replaces an empty directory, and fails for one that was filled in the meantime
                building.replace(output)
    except OSError as error:
        raise OutputError(f"{output}: {error.strerror or error}") from error


def _swap(building: Path, output: Path) -> None:
    """Replace an old directory by a new one, then delete the listed files of the old one."""
    _refuse_other_files(output)
    # a file that appeared at the last moment, or that cannot be deleted, is kept, and then the folder with it
    with locked_folder(output.parent, f".{output.name}.old.", _REPLACED) as folder:
        old = folder / output.name
        output.replace(old)
        try:
            building.replace(output)
        except OSError:
            old.replace(output)
            raise
        _delete_listed(old)
    if old.exists():
        raise OutputError(
            f"{output}: is replaced, but the old directory could not be deleted completely; the rest is in {old}"
        )


def clean_after_killed_runs(output: Path) -> None:
    """Delete the unfinished directories of killed runs beside an output; finish or undo a replacement of it."""
    delete_abandoned(output.parent, r"\..+\.", with_empty=False)
    delete_abandoned(output.parent, re.escape(f".{output.name}."))
    for folder in abandoned_folders(output.parent, re.escape(f".{output.name}.old."), _REPLACED):
        old = folder / output.name
        if not output.exists() and old.is_dir():
            old.replace(output)
        elif old.is_dir():
            _delete_listed(old)
        (folder / _REPLACED).unlink(missing_ok=True)
        # what the presentation does not list is kept
        with contextlib.suppress(OSError):
            folder.rmdir()


def _listed(output: Path) -> frozenset[str]:
    """Return the paths of the files that a presentation lists."""
    try:
        names: object = json.loads((output / PRESENTATION).read_text()).get("files")
    except (OSError, ValueError, AttributeError, RecursionError):
        names = None
    return frozenset(name for name in names if isinstance(name, str)) if isinstance(names, list) else frozenset()


def _refuse_other_files(output: Path) -> None:
    """Raise `OutputError` if a directory contains anything except the files that its presentation lists."""
    listed = _listed(output)
    parents = {parent.as_posix() for name in listed for parent in PurePosixPath(name).parents}
    for folder, is_folder, name in _walk(output):
        relative = (folder / name).relative_to(output).as_posix()
        if relative not in (parents if is_folder else listed):
            raise OutputError(
                f"{output}: contains {relative}, which its presentation does not list; "
                "move that file, or name another directory"
            )


def _delete_listed(old: Path) -> None:
    """Delete the files that a presentation lists, and the directories that are then empty; follow no links."""
    listed = _listed(old)
    for folder, is_folder, name in _walk(old):
        if (folder / name) == old / PRESENTATION:
            continue
        if is_folder:
            # a directory that is not empty is kept
            with contextlib.suppress(OSError):
                (folder / name).rmdir()
        elif (folder / name).relative_to(old).as_posix() in listed:
            with contextlib.suppress(OSError):
                (folder / name).unlink()
    # the list itself is deleted last, so that the next run can go on if this one is killed
    with contextlib.suppress(OSError):
        if PRESENTATION in listed:
            (old / PRESENTATION).unlink(missing_ok=True)
        old.rmdir()


def _walk(top: Path) -> Iterator[tuple[Path, bool, str]]:
    """Yield every entry below a directory, contents first: its parent, whether it is a directory, its name.

    A symbolic link counts as a file, also if it leads to a directory.
    """

    def fail(error: OSError) -> None:
        raise error

    for folder, folders, files in os.walk(top, topdown=False, onerror=fail):
        yield from ((Path(folder), False, name) for name in files)
        yield from ((Path(folder), not (Path(folder) / name).is_symlink(), name) for name in folders)
