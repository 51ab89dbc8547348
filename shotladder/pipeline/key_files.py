"""Files of generated keys: in the user's data directory, outside of everything that is served."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
from platformdirs import user_data_path

from encoder import ContentKey, load_keys
from shotladder import ShotladderError
from shotladder.report.presentation_reader import PRESENTATION
from shotladder_runtime.json_document import check_structure

__all__ = ["keys_file", "keys_of"]


def keys_file(key_id: str) -> Path:
    """Return the file of generated keys whose first key has this ID."""
    return user_data_path("shotladder", appauthor=False).absolute() / "keys" / f"{key_id}.json"


class _Encryption(msgspec.Struct):
    key_ids: dict[str, Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}$")]]


class _Document(msgspec.Struct):
    """The part of `presentation.json` that names the keys."""

    encryption: _Encryption | None = None


def keys_of(presentation: Any, given: Path | None, file: str = PRESENTATION) -> tuple[ContentKey, ...]:
    """Return the keys of a presentation, from the given file or from the user's data directory.

    Parameters
    ----------
    presentation
        Content of `presentation.json`, as `parse_json` returns it.
    given : Path or None
        JSON file with keys; None for the keys that were generated with the presentation.
    file : str
        Path of `presentation.json`, for messages.

    Raises
    ------
    DocumentError
        If the presentation does not describe its encryption as `encode` does.
    ShotladderError
        If there is no such file, or its keys belong to another presentation.
    """
    encryption = check_structure(presentation, _Document, file).encryption
    if encryption is None:
        return ()
    key_ids = set(encryption.key_ids.values())
    path = given or next((p for p in map(keys_file, sorted(key_ids)) if p.is_file()), None)
    if path is None:
        raise ShotladderError("the presentation is encrypted and its keys are not on this machine; pass --keys FILE")
    keys = load_keys(path)
    if not key_ids <= {key.key_id for key in keys}:
        raise ShotladderError(f"{path}: the keys belong to another presentation")
    return keys
