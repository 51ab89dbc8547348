"""A kind of fault: a hypothesis, and a function that disturbs a run."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.chaos.recovery_check import Control
from benchmarks.chaos.trial import Run, Trial


class TooLateError(Exception):
    """The run ended before the fault; the trial counts for nothing and is repeated."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a fault acts on: a trial, the control run, and the random numbers of the trial."""

    trial: Trial
    control: Control
    rng: random.Random


@dataclass(frozen=True, slots=True)
class Fault:
    """What was done, and the run that was disturbed; no run if the fault was done to a store at rest."""

    text: str
    run: Run | None = None


@dataclass(frozen=True, slots=True)
class FaultKind:
    """A kind of fault.

    Attributes
    ----------
    name : str
    hypothesis : str
        What must hold for faults of this kind, in words.
    inject : callable
        Disturb a run of the scene, wait until it ends, undo what no user could work with (a full disk, a read-only
        store), and return what was done.
    weight : int
        Faults of this kind in a round.
    has_store : bool
        Whether the trial starts with the store of a finished run.
    can_clean : bool
        Whether a run that reports an error must have deleted its temporary files.
    can_encrypt : bool
        Whether some of the trials encrypt.
    """

    name: str
    hypothesis: str
    inject: Callable[[Scene], Fault]
    weight: int = 2
    has_store: bool = False
    can_clean: bool = True
    can_encrypt: bool = False


def require(is_in_time: bool) -> None:
    """Raise `TooLateError` if a run ended before its fault."""
    if not is_in_time:
        raise TooLateError
