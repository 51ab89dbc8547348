"""The type of options that are numbers of bytes."""

from __future__ import annotations

import re
from typing import Any

import click

__all__ = ["BYTES", "Size"]

#: Bytes per unit of a size.
BYTES = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


class Size(click.ParamType[int]):
    """A number of bytes, optionally with the unit k, M, G or T."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the size, bytes."""
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)B?", str(value).upper())
        if not match:
            self.fail(f"invalid size {value!r} (use for example 500M or 20G)", param, ctx)
        return int(float(match[1]) * BYTES[match[2]])
