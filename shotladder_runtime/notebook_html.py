"""Write the small HTML tables by which notebooks show a value."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

__all__ = ["property_table"]


def property_table(heading: str, properties: Mapping[str, object]) -> str:
    """Return an HTML table with a heading and a row for each property.

    Parameters
    ----------
    heading : str
        Class and name of the value.
    properties : mapping
        Name to value; values are shown by `str`, properties that are None are left out.

    Examples
    --------
    >>> property_table("Trace bus", {"duration": "10 s", "note": None})
    '<table><caption>Trace bus</caption><tr><th>duration</th><td>10 s</td></tr></table>'
    """
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>"
        for name, value in properties.items()
        if value is not None
    )
    return f"<table><caption>{escape(heading)}</caption>{rows}</table>"
