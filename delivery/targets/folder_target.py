"""A folder of this machine as a target."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from delivery.targets.media_types import Headers
from delivery.targets.target import target_fault
from shotladder_runtime.store.atomic_file import atomic_write, delete_if_abandoned

__all__ = ["FolderTarget"]


class FolderTarget:
    """A folder; files are written under a temporary name, synchronised to the disk and renamed.

    Parameters
    ----------
    folder : Path
        It is created with the first file.
    """

    has_headers = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.location = str(folder)

    def is_empty(self, probes: Iterable[str]) -> bool:
        """Return whether the folder holds no files."""
        try:
            return not (self.folder.exists() and any(self.folder.iterdir()))
        except OSError as error:
            raise target_fault(self.location, error, "be read") from error

    def read(self, path: str) -> bytes | None:
        """Return the content of a small file, or None if it does not exist."""
        try:
            return (self.folder / path).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise target_fault(self.location, error, "be read") from error

    def find_sizes(self, paths: Iterable[str]) -> dict[str, int]:
        """Return the sizes in bytes of those of the files that exist."""
        found = {}
        try:
            for path in paths:
                file = self.folder / path
                if file.is_file():
                    found[path] = file.stat().st_size
        except OSError as error:
            raise target_fault(self.location, error, "be read") from error
        return found

    def put(self, content: Path | bytes, path: str, headers: Headers) -> None:
        """Store a file so that it appears only when it is complete, and verify its size."""
        size = len(content) if isinstance(content, bytes) else content.stat().st_size

        def make(part: Path) -> None:
            if isinstance(content, bytes):
                part.write_bytes(content)
            else:
                shutil.copyfile(content, part)
            if part.stat().st_size != size:
                raise OSError(f"{path} has {part.stat().st_size} bytes instead of {size}")

        try:
            atomic_write(self.folder / path, make)
        except OSError as error:
            raise target_fault(self.location, error, "be written") from error

    def delete(self, path: str) -> None:
        """Delete a file if it exists."""
        try:
            (self.folder / path).unlink(missing_ok=True)
        except NotADirectoryError:
            return
        except OSError as error:
            raise target_fault(self.location, error, "be written") from error

    def delete_leftovers(self, paths: Iterable[str]) -> None:
        """Delete unfinished uploads of killed processes, and folders of these files that are empty."""
        folders: dict[PurePosixPath, set[str]] = {}
        for path in map(PurePosixPath, paths):
            folders.setdefault(path.parent, set()).add(path.name)
        for folder, names in sorted(folders.items(), key=lambda item: -len(item[0].parts)):
            self._clean(self.folder / folder, names)
            for each in (folder, *folder.parents):
                if each.parts and not _remove_if_empty(self.folder / each):
                    break

    def _clean(self, folder: Path, names: set[str]) -> None:
        if not folder.is_dir():
            return
        for file in folder.iterdir():
            match = re.fullmatch(r"\.(.+)\.[0-9a-f]{8}(\.\w+)?", file.name)
            if match and match[1] + (match[2] or "") in names:
                delete_if_abandoned(file)


def _remove_if_empty(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return not folder.exists()
    return True
