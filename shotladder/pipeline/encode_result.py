"""What one run of `encode` returns."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

from ladders import Ladder
from shotladder.report.presentation_format import Presentation
from shotladder.report.readable_units import format_count

__all__ = ["EncodeResult"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class EncodeResult:
    """A finished presentation.

    Attributes
    ----------
    path : Path
        Directory of the presentation.
    presentation : Presentation
        Content of `presentation.json`.
    ladders : tuple of Ladder
        Ladder of each codec; empty if the presentation was already there.
    notes : tuple of str
        Messages of the run: what was skipped, replaced or assumed.
    already_there : bool
        Whether an earlier run with the same settings wrote the presentation, so that this run did nothing.
    """

    path: Path
    presentation: Presentation
    ladders: tuple[Ladder, ...] = ()
    notes: tuple[str, ...] = ()
    already_there: bool = False

    def __repr__(self) -> str:
        """Return one line: the directory and the top rung of each codec."""
        tops = {rung.codec: rung for rung in self.presentation.video}
        shown = ", ".join(f"{r.id} VMAF {r.vmaf.mean:.1f}" for r in tops.values())
        return f"EncodeResult({str(self.path)!r}, {format_count(len(self.presentation.video), 'rung')}, top {shown})"

    def _repr_html_(self) -> str:
        """Return the rungs as an HTML table, for notebooks."""
        head = "<tr><th>rung</th><th>size</th><th>kbit/s</th><th>VMAF</th></tr>"
        rows = "".join(
            f"<tr><td>{escape(rung.id)}</td><td>{rung.width}x{rung.height}</td>"
            f"<td>{rung.average_bitrate / 1000:.0f}</td><td>{rung.vmaf.mean:.1f}</td></tr>"
            for rung in self.presentation.video
        )
        return f"<table><caption>{escape(str(self.path))}</caption>{head}{rows}</table>"
