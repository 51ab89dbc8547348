"""Find a VMAF model by name in the ffmpeg binary, or read it from a file, and choose one for a display.

libvmaf compiles the JSON text of its models into the library, so the bundled ffmpeg holds each of them byte for byte. A
model in the binary is recognised by its features and their options.
"""

from __future__ import annotations

import json
import mmap
from functools import lru_cache
from pathlib import Path

from shotladder_runtime.tools import ffmpeg_path
from vmaf.errors import ModelError, ModelFileError
from vmaf.model_document import Model, model_name, parse_model

__all__ = ["DEVICES", "choose_model", "embedded_models", "load", "model_aliases"]

#: short names of models, and libvmaf's
ALIASES = {
    "v0.6.1": "vmaf_v0.6.1",
    "neg": "vmaf_v0.6.1neg",
    "v0.6.1neg": "vmaf_v0.6.1neg",
    "phone": "vmaf_v0.6.1:phone",
    "neg-phone": "vmaf_v0.6.1neg:phone",
    "4k": "vmaf_4k_v0.6.1",
    "4k-neg": "vmaf_4k_v0.6.1neg",
    "bootstrap": "vmaf_b_v0.6.3",
    "v1": "vmaf_v1.0.16_3d0h",
    "v1-tv-1080p": "vmaf_v1.0.16_3d0h",
    "v1-tv-4k": "vmaf_v1.0.16_1d5h_2160",
    "v1-tv-4k-3h": "vmaf_v1.0.16_3d0h_2160",
    "v1-phone": "vmaf_v1.0.16_5d0h",
}

#: devices, and the rows of their screens
DEVICES = {"phone": 1080, "tv-1080p": 1080, "tv-4k": 2160}

#: the model of each family for each device; for version 1 from resource/doc/models_v1.md of libvmaf
FAMILIES = {
    "v0.6.1": {"phone": "vmaf_v0.6.1:phone", "tv-1080p": "vmaf_v0.6.1", "tv-4k": "vmaf_4k_v0.6.1"},
    "neg": {"phone": "vmaf_v0.6.1neg:phone", "tv-1080p": "vmaf_v0.6.1neg", "tv-4k": "vmaf_4k_v0.6.1neg"},
    "v1": {"phone": "vmaf_v1.0.16_5d0h", "tv-1080p": "vmaf_v1.0.16_3d0h", "tv-4k": "vmaf_v1.0.16_1d5h_2160"},
}

#: frames/s above which version 1's models for high frame rates are used, which were trained at 50 and 60
HIGH_FRAME_RATE = 45

#: rows; the 4k models are the default above; chosen by hand, not tuned
MAX_HD_ROWS = 1440

#: bytes; libvmaf's largest model, the bootstrap model, has 0.4 MB
MAX_FILE_SIZE = 16 * 2**20


def model_aliases() -> dict[str, str]:
    """Return the short names of models and libvmaf's names of them."""
    return dict(ALIASES)


def choose_model(rows: int, model: str | None = None, device: str | None = None, frame_rate: float = 25.0) -> str:
    """Return the name of the model for a display and a frame rate.

    Parameters
    ----------
    rows : int
        The smaller side of the frame on the screen, in pixels.
    model : str, optional
        A family (`v0.6.1`, `neg`, `v1`), of which one is chosen (default `v0.6.1`); any other name is returned.
    device : {"phone", "tv-1080p", "tv-4k"}, optional
        By default a television, with 2160 rows if `rows` is above 1440, else with 1080.
    frame_rate : float
        Frames/s.

    Raises
    ------
    ModelError
        The device is unknown, or the model is for one kind of screen only.

    Examples
    --------
    >>> choose_model(1080), choose_model(2160), choose_model(1080, "v1", "phone", 60.0)
    ('vmaf_v0.6.1', 'vmaf_4k_v0.6.1', 'vmaf_v1.0.16_hfr_5d0h')
    """
    if device is not None and device not in DEVICES:
        raise ModelError(f"unknown device {device!r}; known: {', '.join(DEVICES)}")
    # a model of v0.6.1 that is requested by name does not depend on the size
    if model is not None and model != "v1" and device is None:
        return model
    family = model or "v0.6.1"
    if family not in FAMILIES:
        raise ModelError(
            f"the model {family} is for one kind of screen; `device` can be combined with {', '.join(FAMILIES)}"
        )
    name = FAMILIES[family][device or ("tv-4k" if rows > MAX_HD_ROWS else "tv-1080p")]
    return name.replace("v1.0.16_", "v1.0.16_hfr_") if frame_rate > HIGH_FRAME_RATE else name


@lru_cache(maxsize=32)
def load(name: str) -> Model:
    """Find a model by libvmaf's name, a short name (`model_aliases`), or the path of a JSON file.

    Raises
    ------
    ModelError
        There is no model of that name, or the file is not a model.
    """
    name = ALIASES.get(name, name)
    stem, _, variant = name.partition(":")
    if variant not in ("", "phone"):
        raise ModelError(f"unknown variant {variant!r} of a VMAF model; only phone is known")
    if Path(stem).suffix == ".json":
        return parse_model(name, _read(Path(stem)), None, phone=bool(variant))
    texts = embedded_models(ffmpeg_path())
    if stem not in texts:
        known = ", ".join(sorted({*ALIASES, *texts}))
        raise ModelError(f"no VMAF model {name!r} in this ffmpeg; known: {known}")
    return parse_model(name, texts[stem], stem, phone=bool(variant))


def _read(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > MAX_FILE_SIZE:
            raise ModelFileError(str(path), "$", f"the file has {size} bytes; a VMAF model has at most {MAX_FILE_SIZE}")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"cannot read the VMAF model {path}: {error}") from error


@lru_cache(maxsize=4)
def embedded_models(binary: str) -> dict[str, str]:
    """Return the JSON text of every model inside an ffmpeg binary, by libvmaf's name."""
    decoder = json.JSONDecoder()
    texts: dict[str, str] = {}
    with open(binary, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as image:  # noqa: PTH123
        at = image.find(b'"model_dict"')
        while at >= 0:
            # the text stands between NULs; a newer compiler may have merged strings, so stop where the JSON ends
            start, end = image.rfind(b"\0", 0, at) + 1, image.find(b"\0", at)
            text = image[start:end].decode("utf-8", "replace")
            try:
                parsed, length = decoder.raw_decode(text)
                texts.setdefault(model_name(parsed), text[:length])
            except ValueError:  # other text with this key; ModelFileError is a ValueError
                pass
            at = image.find(b'"model_dict"', end)
    return texts
