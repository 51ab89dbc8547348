"""The folder that a run leaves: there as a whole, or not at all."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shotladder import ShotladderError

__all__ = ["PRESENTATION", "OutputError", "check_file", "check_output", "finished_as", "whole_folder"]

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


def check_output(output: Path, source: str, *, overwrite: bool) -> None:
    """Make sure, before any work, that the folder may be made.

    Raises
    ------
    OutputError
        If something else is there, or nothing can be written there.
    """
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
def whole_folder(output: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield an empty sibling folder that takes the output's name when the block ends well.

    What was there before is replaced only then, and only when that is asked for.
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
    """Put a new folder in the place of an old one, which is deleted when the new one is there."""
    old = Path(tempfile.mkdtemp(prefix=f".{output.name}.old.", dir=output.parent)) / output.name
    output.replace(old)
    try:
        building.replace(output)
    except OSError:
        old.replace(output)
        raise
    finally:
        shutil.rmtree(old.parent, ignore_errors=True)
