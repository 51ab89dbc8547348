"""How the quality of parts makes that of the whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["POOLINGS", "Pooling"]


@dataclass(frozen=True, slots=True)
class Pooling:
    """A mean of VMAF: the plain mean of a loss that each quality has.

    Attributes
    ----------
    loss : callable
        From quality to loss, which falls as quality rises.
    quality : callable
        The way back.
    """

    loss: Callable[[Any], Any]
    quality: Callable[[Any], Any]

    def pool(self, quality: ArrayLike, weights: Sequence[float] | NDArray[np.float64] | None = None) -> Any:
        """Return the quality of a whole, its parts, along the first axis, weighted by their lengths.

        Examples
        --------
        >>> round(float(POOLINGS["harmonic"].pool([90.0, 30.0])), 2)
        45.25
        """
        return self.quality(np.average(self.loss(np.asarray(quality, np.float64)), axis=0, weights=weights))


#: By name: the arithmetic mean, and the harmonic mean as libvmaf has it, in which bad moments weigh more.
POOLINGS = {
    "mean": Pooling(lambda quality: 100.0 - quality, lambda loss: 100.0 - loss),
    "harmonic": Pooling(lambda quality: 1.0 / (quality + 1.0), lambda loss: 1.0 / loss - 1.0),
}
