"""The shot classifier: a small neural network that scores candidates for cuts and for gradual transitions."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from shotladder_runtime.errors import ShotladderError

__all__ = ["BUNDLED_MODELS", "Classifier", "ModelError", "model_digest"]

#: Models that ship in `ladders/shots/models`; any other name is a path.
BUNDLED_MODELS = ("cut", "gradual")
#: Standardised features are clipped to this many standard deviations; chosen by hand, not tuned.
FEATURE_CLIP = 6.0
_ARRAYS = ("centre", "scale", "hidden", "output", "feature_names")


class ModelError(ShotladderError, ValueError):
    """A classifier's model file cannot be read, or its features are not those that the detector computes."""


@dataclass(frozen=True, slots=True, eq=False)
class Classifier:
    """A multi-layer perceptron with one hidden layer of tanh units and a logistic output.

    Parameters
    ----------
    feature_names : tuple of str, length F
        The features, in the order of the columns of `hidden`.
    centre, scale : float64 arrays, shape (F,)
        Mean and standard deviation that standardise each feature.
    hidden : float64 array, shape (units, F + 1)
        Weights of each hidden unit, then its bias.
    output : float64 array, shape (units + 1,)
        Weight of each hidden unit, then the bias.

    Raises
    ------
    ModelError
        If the shapes do not fit together.
    """

    feature_names: tuple[str, ...]
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    hidden: NDArray[np.float64]
    output: NDArray[np.float64]

    def __post_init__(self) -> None:
        count, units = len(self.feature_names), len(self.hidden)
        shapes = {"centre": (count,), "scale": (count,), "hidden": (units, count + 1), "output": (units + 1,)}
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise ModelError(f"array {name} has shape {getattr(self, name).shape}, expected {shape}")

    @classmethod
    def load(cls, model: str | os.PathLike[str], feature_names: Sequence[str]) -> Classifier:
        """Read a model and check that it scores the features that the detector computes.

        Parameters
        ----------
        model : str or path
            A name of `BUNDLED_MODELS`, or the path of an .npz file that `save` wrote.
        feature_names : sequence of str
            The names that the model has to have, in this order.

        Raises
        ------
        ModelError
            If the file cannot be read, or its features have other names or another order.
        """
        try:
            with _open(model) as stream, np.load(stream, allow_pickle=False) as arrays:
                missing = [name for name in _ARRAYS if name not in arrays]
                if missing:
                    raise ModelError(f"{model}: not a shot classifier: it has no array {missing[0]!r}")
                values = {name: arrays[name].astype(np.float64) for name in _ARRAYS[:-1]}
                names = tuple(arrays["feature_names"].tolist())
        except ModelError:
            raise
        except (OSError, EOFError, ValueError, TypeError, AttributeError, zipfile.BadZipFile) as error:
            raise ModelError(f"{model}: cannot be read as a shot classifier (.npz): {error}") from error
        _check_names(model, names, tuple(feature_names))
        try:
            return cls(names, **values)
        except ModelError as error:
            raise ModelError(f"{model}: {error}") from None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model as an .npz file."""
        arrays = {name: np.asarray(getattr(self, name)) for name in _ARRAYS}
        with Path(path).open("wb") as stream:
            np.savez(stream, **arrays)  # type: ignore[arg-type]

    def score(self, features: Mapping[str, float]) -> float:
        """Return the estimated probability of a transition, 0 to 1.

        Parameters
        ----------
        features : mapping of str to float
            A value for each of `feature_names`.
        """
        values = np.array([features[name] for name in self.feature_names], np.float64)
        x = np.clip((values - self.centre) / self.scale, -FEATURE_CLIP, FEATURE_CLIP)
        hidden = np.tanh(self.hidden[:, :-1] @ x + self.hidden[:, -1])
        return float(1 / (1 + np.exp(-(np.dot(self.output[:-1], hidden) + self.output[-1]))))


def model_digest(model: str | os.PathLike[str]) -> str:
    """Return the hash of a model file's content, a part of the cache key of every scan."""
    try:
        with _open(model) as stream:
            return hashlib.blake2b(stream.read(), digest_size=16).hexdigest()
    except OSError as error:
        raise ModelError(f"{model}: cannot be read as a shot classifier (.npz): {error}") from error


def _open(model: str | os.PathLike[str]) -> IO[bytes]:
    file: Traversable = Path(model)
    if model in BUNDLED_MODELS:
        file = resources.files("ladders") / "shots" / "models" / f"{model}.npz"
    return file.open("rb")


def _check_names(model: str | os.PathLike[str], found: tuple[str, ...], expected: tuple[str, ...]) -> None:
    if found == expected:
        return
    for number, (name, right) in enumerate(zip(found, expected, strict=False)):
        if name != right:
            raise ModelError(f"{model}: feature {number} is {name!r}, this version computes {right!r}; train it again")
    raise ModelError(f"{model}: {len(found)} features, this version computes {len(expected)}; train it again")
