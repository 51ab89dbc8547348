"""Artefacts named by the hash of what made them, whole or not there at all."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Store", "write_whole"]


def write_whole(path: Path, make: Callable[[Path], None]) -> None:
    """Make a file so that it appears under its name only when it is whole and on the disk.

    Parameters
    ----------
    path : Path
        The final name.
    make : callable
        Writes the file under the temporary sibling's name that it is given; the suffix is the same.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        make(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Store:
    """A folder of artefacts.

    Attributes
    ----------
    root : Path
        The folder; made when the first artefact is.
    """

    root: Path

    @classmethod
    def default(cls) -> Store:
        """Return the store of this user: `SHOTLADDER_STORE`, or a folder of the cache."""
        named = os.environ.get("SHOTLADDER_STORE")
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return cls((Path(named) if named else Path(cache) / "shotladder").absolute())

    def path(self, kind: str, recipe: Mapping[str, Any], suffix: str) -> Path:
        """Return where the artefact of a recipe is or would be.

        Parameters
        ----------
        kind : str
            What it is: probe, chunk, audio...
        recipe : mapping
            Everything that decides its content: source, frames, settings, versions of tools. JSON values only.
        suffix : str
            With the dot.
        """
        text = json.dumps({"kind": kind, **recipe}, sort_keys=True, separators=(",", ":"))
        name = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        return self.root / kind / name[:2] / (name + suffix)

    def read_json(self, kind: str, recipe: Mapping[str, Any]) -> Any | None:
        """Return a stored JSON artefact, or None if there is none."""
        try:
            return json.loads(self.path(kind, recipe, ".json").read_text())
        except FileNotFoundError:
            return None

    def write_json(self, kind: str, recipe: Mapping[str, Any], value: Any) -> None:
        """Store a JSON artefact."""
        write_whole(self.path(kind, recipe, ".json"), lambda path: _dump(path, value))


def _dump(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value))
