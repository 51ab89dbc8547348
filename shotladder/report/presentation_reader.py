"""The file `presentation.json`: its name, its version, and its reader, which accepts versions 1 and 2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from shotladder.report.presentation_format import Presentation
from shotladder_runtime.errors import DocumentError, ShotladderError
from shotladder_runtime.json_document import parse_json
from shotladder_runtime.regular_file import read_regular_file

__all__ = ["FORMAT_VERSION", "PRESENTATION", "RENAMED_KEYS", "PresentationFormatError", "load"]

#: Name of the file in the directory of a presentation.
PRESENTATION = "presentation.json"
#: Maximum size of the file, bytes; chosen by hand, as that of replay.
MAX_BYTES = 256 << 20
#: Version of the format that `encode` writes; `load` also reads version 1.
FORMAT_VERSION = 2


class PresentationFormatError(ShotladderError, ValueError):
    """A file is not a `presentation.json` that this version reads."""


def load(path: str | Path) -> Presentation:
    """Read a presentation that `encode` wrote.

    Parameters
    ----------
    path : str or Path
        Directory of the presentation, or its `presentation.json`, of format version 1 or 2.

    Returns
    -------
    Presentation
        Version 1 is converted to version 2.

    Raises
    ------
    PresentationFormatError
        If the file cannot be read, or does not have the structure of a presentation; names the place of the fault.
    """
    file = Path(path)
    if file.is_dir():
        file /= PRESENTATION
    try:
        document = parse_json(read_regular_file(file, MAX_BYTES), str(file))
    except OSError as error:
        raise PresentationFormatError(f"{file}: cannot be read ({error.strerror or error})") from error
    except DocumentError as error:
        raise PresentationFormatError(f"{file}: is not JSON ({error.location}: {error.problem})") from error
    except ValueError as error:
        raise PresentationFormatError(f"{file}: is not text ({error})") from error
    if not isinstance(document, dict) or document.get("version") not in (1, FORMAT_VERSION):
        raise PresentationFormatError(f"{file}: is not a presentation.json of version 1 or {FORMAT_VERSION}")
    try:
        return msgspec.convert(_upgrade(document) if document["version"] == 1 else document, Presentation)
    except msgspec.ValidationError as error:
        raise PresentationFormatError(f"{file}: {error}") from error


#: Keys of version 1 and what version 2 calls them, wherever they occur.
RENAMED_KEYS = {
    "mixed_frames": "transition_frames",
    "held": "active_constraints",
    "jump": "max_quality_step",
    "max_jump": "max_quality_step",
    "left_out": "skipped_tracks",
    "why": "reason",
    "buffer_seconds": "vbv_seconds",
    "buffer_rate": "vbv_bitrate",
    "buffer_bits": "vbv_bits",
    "remaining_loss_percent": "expected_excess_percent",
    "chunks_tried": "sampled_chunks",
}


def _upgrade(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document of version 1 in version 2; the two differ in the names of keys only."""

    def rename(value: Any) -> Any:
        if isinstance(value, dict):
            return {RENAMED_KEYS.get(key, key): rename(each) for key, each in value.items()}
        return [rename(each) for each in value] if isinstance(value, list) else value

    upgraded: dict[str, Any] = rename(document)
    return upgraded | {"version": FORMAT_VERSION}
