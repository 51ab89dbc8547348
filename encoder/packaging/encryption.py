"""Common encryption (ISO/IEC 23001-7) with raw keys: where keys come from, and how the packager is told them."""

from __future__ import annotations

import json
import os
import re
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from encoder.errors import KeyFileError

__all__ = ["PROTECTION_SCHEMES", "ContentKey", "Encryption", "load_keys", "new_keys", "packager_flags", "save_keys"]

#: cbcs is the one that FairPlay, Widevine and PlayReady all read; cenc is for devices older than 2018 or so.
PROTECTION_SCHEMES = ("cbcs", "cenc")
#: What a key is for, as Shaka Packager labels tracks: by kind, and pictures also by size.
VIDEO_LABELS = ("SD", "HD", "UHD1", "UHD2")
LABELS = ("AUDIO", "VIDEO", *VIDEO_LABELS)
_HEX = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class ContentKey:
    """A key (hex) with its public id (hex), for tracks of one label; it never shows itself."""

    label: str
    key_id: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Encryption:
    """How a presentation is encrypted.

    Attributes
    ----------
    scheme : str
        One of `PROTECTION_SCHEMES`.
    keys : tuple of ContentKey
        For sound, and for pictures of every size.
    key_uri : str or None
        Where FairPlay asks for its key, in HLS; None for `skd://` and the key's id.
    clear_lead : float
        Seconds at the start that stay in the clear, in whole segments.
    """

    scheme: str
    keys: tuple[ContentKey, ...]
    key_uri: str | None = None
    clear_lead: float = 0.0


def new_keys() -> tuple[ContentKey, ...]:
    """Return random keys, one for sound and one for pictures."""
    return tuple(ContentKey(label, secrets.token_hex(16), secrets.token_hex(16)) for label in ("VIDEO", "AUDIO"))


def save_keys(keys: tuple[ContentKey, ...], path: Path) -> None:
    """Write a new file of keys that only its owner may read.

    Raises
    ------
    FileExistsError
        If there is one: keys are never written over.
    """
    document = {"keys": [{"label": k.label, "key_id": k.key_id, "key": k.key} for k in keys]}
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(json.dumps(document, indent=1) + "\n")
        file.flush()
        os.fsync(file.fileno())


def load_keys(path: str | Path) -> tuple[ContentKey, ...]:
    """Read a file of keys.

    Parameters
    ----------
    path : path
        `{"keys": [{"label": "VIDEO", "key_id": "<32 hex digits>", "key": "<32 hex digits>"}, ...]}`; labels are
        AUDIO, VIDEO, or for pictures of a size SD (up to 768 x 576), HD (1920 x 1080), UHD1 (4096 x 2160), UHD2.

    Raises
    ------
    KeyFileError
        If it cannot be read or lacks a key; the message never holds one.
    """
    try:
        listed = json.loads(Path(path).read_text())["keys"]
        keys = tuple(_key(str(path), entry) for entry in listed)
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, KeyFileError):
            raise
        raise KeyFileError(f'{path}: is no file of keys: {{"keys": [{{"label", "key_id", "key"}}, ...]}}') from None
    labels = [key.label for key in keys]
    missing = {"AUDIO"} - set(labels) | (set() if "VIDEO" in labels else set(VIDEO_LABELS) - set(labels))
    sizes = ", ".join(VIDEO_LABELS)
    if missing or len(set(labels)) < len(labels):
        fault = f"no key for {', '.join(sorted(missing))}" if missing else "two keys of one label"
        raise KeyFileError(f"{path}: {fault}; give one AUDIO and one VIDEO key, or one for each of {sizes}")
    return keys


def _key(place: str, entry: dict[str, Any]) -> ContentKey:
    label = str(entry["label"]).upper()
    if label not in LABELS:
        raise KeyFileError(f"{place}: label {label!r} is none of {', '.join(LABELS)}")
    # ids are often written as UUIDs
    key_id, key = (str(entry[name]).lower().replace("-", "") for name in ("key_id", "key"))
    for name, value in (("key_id", key_id), ("key", key)):
        if not _HEX.fullmatch(value):
            raise KeyFileError(f"{place}: the {name} of {label} is not 32 hexadecimal digits")
    return ContentKey(label, key_id, key)


@contextmanager
def packager_flags(encryption: Encryption | None) -> Iterator[list[str]]:
    """Give the packager's arguments; keys stand in a private file, which is there only inside the block."""
    if encryption is None:
        yield []
        return
    by_label = {key.label: key for key in encryption.keys}
    named = [("AUDIO", by_label["AUDIO"])]
    named += [(label, by_label.get(label) or by_label["VIDEO"]) for label in VIDEO_LABELS]
    systems = ["Common", "Widevine", "PlayReady", *(["FairPlay"] if encryption.scheme == "cbcs" else [])]
    flags = [
        "--enable_raw_key_encryption",
        "--keys=" + ",".join(f"label={label}:key_id={key.key_id}:key={key.key}" for label, key in named),
        f"--protection_scheme={encryption.scheme}",
        f"--protection_systems={','.join(systems)}",
        f"--clear_lead={encryption.clear_lead}",
    ]
    if encryption.key_uri:
        flags.append(f"--hls_key_uri={encryption.key_uri}")
    # such a file is its owner's alone from the start
    with tempfile.NamedTemporaryFile("w", prefix="shotladder-", suffix=".flags") as file:
        file.write("\n".join(flags) + "\n")
        file.flush()
        yield [f"--flagfile={file.name}"]
