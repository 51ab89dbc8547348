"""A small trained judge: from the features of a place to how sure a transition is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Judge"]


@dataclass(frozen=True, slots=True)
class Judge:
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

    def score(self, features: Sequence[float] | NDArray[np.float64]) -> float:
        """Return how sure it is, 0 to 1."""
        x = np.clip((np.asarray(features, np.float64) - self.centre) / self.scale, -6, 6)
        units = np.array(self.hidden)
        hidden = np.tanh(units[:, :-1] @ x + units[:, -1])
        return float(1 / (1 + np.exp(-(np.dot(self.output[:-1], hidden) + self.output[-1]))))
