"""Common encryption (ISO/IEC 23001-7) with raw keys: key files, and flags of the packager."""

from __future__ import annotations

import json
import os
import re
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from encoder.errors import KeyFileError

__all__ = [
    "PROTECTION_SCHEMES",
    "ContentKey",
    "Encryption",
    "inherited_descriptors",
    "load_keys",
    "new_keys",
    "packager_flags",
    "save_keys",
]

#: FairPlay, Widevine and PlayReady all support cbcs; cenc is for devices from before about 2018.
PROTECTION_SCHEMES = ("cbcs", "cenc")
#: Labels that Shaka Packager gives to video tracks by their size.
VIDEO_LABELS = ("SD", "HD", "UHD1", "UHD2")
#: Labels of keys: the kind of track, or the size of a video track.
LABELS = ("AUDIO", "VIDEO", *VIDEO_LABELS)
#: Bytes. A key takes about 120 bytes and there are at most 5; a larger file is not a file of keys (chosen by hand).
MAX_FILE_SIZE = 100_000
#: Argument of the packager that names an inherited descriptor.
_FLAG_FILE = "--flagfile=/dev/fd/"
_HEX = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class ContentKey:
    """A key (hex) with its public id (hex), for tracks of one label; the key is not part of the `repr`."""

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
        For audio, and for video of every size.
    key_uri : str or None
        URI at which FairPlay requests its key, in HLS; None for `skd://` and the id of the key.
    clear_lead : float
        Unencrypted seconds at the start, rounded to whole segments.
    """

    scheme: str
    keys: tuple[ContentKey, ...]
    key_uri: str | None = None
    clear_lead: float = 0.0


def new_keys() -> tuple[ContentKey, ...]:
    """Return random keys, one for audio and one for video."""
    return tuple(ContentKey(label, secrets.token_hex(16), secrets.token_hex(16)) for label in ("VIDEO", "AUDIO"))


def save_keys(keys: tuple[ContentKey, ...], path: Path) -> None:
    """Write a new file of keys that only its owner can read (mode 0600).

    Raises
    ------
    FileExistsError
        If the file exists: keys are never overwritten.
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
        AUDIO, VIDEO, or for video of one size SD (up to 768 x 576), HD (1920 x 1080), UHD1 (4096 x 2160), UHD2.

    Raises
    ------
    KeyFileError
        If it cannot be read, or a key is missing or invalid. The message names the place and never contains a key.
    """
    try:
        size = Path(path).stat().st_size
        if size > MAX_FILE_SIZE:
            raise KeyFileError(
                f"{path}: is not a file of keys: it has {size} bytes, and at most {MAX_FILE_SIZE} are read"
            )
        listed = msgspec.json.decode(Path(path).read_bytes(), type=_KeyFile).keys
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read ({error.strerror})") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        expected = '{"keys": [{"label", "key_id", "key"}, ...]}'
        raise KeyFileError(f"{path}: is not a file of keys, {expected}: {error}") from None
    keys = tuple(_convert_key(f"{path}: $.keys[{n}]", entry) for n, entry in enumerate(listed))
    labels = [key.label for key in keys]
    missing = {"AUDIO"} - set(labels) | (set() if "VIDEO" in labels else set(VIDEO_LABELS) - set(labels))
    sizes = ", ".join(VIDEO_LABELS)
    if missing or len(set(labels)) < len(labels):
        fault = f"no key for {', '.join(sorted(missing))}" if missing else "two keys with the same label"
        raise KeyFileError(
            f"{path}: {fault}; give one AUDIO and one VIDEO key, or one AUDIO key and one for each of {sizes}"
        )
    return keys


class _KeyEntry(msgspec.Struct):
    label: str
    key_id: str
    key: str


class _KeyFile(msgspec.Struct):
    keys: list[_KeyEntry]


def _convert_key(where: str, entry: _KeyEntry) -> ContentKey:
    label = entry.label.upper()
    # no value of the file is part of a message: somebody may have swapped a key with another field
    if label not in LABELS:
        raise KeyFileError(f"{where}.label: unknown label (choose from {', '.join(LABELS)})")
    # ids are often written as UUIDs
    key_id, key = (value.lower().replace("-", "") for value in (entry.key_id, entry.key))
    for name, value in (("key_id", key_id), ("key", key)):
        if not _HEX.fullmatch(value):
            raise KeyFileError(f"{where}.{name}: the {name} of {label} is not 32 hexadecimal digits")
    return ContentKey(label, key_id, key)


@contextmanager
def packager_flags(encryption: Encryption | None) -> Iterator[list[str]]:
    """Yield the arguments of the packager.

    The keys are in a private file without a name, which ends with this process however it ends. The packager inherits
    the descriptor (`inherited_descriptors`).
    """
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
    # `tempfile` creates the file with mode 0600 and without a name
    with tempfile.TemporaryFile("w") as file:
        file.write("\n".join(flags) + "\n")
        file.flush()
        yield [f"{_FLAG_FILE}{file.fileno()}"]


def inherited_descriptors(flags: Sequence[str]) -> list[int]:
    """Return the descriptors that the packager inherits for the arguments of `packager_flags`."""
    return [int(flag.removeprefix(_FLAG_FILE)) for flag in flags]
