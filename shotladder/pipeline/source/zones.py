"""Zones: limits that a user sets for parts of a source, from a TOML or CSV file."""

from __future__ import annotations

import csv
import io
import math
import tomllib
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

from encoder import Chunk, Source, get_codec
from ladders import EncodeSettings, Shot
from ladders.allocation.zone_limits import ZoneLimits
from shotladder_runtime.errors import ShotladderError

__all__ = ["FrameZone", "Zone", "ZonesError", "limit_chunks", "place_zones", "read_zones"]

#: Bytes. A zone takes about 100; a larger file is not a file of zones. Chosen by hand.
MAX_FILE_SIZE = 1_000_000
#: VMAF; width of the range above the target of a zone. Chosen by hand: the tolerance of corrections is 0.4.
TARGET_WIDTH = 1.0
#: Fraction of the frames of a chunk that must be in a zone for its limits to hold.
MIN_SHARE = 0.5
_UNITS = ("time", "frames", "shots")
_LIMITS = ("target", "floor", "cap", "quantiser", "override")
#: Settings that other encoders have for zones, with the reason why a zone cannot have them.
_LEFT_OUT = {
    "preset": "chunks with other parameter sets cannot be stitched; use override",
    "skip": "all tracks have the duration of the source; cut the source before",
}
_COLUMNS = ("unit", "start", "stop", "target", "floor", "cap", "min_quantiser", "max_quantiser", "override")


class ZonesError(ShotladderError, ValueError):
    """A file of zones cannot be read, or a zone of it does not fit the source."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A part of a source and its limits.

    Attributes
    ----------
    unit : {"time", "frames", "shots"}
    start, stop : float
        Half-open in seconds or frames; the first and the last shot, from 1.
    target, floor, cap : float or None
        VMAF of the top rung; lower rungs keep the distance to their own mean.
    quantisers : (float, float) or None
        Minimum and maximum quantiser of every rung.
    override : str
        Name of an encoder override; empty for the one that other chunks have.
    """

    unit: str
    start: float
    stop: float
    target: float | None = None
    floor: float | None = None
    cap: float | None = None
    quantisers: tuple[float, float] | None = None
    override: str = ""

    @property
    def settings(self) -> str:
        """The limits as text."""
        parts = [f"{name} {getattr(self, name):g}" for name in _LIMITS[:3] if getattr(self, name) is not None]
        if self.quantisers:
            low, high = self.quantisers
            parts.append(f"quantiser {low:g}" if low == high else f"quantiser {low:g} to {high:g}")
        if self.override:
            parts.append(f"override {self.override}")
        return ", ".join(parts)

    def limits(self, ladder_target: float) -> ZoneLimits:
        """Return the limits of a chunk of the zone in a ladder with a target VMAF of the top rung."""
        lowest, highest = self.floor, self.cap
        if self.target is not None:
            lowest, highest = self.target, self.target + TARGET_WIDTH
        return ZoneLimits(
            None if lowest is None else lowest - ladder_target,
            None if highest is None else highest - ladder_target,
            *(self.quantisers or (None, None)),
        )


@dataclass(frozen=True, slots=True)
class FrameZone:
    """A zone with the frames [start, stop) of the source."""

    zone: Zone
    start: int
    stop: int


def read_zones(path: Path) -> tuple[Zone, ...]:
    """Read the zones of a TOML file (tables `[[zone]]`) or, by its suffix, of a CSV file.

    Raises
    ------
    ZonesError
        If the file cannot be read or a zone is invalid; the message names the zone.
    """
    try:
        if path.stat().st_size > MAX_FILE_SIZE:
            raise ZonesError(f"{path}: is larger than {MAX_FILE_SIZE} bytes, and not a file of zones")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ZonesError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ZonesError(f"{path}: is not text in UTF-8") from error
    rows = _read_csv(path, text) if path.suffix.lower() == ".csv" else _read_toml(path, text)
    zones = []
    for number, row in enumerate(rows, 1):
        try:
            zones.append(_make_zone(row))
        except (ValueError, TypeError) as error:
            raise ZonesError(f"{path}: zone {number}: {error}") from error
    if not zones:
        raise ZonesError(f"{path}: contains no zone")
    return tuple(zones)


def _read_toml(path: Path, text: str) -> Sequence[Mapping[str, Any]]:
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ZonesError(f"{path}: is not valid TOML ({error})") from error
    rows = document.get("zone")
    if set(document) != {"zone"} or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ZonesError(f"{path}: has no tables [[zone]], or other keys beside them")
    return rows


def _read_csv(path: Path, text: str) -> Sequence[Mapping[str, Any]]:
    reader = csv.DictReader(io.StringIO(text))
    unknown = [name for name in reader.fieldnames or () if name not in _COLUMNS]
    for name in unknown:
        if name in _LEFT_OUT:
            raise ZonesError(f"{path}: a zone cannot have {name}, because {_LEFT_OUT[name]}")
    if unknown or not {"unit", "start", "stop"} <= set(reader.fieldnames or ()):
        raise ZonesError(f"{path}: the columns must be unit, start, stop and some of {', '.join(_COLUMNS[3:])}")
    rows = []
    for number, line in enumerate(reader, 1):
        cells = {name: cell for name, cell in line.items() if name and cell}
        try:
            numbers = {name: float(cell) for name, cell in cells.items() if name not in ("unit", "override")}
        except ValueError as error:
            raise ZonesError(f"{path}: zone {number}: {error}") from error
        row: dict[str, Any] = {cells.get("unit", ""): [numbers.pop("start", None), numbers.pop("stop", None)]}
        low, high = numbers.pop("min_quantiser", None), numbers.pop("max_quantiser", None)
        if low is not None or high is not None:
            row["quantiser"] = [0.0 if low is None else low, math.inf if high is None else high]
        rows.append(row | numbers | {name: cells[name] for name in ("override",) if name in cells})
    return rows


def _make_zone(row: Mapping[str, Any]) -> Zone:
    """Return the zone of a row; raise ValueError with the reason."""
    unknown = [key for key in row if key not in (*_UNITS, *_LIMITS)]
    for key in unknown:
        if key in _LEFT_OUT:
            raise ValueError(f"a zone cannot have {key}, because {_LEFT_OUT[key]}")
    if unknown:
        raise ValueError(f"unknown key {unknown[0]!r} (choose from {', '.join((*_UNITS, *_LIMITS))})")
    units = [unit for unit in _UNITS if unit in row]
    if len(units) != 1:
        raise ValueError(f"one of {', '.join(_UNITS)} must state its range")
    start, stop = _read_range(row, units[0])
    if units[0] != "time" and (start != int(start) or stop != int(stop)):
        raise ValueError(f"{units[0]} {start:g} to {stop:g} are not whole numbers")
    if start < (units[0] == "shots") or stop < start or (stop == start and units[0] != "shots"):
        raise ValueError(f"{units[0]} {start:g} to {stop:g} contain nothing")
    values = {name: _read_number(row, name) for name in _LIMITS[:3] if name in row}
    for name, value in values.items():
        if not 0 <= value <= 100:
            raise ValueError(f"{name} {value:g} is not a VMAF from 0 to 100")
    if "target" in values and len(values) > 1:
        raise ValueError("target cannot be combined with floor or cap")
    if values.get("floor", 0) > values.get("cap", 100):
        raise ValueError("floor is above cap")
    quantisers = None
    if "quantiser" in row:
        given = row["quantiser"]
        quantisers = _read_range(row, "quantiser") if isinstance(given, list) else (_read_number(row, "quantiser"),) * 2
        if quantisers[0] > quantisers[1]:
            raise ValueError("the minimum of quantiser is above its maximum")
    override = row.get("override", "")
    if not isinstance(override, str):
        raise ValueError(f"override has {override!r}, which is not a name")
    if not values and quantisers is None and not override:
        raise ValueError(f"has no limit (choose from {', '.join(_LIMITS)})")
    return Zone(units[0], start, stop, **values, quantisers=quantisers, override=override)


def _read_range(row: Mapping[str, Any], key: str) -> tuple[float, float]:
    value = row[key]
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(f"{key} must be a list of two numbers")
    low, high = (_read_number({key: each}, key) for each in value)
    return low, high


def _read_number(row: Mapping[str, Any], key: str) -> float:
    value = row[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise ValueError(f"{key} has {value!r}, which is not a number")
    return float(value)


def place_zones(zones: Sequence[Zone], source: Source, shots: Sequence[Shot] | None) -> tuple[FrameZone, ...]:
    """Return the zones with their frames, in order of time.

    Parameters
    ----------
    zones : sequence of Zone
    source : Source
    shots : sequence of Shot or None
        None before they are known: zones of shots are then left out.

    Raises
    ------
    ZonesError
        If a zone is not within the source, or two zones overlap.
    """
    placed = []
    for number, zone in enumerate(zones, 1):
        if zone.unit == "shots":
            if shots is None:
                continue
            if zone.stop > len(shots):
                raise ZonesError(f"zone {number}: shot {zone.stop:g} is beyond the last one, {len(shots)}")
            start, stop = shots[int(zone.start) - 1].start, shots[int(zone.stop) - 1].stop
        elif zone.unit == "frames":
            start, stop = int(zone.start), int(zone.stop)
            if stop > source.frame_count:
                raise ZonesError(f"zone {number}: frame {stop} is beyond the end, {source.frame_count}")
        else:
            if zone.stop > source.duration:
                raise ZonesError(f"zone {number}: {zone.stop:g} s is beyond the end, {float(source.duration):.3f} s")
            start, stop = _find_frame(source, zone.start), _find_frame(source, zone.stop)
        placed.append(FrameZone(zone, start, stop))
    placed.sort(key=lambda each: each.start)
    for one, other in pairwise(placed):
        if other.start < one.stop:
            raise ZonesError(f"zones overlap at frame {other.start}, {float(source.time(other.start)):.3f} s")
    return tuple(placed)


def _find_frame(source: Source, seconds: float) -> int:
    """Return the first frame that is shown at a time or later."""
    # the decimal number that the user wrote, not the binary one next to it
    exact = Fraction(str(seconds))
    return bisect_left(range(source.frame_count), exact, key=source.time)


def limit_chunks(
    zones: Sequence[FrameZone], chunks: Sequence[Chunk], codec: str, ladder_target: float
) -> tuple[ZoneLimits | None, ...]:
    """Return the limits of each chunk: those of the zone that has at least half of its frames.

    Raises
    ------
    ZonesError
        If a zone contains half of no chunk, or has a quantiser that the codec does not have.
    """
    lowest, highest = get_codec(codec).quantisers
    limits: list[ZoneLimits | None] = [None] * len(chunks)
    for each in zones:
        low, high = each.zone.quantisers or (lowest, highest)
        if high < lowest or low > highest:
            raise ZonesError(
                f"the zone at frame {each.start}: {each.zone.settings} is not a quantiser of {codec}"
                f" ({lowest:g} to {highest:g})"
            )
        numbers = _find_chunks(each, chunks)
        for n in numbers:
            limits[n] = each.zone.limits(ladder_target)
        if not numbers:
            raise ZonesError(
                f"the zone of frames {each.start} to {each.stop - 1} contains half of no chunk; add cuts at its ends"
                " to the output of `shotladder shots --json`, and pass that as --shots"
            )
    return tuple(limits)


def choose_overrides(zones: Sequence[FrameZone], chunks: Sequence[Chunk], encoding: EncodeSettings) -> tuple[str, ...]:
    """Return the encoder override that zones give to each chunk, an empty string for none.

    Raises
    ------
    ZonesError
        If the codec has no such override for the preset and the tune.
    """
    names = [each.name for each in get_codec(encoding.codec).overrides_for(encoding.preset, encoding.tune)]
    chosen = [""] * len(chunks)
    for each in zones:
        if each.zone.override and each.zone.override not in names:
            raise ZonesError(
                f"the zone at frame {each.start}: {encoding.codec} has no override {each.zone.override!r} for the"
                f" preset {encoding.preset} (choose from {', '.join(names) or 'none'})"
            )
        for n in _find_chunks(each, chunks):
            chosen[n] = each.zone.override
    return tuple(chosen)


def _find_chunks(zone: FrameZone, chunks: Sequence[Chunk]) -> list[int]:
    """Return the indices of the chunks of which half of the frames or more are in a zone."""
    return [
        n
        for n, chunk in enumerate(chunks)
        if min(chunk.stop, zone.stop) - max(chunk.start, zone.start) >= MIN_SHARE * chunk.frame_count
    ]
