"""Show a ladder in pandas, matplotlib and notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

__all__ = ["html_table", "plot_hull", "rung_table"]
