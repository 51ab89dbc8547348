"""Files of generated keys: in the user's data directory, outside of everything that is served."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from platformdirs import user_data_path

from encoder import ContentKey, load_keys
from shotladder import ShotladderError

__all__ = ["keys_file", "keys_of"]


def keys_file(key_id: str) -> Path:
    """Return the file of generated keys whose first key has this ID."""
    return user_data_path("shotladder", appauthor=False).absolute() / "keys" / f"{key_id}.json"


def keys_of(presentation: dict[str, Any], given: Path | None) -> tuple[ContentKey, ...]:
    """Return the keys of a presentation, from the given file or from the user's data directory.

    Parameters
    ----------
    presentation : dict
        Content of `presentation.json`.
    given : Path or None
        JSON file with keys; None for the keys that were generated with the presentation.

    Raises
    ------
    ShotladderError
        If there is no such file, or its keys belong to another presentation.
    """
    encryption = presentation.get("encryption")
    if not encryption:
        return ()
    key_ids = set(encryption["key_ids"].values())
    path = given or next((p for p in map(keys_file, sorted(key_ids)) if p.is_file()), None)
    if path is None:
        raise ShotladderError("the presentation is encrypted and its keys are not on this machine; pass --keys FILE")
    keys = load_keys(path)
    if not key_ids <= {key.key_id for key in keys}:
        raise ShotladderError(f"{path}: the keys belong to another presentation")
    return keys
