"""Read codecs of a user's own encoders from a TOML file."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import msgspec

from encoder.codecs.codec import EFFORTS, Codec, EncoderOverride
from encoder.errors import CodecFileError

__all__ = ["MAX_FILE_SIZE", "read_codec_file"]

#: Bytes. A row takes about one kilobyte; a larger file is not a file of codecs (chosen by hand).
MAX_FILE_SIZE = 1_000_000


def read_codec_file(path: Path) -> tuple[Codec, ...]:
    """Read the codecs of a TOML file: one table per codec, with the codec's name as its title.

    Raises
    ------
    CodecFileError
        If the file cannot be read, or a row lacks a key, has an unknown key or a value that does not fit. The message
        names the file, the row and the key.

    Notes
    -----
    The keys are the fields of `Codec`. A list of settings is a list of pairs::

        [h264_nvenc]
        encoder = "h264_nvenc"
        family = "h264"
        pixel_formats = ["yuv420p"]
        quantisers = [14, 46]
        step = 0.25
        rate_halving = 6
        presets = ["p1", "p4", "p7"]
        preset = "p4"
        fast_preset = "p1"
        quantiser_setting = ["cq", "{}"]
        settings = [["rc", "vbr"], ["b:v", "0"], ["g", "100000"], ["no-scenecut", "1"], ["forced-idr", "1"]]
    """
    try:
        size = path.stat().st_size
        if size > MAX_FILE_SIZE:
            raise CodecFileError(f"{path}: has {size} bytes; a file of codecs has at most {MAX_FILE_SIZE}")
        rows = tomllib.loads(path.read_text())
    except OSError as error:
        raise CodecFileError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, CodecFileError):
            raise
        raise CodecFileError(f"{path}: is not valid TOML ({error})") from error
    codecs = []
    for name, row in rows.items():
        try:
            codecs.append(_convert_row(name, row))
        except ValueError as error:
            raise CodecFileError(f"{path}: row [{name}]: {error}") from error
    return tuple(codecs)


def _convert_row(name: str, row: Any) -> Codec:
    """Return a validated row; raise ValueError with the reason and the key (`$.overrides[0].presets`)."""
    if not isinstance(row, dict):
        raise ValueError("is not a table of codec fields")
    _reject_unknown_keys(Codec, row, "$", excluded="name")
    overrides = row.get("overrides", ())
    for n, override in enumerate(overrides if isinstance(overrides, list) else ()):
        if isinstance(override, dict):
            _reject_unknown_keys(EncoderOverride, override, f"$.overrides[{n}]")
    codec = msgspec.convert({**row, "name": name}, Codec)
    _check_values(codec)
    return codec


def _reject_unknown_keys(
    kind: type[Codec | EncoderOverride], table: dict[str, Any], where: str, excluded: str = ""
) -> None:
    # msgspec ignores unknown keys of dataclasses, so that a misspelled optional key would have no effect
    known = [field.name for field in fields(kind) if field.name != excluded]
    for key in table:
        if key not in known:
            raise ValueError(f"unknown key `{where}.{key}` (choose from {', '.join(known)})")


def _check_values(codec: Codec) -> None:
    """Raise ValueError if values of a row contradict each other."""
    if not codec.pixel_formats:
        raise ValueError("`$.pixel_formats` is empty")
    if codec.quantisers[0] >= codec.quantisers[1]:
        raise ValueError("`$.quantisers` must be increasing: min, max")
    for key in ("step", "rate_halving"):
        if getattr(codec, key) <= 0:
            raise ValueError(f"`$.{key}` must be positive")
    if codec.passes not in (1, 2):
        raise ValueError("`$.passes` must be 1 or 2")
    for key, preset in (("preset", codec.preset), ("fast_preset", codec.fast_preset)):
        if preset is not None and preset not in codec.presets:
            raise ValueError(f"`$.{key}` {preset!r} is not in `$.presets`")
    for n, override in enumerate(codec.overrides):
        for effort in override.efforts:
            if effort not in EFFORTS:
                choices = ", ".join(EFFORTS)
                raise ValueError(f"`$.overrides[{n}].efforts` {effort!r} is unknown (choose from {choices})")
