"""VMAF models: found in the ffmpeg binary that carries them, or read from a file; never retyped.

libvmaf compiles its model files into the library as text, so the bundled ffmpeg holds every one of them
byte for byte. A model is recognised by what it says (its features and their options), not by where it
lies.
"""

from __future__ import annotations

import hashlib
import json
import math
import mmap
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shotladder_runtime.tools import ffmpeg_path
from vmaf.errors import ModelError

__all__ = ["DEVICES", "Model", "Svr", "aliases", "choose", "load"]

#: What people say, and what libvmaf calls it.
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

#: Screens, and how many rows they have.
DEVICES = {"phone": 1080, "tv-1080p": 1080, "tv-4k": 2160}

#: Which model of a family sees as which screen does; of version 1 as its authors say (resource/doc/models_v1.md).
FAMILIES = {
    "v0.6.1": {"phone": "vmaf_v0.6.1:phone", "tv-1080p": "vmaf_v0.6.1", "tv-4k": "vmaf_4k_v0.6.1"},
    "neg": {"phone": "vmaf_v0.6.1neg:phone", "tv-1080p": "vmaf_v0.6.1neg", "tv-4k": "vmaf_4k_v0.6.1neg"},
    "v1": {"phone": "vmaf_v1.0.16_5d0h", "tv-1080p": "vmaf_v1.0.16_3d0h", "tv-4k": "vmaf_v1.0.16_1d5h_2160"},
}

#: Frames a second above which version 1 has models of its own, made for 50 and 60.
HIGH_RATE = 45

#: Reference heights above this are judged by the 4k model unless another is asked for.
TALLEST_HD = 1440

#: Order in which every v0.6.x model lists its features.
FEATURES = ("adm2", "motion2", "vif_scale0", "vif_scale1", "vif_scale2", "vif_scale3")


@dataclass(frozen=True, slots=True, eq=False)
class Svr:
    """A nu-support-vector regression with the linear scaling around it.

    Attributes
    ----------
    vectors : float64 array, (vectors, features)
    weights : float64 array, (vectors,)
    gamma, rho : float
    slopes, intercepts : float64 array, (1 + features,)
        Entry 0 belongs to the score.
    """

    vectors: NDArray[np.float64]
    weights: NDArray[np.float64]
    gamma: float
    rho: float
    slopes: NDArray[np.float64]
    intercepts: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """One VMAF model.

    Attributes
    ----------
    name : str
        libvmaf's name, or the path it came from; `:phone` is appended when the phone transform is on.
    digest : str
        First 16 hexadecimal digits of the SHA-256 of its JSON text.
    version : str or None
        What libvmaf's `version=` takes, `None` for a file.
    native : bool
        Whether the native engine can apply it.
    members : tuple of Svr
        One regression; the reported one and its bootstrap companions in a bagged model; empty if not
        `native`.
    gain_limit : float
        Bound of VIF's and ADM's enhancement gain: 100 (none), or 1 in NEG models.
    transform : tuple of float
        Coefficients (p0, p1, p2) of the score's polynomial, empty if none is to be applied.
    at_least_input : bool
        Whether the transformed score may not fall below the plain one.
    reach : int
        How many frames before and after one its motion looks at.
    smallest : int
        Rows and columns that its features need; libvmaf crashes below in version 1.
    uses_chroma : bool
        Whether it looks at more than luma, as version 1 does.
    """

    name: str
    digest: str
    version: str | None
    native: bool
    members: tuple[Svr, ...]
    gain_limit: float
    transform: tuple[float, ...]
    at_least_input: bool
    reach: int
    smallest: int
    uses_chroma: bool

    @property
    def phone(self) -> bool:
        """Whether the phone transform was asked for."""
        return self.name.endswith(":phone")


def aliases() -> dict[str, str]:
    """Return the short names of models and what libvmaf calls them."""
    return dict(ALIASES)


def choose(rows: int, model: str | None = None, device: str | None = None, rate: float = 25.0) -> str:
    """Return the model for what is shown, where, and how fast.

    Parameters
    ----------
    rows : int
        The smaller side of the picture on the screen.
    model : str, optional
        A family (`v0.6.1`, `neg`, `v1`), of which one is chosen, `v0.6.1` by default; any other is the choice.
    device : {"phone", "tv-1080p", "tv-4k"}, optional
        By default a television: of 2160 rows if there are more than 1440, else of 1080.
    rate : float
        Frames a second.

    Raises
    ------
    ModelError
        The device is unknown, or the model is for one kind of screen alone.

    Examples
    --------
    >>> choose(1080), choose(2160), choose(1080, "v1", "phone", 60.0)
    ('vmaf_v0.6.1', 'vmaf_4k_v0.6.1', 'vmaf_v1.0.16_hfr_5d0h')
    """
    if device is not None and device not in DEVICES:
        raise ModelError(f"unknown device {device!r}; known: {', '.join(DEVICES)}")
    # whoever names a model of v0.6.1 means that one, whatever the size
    if model is not None and model != "v1" and device is None:
        return model
    family = model or "v0.6.1"
    if family not in FAMILIES:
        raise ModelError(f"the model {family} is for one kind of screen; a device goes with {', '.join(FAMILIES)}")
    name = FAMILIES[family][device or ("tv-4k" if rows > TALLEST_HD else "tv-1080p")]
    return name.replace("v1.0.16_", "v1.0.16_hfr_") if rate > HIGH_RATE else name


@lru_cache(maxsize=32)
def load(name: str) -> Model:
    """Find a model by libvmaf's name, a short name (`aliases`), or the path of a JSON file.

    Raises
    ------
    ModelError
        There is none of that name, or the file is not a model.
    """
    name = ALIASES.get(name, name)
    stem, _, variant = name.partition(":")
    if variant not in ("", "phone"):
        raise ModelError(f"unknown variant {variant!r} of a VMAF model; only phone is known")
    if Path(stem).suffix == ".json":
        return _parse(name, _read(Path(stem)), None, phone=bool(variant))
    texts = _embedded(ffmpeg_path())
    if stem not in texts:
        known = ", ".join(sorted({*ALIASES, *texts}))
        raise ModelError(f"no VMAF model {name!r} in this ffmpeg; known: {known}")
    return _parse(name, texts[stem], stem, phone=bool(variant))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"cannot read the VMAF model {path}: {error}") from error


@lru_cache(maxsize=4)
def _embedded(binary: str) -> dict[str, str]:
    """Return the JSON text of every model inside an ffmpeg binary, by libvmaf's name."""
    decoder = json.JSONDecoder()
    texts: dict[str, str] = {}
    with open(binary, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as image:  # noqa: PTH123
        at = image.find(b'"model_dict"')
        while at >= 0:
            # the text lies between NULs; a newer compiler may have merged strings, so stop where the
            # JSON ends
            start, end = image.rfind(b"\0", 0, at) + 1, image.find(b"\0", at)
            text = image[start:end].decode("utf-8", "replace")
            try:
                parsed, length = decoder.raw_decode(text)
            except ValueError:
                pass
            else:
                texts.setdefault(_recognise(parsed), text[:length])
            at = image.find(b'"model_dict"', end)
    return texts


def _recognise(parsed: dict[str, Any]) -> str:
    """Return libvmaf's name of a model from what it says of itself."""
    bagged = "model_dict" not in parsed
    model = parsed["0"]["model_dict"] if bagged else parsed["model_dict"]
    names = model["feature_names"]
    options: dict[str, Any] = {}
    for entry in model.get("feature_opts_dicts") or ():
        options.update(entry)
    if "VMAF_integer_feature_adm3_score" in names:
        return _recognise_v1(options)
    real = "float_" if names[0].startswith("VMAF_feature") else ""
    if bagged:
        return f"vmaf_{real}b_v0.6.3"
    size = "" if "score_transform" in model else "4k_"  # only the 4k model has no phone transform
    neg = "neg" if options.get("vif_enhn_gain_limit") == 1.0 else ""
    return f"vmaf_{real}{size}v0.6.1{neg}"


def _recognise_v1(options: dict[str, Any]) -> str:
    distance = {1.5: "1d5h", 3.0: "3d0h", 5.0: "5d0h"}.get(options["adm_norm_view_dist"], "other")
    rows = "_2160" if options["adm_ref_display_height"] == 2160 else ""
    rate = "hfr_" if options.get("motion_five_frame_window") else ""
    return f"vmaf_v1.0.16_{rate}{distance}{rows}"


def _parse(name: str, text: str, version: str | None, *, phone: bool) -> Model:
    try:
        parsed = json.loads(text)
        bagged = "model_dict" not in parsed
        dicts = [parsed[str(i)]["model_dict"] for i in range(len(parsed))] if bagged else [parsed["model_dict"]]
        if not (dicts[0]["feature_names"] and dicts[0]["model"]):
            raise ValueError("no features or no regression")
        native = _is_native(dicts[0])
        members = tuple(_svr(each) for each in dicts) if native else ()
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{name} is not a VMAF model: {error!r}") from error
    options = {key: value for each in dicts[0].get("feature_opts_dicts") or () for key, value in each.items()}
    shape = dicts[0].get("score_transform") or {}
    chroma = any("speed_chroma" in name for name in dicts[0]["feature_names"])
    if phone and not shape:
        raise ModelError(f"the model {name.partition(':')[0]} has no phone transform")
    return Model(
        name=name,
        digest=hashlib.sha256(text.encode()).hexdigest()[:16],
        version=version,
        native=native,
        members=members,
        gain_limit=float(options.get("adm_enhn_gain_limit", 100.0)),
        transform=tuple(float(shape.get(f"p{i}", 0.0)) for i in range(3)) if phone else (),
        at_least_input=shape.get("out_gte_in") == "true",
        # two frames to both sides, and the average with those of the frame before
        reach=4 if options.get("motion_five_frame_window") else 1,
        # pyramids that halve four times; 160 rows after the scaling of version 1's chroma feature
        smallest=math.ceil(160 / options.get("speed_prescale", 1.0)) if chroma else 33,
        uses_chroma=chroma,
    )


def _is_native(model: dict[str, Any]) -> bool:
    wanted = [f"VMAF_integer_feature_{feature}_score" for feature in FEATURES]
    limits = {value for entry in model.get("feature_opts_dicts") or () for value in entry.values()}
    return model["feature_names"] == wanted and len(limits) <= 1 and model["norm_type"] == "linear_rescale"


def _svr(model: dict[str, Any]) -> Svr:
    """Read libsvm's text form of one regression."""
    head, _, body = model["model"].partition("SV\n")
    fields = dict(line.split(" ", 1) for line in head.splitlines() if " " in line)
    rows = [line.split() for line in body.splitlines() if line.strip()]
    vectors = np.zeros((len(rows), len(FEATURES)))
    for row, words in enumerate(rows):
        for word in words[1:]:
            index, _, value = word.partition(":")
            vectors[row, int(index) - 1] = float(value)
    return Svr(
        vectors=vectors,
        weights=np.array([float(words[0]) for words in rows]),
        gamma=float(fields["gamma"]),
        rho=float(fields["rho"]),
        slopes=np.array(model["slopes"], float),
        intercepts=np.array(model["intercepts"], float),
    )
