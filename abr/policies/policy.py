"""The value that describes a policy, and the tables it makes its constants from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abr.policies.policy_compiler import policy_kernel

__all__ = ["Floats", "Policy", "Setting", "no_constants"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """What a policy knows before a session begins.

    Attributes
    ----------
    sizes : ndarray
        Bits, shape (segments, rungs), rung 0 the lowest.
    vmaf : ndarray
        0 to 100, same shape; NaN where nothing was measured.
    ladder : ndarray
        Nominal rate of every rung, bit/ms.
    durations : ndarray
        Duration of every segment, ms.
    cap : float
        Capacity of the buffer, ms.
    target : float
        VMAF to reach.
    """

    sizes: Floats
    vmaf: Floats
    ladder: Floats
    durations: Floats
    cap: float
    target: float = 93.0


def no_constants(setting: Setting) -> Floats:
    """Return no constants."""
    return np.zeros(1)


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy of adaptation.

    Attributes
    ----------
    name, version : str
        `name@version` names it; the version is a year, or the player and its release.
    source : str
        Paper or source, with section or file.
    function : callable
        The compiled function; see `abr.policies.policy_state`.
    constants : callable
        Makes the vector `k` from a `Setting`.
    memory : int or callable
        Floats of memory, or how many for a `Setting`.
    abandons : bool
        Whether it may abandon downloads.
    estimates : bool
        Whether it asks for the player's throughput estimate.
    stored : bool
        Whether its machine code may be kept on disk.
    """

    name: str
    version: str
    source: str
    function: Any
    constants: Callable[[Setting], Floats] = no_constants
    memory: int | Callable[[Setting], int] = 1
    abandons: bool = False
    estimates: bool = True
    stored: bool = True

    @property
    def title(self) -> str:
        """The name with its version."""
        return f"{self.name}@{self.version}"

    def compiled(self) -> Any:
        """Return the callback for the session kernel, compiled or from the cache."""
        return _compiled(self.function, self.stored)


@cache
def _compiled(function: Any, stored: bool) -> Any:
    return policy_kernel(function, stored=stored)
