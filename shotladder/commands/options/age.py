"""The type of options that are time spans."""

from __future__ import annotations

import re
from typing import Any

import click

__all__ = ["SECONDS", "Age"]

#: Seconds per unit of an age.
SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


class Age(click.ParamType[float]):
    """A time span: a number and the unit m, h, d or w."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the time span, s."""
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([mhdw])", str(value))
        if not match:
            self.fail(f"invalid age {value!r} (use for example 12h, 30d or 8w)", param, ctx)
        return float(match[1]) * SECONDS[match[2]]
