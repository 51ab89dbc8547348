"""Probe encodes: what to probe, and what the probes measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ladders.ladder import ProbeCost
from ladders.rd.curves import RatePoint, Size

__all__ = ["ProbeBatch", "ProbePoint", "ProbeResults"]

#: Override, whether by the fast preset, chunk and size.
_Key = tuple[str, bool, int, Size]
_NOTHING: Mapping[float, RatePoint] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ProbePoint:
    """A probe encode to make.

    Attributes
    ----------
    chunk : int
        Index of the chunk.
    size : (int, int)
        Width and height, pixels.
    quantiser : float
    fast : bool
        Whether to encode by the fast preset instead of the target preset.
    override : str
        Name of an encoder override; an empty string for the default override of the settings.
    """

    chunk: int
    size: Size
    quantiser: float
    fast: bool = False
    override: str = ""


@dataclass(frozen=True, slots=True)
class ProbeBatch:
    """The measured probes of one run, and their cost."""

    points: tuple[tuple[ProbePoint, RatePoint], ...]
    cost: ProbeCost


@dataclass(frozen=True, slots=True, eq=False)
class ProbeResults:
    """All measured probes of a title; immutable.

    Examples
    --------
    >>> point = ProbePoint(0, (640, 360), 24.0)
    >>> results = ProbeResults().extended([(point, RatePoint(24.0, 1000, 90.0))])
    >>> results.exact(0, (640, 360))[24.0].bits, len(results.fast(0, (640, 360)))
    (1000, 0)
    """

    _points: Mapping[_Key, Mapping[float, RatePoint]] = field(default_factory=dict)

    def extended(self, points: Iterable[tuple[ProbePoint, RatePoint]]) -> ProbeResults:
        """Return these results and further ones; a point that is measured again replaces the earlier result."""
        merged = dict(self._points)
        changed: dict[_Key, dict[float, RatePoint]] = {}
        for point, result in points:
            key = _key(point)
            if key not in changed:
                changed[key] = dict(merged.get(key, _NOTHING))
                merged[key] = changed[key]
            changed[key][point.quantiser] = result
        return ProbeResults(merged)

    def like(self, point: ProbePoint) -> Mapping[float, RatePoint]:
        """Return results by quantiser that have chunk, size, preset and override of a point."""
        return self._points.get(_key(point), _NOTHING)

    def exact(self, chunk: int, size: Size, override: str = "") -> Mapping[float, RatePoint]:
        """Return the target-preset results of a chunk at a size, by quantiser."""
        return self._points.get((override, False, chunk, size), _NOTHING)

    def fast(self, chunk: int, size: Size) -> Mapping[float, RatePoint]:
        """Return the fast-preset results of a chunk at a size, by quantiser."""
        return self._points.get(("", True, chunk, size), _NOTHING)

    def missing(self, points: Iterable[ProbePoint]) -> list[ProbePoint]:
        """Return the points without a result, each once."""
        return [point for point in dict.fromkeys(points) if point.quantiser not in self.like(point)]

    def plain_points(self, *, fast: bool = False) -> list[tuple[ProbePoint, RatePoint]]:
        """Return the results of one preset with the default override, in the order in which they were probed."""
        return [
            (ProbePoint(chunk, size, quantiser, fast=is_fast), result)
            for (override, is_fast, chunk, size), results in self._points.items()
            if not override and is_fast == fast
            for quantiser, result in results.items()
        ]

    def sizes(self) -> list[Size]:
        """Return the sizes that were probed with the default override, those of the target preset first."""
        plain = sorted((key for key in self._points if not key[0]), key=lambda key: key[1])
        return list(dict.fromkeys(size for _, _, _, size in plain))

    def overrides(self) -> set[str]:
        """Return the names of the other overrides that were probed."""
        return {override for override, _, _, _ in self._points if override}


def _key(point: ProbePoint) -> _Key:
    return point.override, point.fast and not point.override, point.chunk, point.size
