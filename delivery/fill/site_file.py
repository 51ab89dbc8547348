"""The files of `fill`: sites (TOML), predicted views (CSV), and plans (JSON)."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from delivery.errors import FillError
from delivery.fill.fill_plan import FillFile, FillPlan, Site
from shotladder_runtime.regular_file import read_regular_file

__all__ = ["plan_document", "read_held", "read_sites", "read_views"]

#: Maximum size of each file, bytes; chosen by hand.
MAX_BYTES = 256 << 20
#: A time of day; 24:00 is the end of a day.
_TIME = "([01][0-9]|2[0-3]|24(?=:00)):([0-5][0-9])"
_WINDOW = re.compile(f"{_TIME}-{_TIME}")


class _SiteEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    disk_gb: float
    region: str = "all"
    url: str = ""
    throughput_mbps: float = math.inf
    fill_mbps: float = math.inf
    fill_window: str = "00:00-24:00"
    tier: int = 1
    regions: tuple[str, ...] = ()


class _SiteFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    site: list[_SiteEntry]


class _PlannedFile(msgspec.Struct, frozen=True):
    presentation: str
    rung: str
    bytes: int


class _PlannedSite(msgspec.Struct, frozen=True):
    name: str
    files: list[_PlannedFile]


class _PlanFile(msgspec.Struct, frozen=True):
    sites: list[_PlannedSite]


def read_sites(path: Path) -> tuple[Site, ...]:
    """Return the sites of a TOML file.

    Each is a table `[[site]]` with name and disk_gb, and optionally region, url, throughput_mbps, fill_mbps,
    fill_window, for example "02:00-14:00" (UTC), tier, and regions if it serves others than its own.

    Raises
    ------
    FillError
        When it cannot be read or has another structure.
    """
    try:
        entries = msgspec.toml.decode(_read(path), type=_SiteFile).site
    except (msgspec.DecodeError, RecursionError) as error:
        raise FillError(f"{path}: {error}") from error
    return tuple(
        Site(
            each.name,
            each.url,
            each.region,
            each.disk_gb * 1e9,
            each.throughput_mbps * 1e6,
            each.fill_mbps * 1e6,
            *_read_window(each),
            each.tier,
            each.regions,
        )
        for each in entries
    )


def _read_window(site: _SiteEntry) -> tuple[float, float]:
    """Return length and start of the fill window, s."""
    match = _WINDOW.fullmatch(site.fill_window)
    if match is None:
        raise FillError(f"site {site.name}: the fill window is {site.fill_window!r}, expected for example 02:00-14:00")
    start, stop = (60 * int(match[n]) + int(match[n + 1]) for n in (1, 3))
    # a window may end on the next day
    return 60.0 * ((stop - start) % 1440 or 1440), 60.0 * start


def read_views(path: Path) -> dict[str, dict[str, float]]:
    """Return predicted views per day by region and presentation, of a CSV file with `presentation,region,views`.

    Raises
    ------
    FillError
        When it cannot be read, or a number of views is not finite or negative.
    """
    rows = csv.DictReader(io.StringIO(_read(path)))
    missing = {"presentation", "views"} - set(rows.fieldnames or ())
    if missing:
        raise FillError(f"{path}: has no column {min(missing)}")
    views: dict[str, dict[str, float]] = {}
    for number, row in enumerate(rows, 2):
        try:
            count = float(row["views"] or "")
        except ValueError:
            count = math.nan
        if not (math.isfinite(count) and count >= 0):
            raise FillError(f"{path}: line {number}: views are {row['views']!r}, expected a finite number >= 0")
        region = views.setdefault(row.get("region") or "all", {})
        region[row["presentation"]] = region.get(row["presentation"], 0.0) + count
    return views


def read_held(path: Path) -> dict[str, set[FillFile]]:
    """Return the files that each site of an earlier plan holds."""
    try:
        plan = msgspec.json.decode(_read(path), type=_PlanFile)
    except (msgspec.DecodeError, RecursionError) as error:
        raise FillError(f"{path}: is not a fill plan ({error})") from error
    return {
        site.name: {FillFile(each.presentation, each.rung, each.bytes) for each in site.files} for site in plan.sites
    }


def plan_document(plan: FillPlan) -> dict[str, Any]:
    """Return a plan as a JSON document."""
    return {
        "version": 1,
        "demand_bytes": round(plan.demand),
        "offload": plan.offload,
        "value": plan.value,
        "bound": plan.bound,
        "gap_percent": 100 * plan.gap,
        "methods": dict(plan.methods),
        "notes": list(plan.notes),
        "sites": [
            {
                "name": each.site.name,
                "url": each.site.url,
                "region": each.site.region,
                "disk_bytes": round(each.site.disk),
                "used_bytes": sum(file.size for file in each.files),
                "copied_bytes": sum(file.size for file in each.new),
                "served_bytes": round(each.served),
                "files": [_file(file) for file in each.files],
                "new": [_file(file) for file in each.new],
                "removed": [_file(file) for file in each.removed],
            }
            for each in plan.sites
        ],
    }


def _file(file: FillFile) -> Mapping[str, Any]:
    return {"presentation": file.presentation, "rung": file.rung, "bytes": file.size}


def _read(path: Path) -> str:
    try:
        return read_regular_file(path, MAX_BYTES)
    except (OSError, ValueError) as error:
        raise FillError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
