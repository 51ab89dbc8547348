"""Change modules in one place at a time, and see whether their tests notice."""

from __future__ import annotations

__all__: list[str] = []
