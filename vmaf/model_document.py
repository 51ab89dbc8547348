"""Parse the JSON document of a VMAF model, as libvmaf writes it."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from shotladder_runtime.json_document import check_structure, parse_json
from vmaf.errors import ModelFileError

__all__ = ["Model", "Svr", "model_name", "parse_model"]

#: order in which every v0.6.x model lists its features
FEATURES = ("adm2", "motion2", "vif_scale0", "vif_scale1", "vif_scale2", "vif_scale3")

#: maximum of VIF's and ADM's enhancement gain in models that do not state one; libvmaf's default, in effect no limit
DEFAULT_GAIN_LIMIT = 100.0

#: minimum rows and columns of the v0.6.x features, whose pyramids halve the frame four times
MIN_SIDE = 33

#: minimum rows and columns of version 1's chroma feature, after its own scaling; libvmaf crashes below
MIN_CHROMA_SIDE = 160


class _ScoreTransform(msgspec.Struct):
    p0: float = 0.0
    p1: float = 0.0
    p2: float = 0.0
    out_gte_in: str | bool = False


class _Regression(msgspec.Struct):
    """The value of `model_dict`."""

    model: Annotated[str, msgspec.Meta(min_length=1)]
    feature_names: Annotated[list[str], msgspec.Meta(min_length=1)]
    norm_type: str
    slopes: list[float] = []
    intercepts: list[float] = []
    feature_opts_dicts: list[dict[str, Any]] | None = None
    score_transform: _ScoreTransform | None = None

    @property
    def options(self) -> dict[str, Any]:
        """Options of all features; a later feature's value of the same option counts."""
        return {key: value for each in self.feature_opts_dicts or () for key, value in each.items()}

    @property
    def is_native(self) -> bool:
        """Whether the native engine computes these features."""
        names = [f"VMAF_integer_feature_{feature}_score" for feature in FEATURES]
        gain_limits = {value for each in self.feature_opts_dicts or () for value in each.values()}
        return self.feature_names == names and len(gain_limits) <= 1 and self.norm_type == "linear_rescale"


class _Member(msgspec.Struct):
    """A model file, or one member of a bagged one."""

    model_dict: _Regression


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
    """A VMAF model.

    Attributes
    ----------
    name : str
        libvmaf's name, or the path of the file; it ends with `:phone` when the phone transform is applied.
    digest : str
        First 16 hexadecimal digits of the SHA-256 of its JSON text.
    version : str or None
        Value for libvmaf's `version=`; None for a file.
    is_native : bool
        Whether the native engine can apply it.
    members : tuple of Svr
        One regression; in a bagged model the reported one and those of the bootstrap. Empty if not `is_native`.
    gain_limit : float
        Maximum of VIF's and ADM's enhancement gain: 100 (in effect none), or 1 in NEG models.
    transform : tuple of float
        Coefficients (p0, p1, p2) of the score's polynomial; empty if none is applied.
    at_least_input : bool
        Whether the transformed score may not be lower than the plain one.
    motion_window : int
        Frames before, and after, a frame that its motion feature needs.
    min_side : int
        Minimum rows and columns that its features are defined for.
    uses_chroma : bool
        Whether it uses chroma too, as version 1 does.
    """

    name: str
    digest: str
    version: str | None
    is_native: bool
    members: tuple[Svr, ...]
    gain_limit: float
    transform: tuple[float, ...]
    at_least_input: bool
    motion_window: int
    min_side: int
    uses_chroma: bool

    @property
    def is_phone(self) -> bool:
        """Whether the phone transform is applied."""
        return self.name.endswith(":phone")


def parse_model(name: str, text: str, version: str | None, *, phone: bool) -> Model:
    """Parse the JSON text of a model.

    Parameters
    ----------
    name : str
        Name or path, for the model and for messages.
    text : str
    version : str or None
        libvmaf's name of a built-in model.
    phone : bool
        Whether to apply the phone transform.

    Raises
    ------
    ModelFileError
        The text is not the JSON document of a VMAF model; the message names the location.
    """
    members = _members(parse_json(text, name, error=ModelFileError), name)
    first = next(iter(members.values()))
    options, transform = first.options, first.score_transform
    if phone and transform is None:
        raise ModelFileError(name.partition(":")[0], "$.model_dict", "the model has no phone transform")
    uses_chroma = any("speed_chroma" in feature for feature in first.feature_names)
    return Model(
        name=name,
        digest=hashlib.sha256(text.encode()).hexdigest()[:16],
        version=version,
        is_native=first.is_native,
        members=tuple(_svr(each, name, location) for location, each in members.items()) if first.is_native else (),
        gain_limit=_number(options, "adm_enhn_gain_limit", DEFAULT_GAIN_LIMIT, name),
        transform=(transform.p0, transform.p1, transform.p2) if phone and transform else (),
        at_least_input=transform is not None and transform.out_gte_in in ("true", True),
        # the five-frame window needs two frames on both sides, and those of the frame before for their average
        motion_window=4 if options.get("motion_five_frame_window") else 1,
        min_side=math.ceil(MIN_CHROMA_SIDE / _number(options, "speed_prescale", 1.0, name))
        if uses_chroma
        else MIN_SIDE,
        uses_chroma=uses_chroma,
    )


def model_name(value: Any) -> str:
    """Return libvmaf's name of a built-in model, recognised by its features and their options.

    Parameters
    ----------
    value
        The parsed JSON document.

    Raises
    ------
    ModelFileError
        The value is not the document of a model.
    """
    members = _members(value, "model in ffmpeg")
    first = next(iter(members.values()))
    options = first.options
    if "VMAF_integer_feature_adm3_score" in first.feature_names:
        distance = {1.5: "1d5h", 3.0: "3d0h", 5.0: "5d0h"}.get(options.get("adm_norm_view_dist", 0.0), "other")
        rows = "_2160" if options.get("adm_ref_display_height") == 2160 else ""
        frame_rate = "hfr_" if options.get("motion_five_frame_window") else ""
        return f"vmaf_v1.0.16_{frame_rate}{distance}{rows}"
    arithmetic = "float_" if first.feature_names[0].startswith("VMAF_feature") else ""
    if "model_dict" not in value:
        return f"vmaf_{arithmetic}b_v0.6.3"
    size = "" if first.score_transform else "4k_"  # only the 4k model has no phone transform
    neg = "neg" if options.get("vif_enhn_gain_limit") == 1.0 else ""
    return f"vmaf_{arithmetic}{size}v0.6.1{neg}"


def _members(value: Any, name: str) -> dict[str, _Regression]:
    """Return the regressions of a model by their location: one, or the members of a bagged model."""
    if isinstance(value, dict) and "model_dict" not in value and "0" in value:
        members = {}
        for i in range(len(value)):
            if str(i) not in value:
                raise ModelFileError(name, "$", f"member {i} of the bagged model is missing")
            root = f"$.{i}"
            member = check_structure(value[str(i)], _Member, name, error=ModelFileError, root=root)
            members[root] = member.model_dict
        return members
    return {"$": check_structure(value, _Member, name, error=ModelFileError).model_dict}


def _number(options: dict[str, Any], key: str, default: float, name: str) -> float:
    value = options.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ModelFileError(
            name, "$.model_dict.feature_opts_dicts", f"{key}: expected a number above 0, found {value!r}"
        )
    return float(value)


def _svr(regression: _Regression, name: str, root: str) -> Svr:
    """Parse the text form that libsvm gives one regression."""
    head, _, body = regression.model.partition("SV\n")
    fields = dict(line.split(" ", 1) for line in head.splitlines() if " " in line)
    rows = [line.split() for line in body.splitlines() if line.strip()]
    vectors = np.zeros((len(rows), len(FEATURES)))
    try:
        for row, words in enumerate(rows):
            for word in words[1:]:
                index, _, value = word.partition(":")
                if not 1 <= int(index) <= len(FEATURES):
                    raise ValueError(f"support vector {row} has a feature {index}")
                vectors[row, int(index) - 1] = float(value)
        weights = np.array([float(words[0]) for words in rows])
        gamma, rho = float(fields["gamma"]), float(fields["rho"])
    except (KeyError, ValueError) as error:
        raise ModelFileError(name, f"{root}.model_dict.model", f"not a regression of libsvm: {error}") from error
    slopes, intercepts = np.array(regression.slopes, float), np.array(regression.intercepts, float)
    for key, array in (("slopes", slopes), ("intercepts", intercepts)):
        if array.size != 1 + len(FEATURES):
            problem = f"expected {1 + len(FEATURES)} numbers, found {array.size}"
            raise ModelFileError(name, f"{root}.model_dict.{key}", problem)
    for key, array in (("model", np.append(weights, (gamma, rho))), ("model", vectors), ("slopes", slopes),
                       ("intercepts", intercepts)):  # fmt: skip
        if not np.isfinite(array).all():
            raise ModelFileError(name, f"{root}.model_dict.{key}", "expected finite numbers only")
    return Svr(vectors=vectors, weights=weights, gamma=gamma, rho=rho, slopes=slopes, intercepts=intercepts)
