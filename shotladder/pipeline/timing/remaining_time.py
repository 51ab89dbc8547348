"""The time left of a run, by its estimate and by what the finished part took."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from shotladder.pipeline.timing.run_estimate import RunEstimate

__all__ = ["TimeLeft"]

#: The estimate counts as much as this fraction of the run against the time that the finished part took.
PRIOR_FRACTION = 0.03

#: Titles of stages, in the order of a run, with the stage of the estimate that each belongs to.
_STAGES = (
    ("shots", "analysis"),
    ("captions", "captions"),
    ("choose a preset", "probes"),
    ("probe encodes", "probes"),
    ("encode the top rung", "top rung"),
    ("encode", "other rungs"),
    ("correct", "corrections"),
    ("compare", "comparison"),
    ("audio and subtitles", "tracks"),
    ("package", "package"),
)
_ORDER = tuple(dict.fromkeys(stage for _, stage in _STAGES))


@dataclass(slots=True)
class TimeLeft:
    """Follows a run by the progress of its stages.

    Attributes
    ----------
    estimate : RunEstimate
    clock : callable
        Returns the time, s.
    """

    estimate: RunEstimate
    clock: Callable[[], float] = time.monotonic
    _first: Mapping[tuple[str, str], float] = field(init=False)
    _start: float = field(init=False)
    _fractions: dict[tuple[str, str], float] = field(init=False)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._first = self.estimate.cpu_seconds
        self._start = self.clock()
        self._fractions = dict.fromkeys(self.estimate.cpu_seconds, 0.0)

    def advance(self, title: str, fraction: float) -> None:
        """Record the progress of a stage, by its title; the stages before it of the same codec are done."""
        codec, stage = _find_stage(title, [codec for codec, _ in self._fractions])
        if stage is None:
            return
        with self._lock:
            for key in self._fractions:
                if _ORDER.index(key[1]) < _ORDER.index(stage) and (not codec or key[0] in ("", codec)):
                    self._fractions[key] = 1.0
                elif key[1] == stage and (not codec or key[0] == codec):
                    # there may be more rounds of corrections
                    part = min(fraction, 1.0) if stage != "corrections" else 0.5 + 0.5 * min(fraction, 1.0)
                    self._fractions[key] = max(self._fractions[key], part)

    def set_progress(self, codec: str, stage: str, done: float, total: float) -> None:
        """Set the CPU seconds of a stage that are done, and those that it is expected to take."""
        with self._lock:
            seconds = {**self.estimate.cpu_seconds, (codec, stage): total}
            self.estimate = replace(self.estimate, cpu_seconds=seconds)
            self._fractions[codec, stage] = done / total if total else 0.0

    def refine(self, cpu_seconds: Mapping[tuple[str, str], float], weight: float = 1.0) -> None:
        """Replace the estimate of stages that have not begun, and add those of further codecs.

        Parameters
        ----------
        cpu_seconds : mapping
            CPU seconds by codec and stage.
        weight : float
            Weight of these values against those before the run, of which the geometric mean is taken.
        """
        with self._lock:
            first = {key: self._first.get(key) or seconds for key, seconds in cpu_seconds.items()}
            cpu_seconds = {key: first[key] ** (1 - weight) * each**weight for key, each in cpu_seconds.items()}
            self._fractions = dict.fromkeys(cpu_seconds, 0.0) | self._fractions
            self.estimate = replace(self.estimate, cpu_seconds={**self.estimate.cpu_seconds, **cpu_seconds})

    def exclude(self, seconds: float) -> None:
        """Leave time that says nothing about the stages, such as the compilation of kernels, out of the time taken."""
        with self._lock:
            self._start += seconds

    @property
    def fraction(self) -> float:
        """Fraction of the run that is done, by its estimate."""
        with self._lock:
            done, total = self._done_and_total()
        return done / total if total else 0.0

    def seconds_left(self) -> float:
        """Return the expected time to the end of the run, s."""
        with self._lock:
            done, total = self._done_and_total()
        prior = PRIOR_FRACTION * total
        elapsed = max(self.clock() - self._start, 0.0)
        return (total - done) * (elapsed + prior) / max(done + prior, 1e-9)

    def _done_and_total(self) -> tuple[float, float]:
        walls = {key: self.estimate.wall(key) for key in self._fractions}
        return sum(walls[key] * part for key, part in self._fractions.items()), sum(walls.values())


def _find_stage(title: str, codecs: Sequence[str]) -> tuple[str, str | None]:
    """Return the codec and the stage of the estimate that a title names; no codec if the run has only one."""
    codec, found, rest = title.partition(": ")
    if not found or codec not in codecs:
        codec, rest = "", title
    return codec, next((stage for start, stage in _STAGES if rest.startswith(start)), None)
