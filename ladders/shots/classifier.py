"""A small trained judge: from the features of a place to how sure a transition is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["Classifier"]


@dataclass(frozen=True, slots=True)
class Classifier:
    """A network of one hidden layer.

    Attributes
    ----------
    centre, scale : tuple of float
        What features are brought to zero and one by.
    hidden : tuple of tuple of float
        A row a hidden unit: its weight of each feature, then its bias.
    output : tuple of float
        Weight of each hidden unit, then the bias.
    """

    centre: tuple[float, ...]
    scale: tuple[float, ...]
    hidden: tuple[tuple[float, ...], ...]
    output: tuple[float, ...]
    _units: NDArray[np.float64] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_units", np.array(self.hidden))

    def score(self, features: Sequence[float] | NDArray[np.float64]) -> float:
        """Return how sure it is, 0 to 1."""
        x = np.clip((np.asarray(features, np.float64) - self.centre) / self.scale, -6, 6)
        hidden = np.tanh(self._units[:, :-1] @ x + self._units[:, -1])
        return float(1 / (1 + np.exp(-(np.dot(self.output[:-1], hidden) + self.output[-1]))))
