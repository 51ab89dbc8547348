"""The value that describes a policy: its name, source and compiled function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abr.policy_interface.policy_compiler import compile_policy
from abr.policy_interface.policy_state import PolicyContext

__all__ = ["Floats", "Policy", "PolicyContext", "no_constants"]

Floats = NDArray[np.float64]


def no_constants(context: PolicyContext) -> Floats:
    """Return the constants of a policy that needs none."""
    return np.zeros(1)


@dataclass(frozen=True, slots=True)
class Policy:
    """An ABR policy.

    Attributes
    ----------
    name, version : str
        `name@version` identifies the policy; the version is a year, or the player and its release.
    source : str
        Paper with section, or repository with commit and file.
    function : callable
        The compiled function; `abr.policy_interface.policy_state` describes its arguments.
    constants : callable
        Makes the vector `constants` from a `PolicyContext`.
    memory : int or callable
        Number of floats of `memory`, or a function that returns it for a `PolicyContext`.
    abandons : bool
        Whether the policy may abandon downloads.
    estimates : bool
        Whether the policy reads the player's throughput estimate.
    stored : bool
        Whether the machine code may be kept on disk.
    """

    name: str
    version: str
    source: str
    function: Any
    constants: Callable[[PolicyContext], Floats] = no_constants
    memory: int | Callable[[PolicyContext], int] = 1
    abandons: bool = False
    estimates: bool = True
    stored: bool = True

    @property
    def title(self) -> str:
        """The name with its version, `name@version`."""
        return f"{self.name}@{self.version}"

    def memory_size(self, context: PolicyContext) -> int:
        """Return the number of floats of memory that the policy needs."""
        return self.memory if isinstance(self.memory, int) else self.memory(context)

    def compiled(self) -> Any:
        """Return the callback for the session kernel, compiled or from the cache."""
        return _compiled(self.function, self.stored)


@cache
def _compiled(function: Any, stored: bool) -> Any:
    return compile_policy(function, stored=stored)
