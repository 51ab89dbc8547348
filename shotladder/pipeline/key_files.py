"""Where keys that were made here are kept: with the user's data, outside of anything that is served."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from encoder import ContentKey, load_keys
from shotladder import ShotladderError

__all__ = ["keys_file", "keys_of"]


def keys_file(key_id: str) -> Path:
    """Return the file of the keys of which the first has this id."""
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data).absolute() / "shotladder" / "keys" / f"{key_id}.json"


def keys_of(presentation: dict[str, Any], given: Path | None) -> tuple[ContentKey, ...]:
    """Return the keys that a presentation needs: those of the given file, or those that were made with it.

    Raises
    ------
    ShotladderError
        If they are not there, or are those of another presentation.
    """
    encryption = presentation.get("encryption")
    if not encryption:
        return ()
    wanted = set(encryption["key_ids"].values())
    path = given or next((p for p in map(keys_file, sorted(wanted)) if p.is_file()), None)
    if path is None:
        raise ShotladderError("the presentation is encrypted, and its keys are not on this machine; name their --keys")
    keys = load_keys(path)
    if not wanted <= {key.key_id for key in keys}:
        raise ShotladderError(f"{path}: these are the keys of another presentation")
    return keys
