"""Check a source before the libraries are imported, which takes seconds."""

from __future__ import annotations

from pathlib import Path

from shotladder_runtime.errors import ShotladderError
from shotladder_runtime.regular_file import explain_unreadable

__all__ = ["require_source"]


def require_source(source: str) -> None:
    """Check that a source is a URL or a regular file.

    Raises
    ------
    ShotladderError
        With the text of the error that opening it would raise.
    """
    if "://" not in source and (reason := explain_unreadable(source)):
        raise ShotladderError(f"{Path(source).absolute()}: {reason}")
