"""`report.html`: everything a person may ask of a presentation, in one file without network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from rich.console import Console
from rich.table import Table

from ladders import HullPoint
from shotladder.report import figures

__all__ = ["rung_table", "write_report"]

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>$title: shotladder report</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; color: #1d2733; background: #fff; max-width: 1080px;
       margin: 2.5rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.7rem; margin-bottom: 0; }
h2 { font-size: 1.15rem; margin: 2.4rem 0 .3rem; }
h3 { font-size: 1rem; margin: 1rem 0 0; color: #566273; }
p.lead { color: #566273; margin-top: .2rem; }
dl.facts { display: flex; flex-wrap: wrap; gap: .8rem; padding: 0; }
dl.facts div { background: #f3f6f9; border-radius: 8px; padding: .7rem 1.1rem; min-width: 9rem; }
dl.facts dt { color: #566273; font-size: .85rem; }
dl.facts dd { margin: 0; font-size: 1.45rem; font-weight: 600; font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; }
th, td { text-align: right; padding: .32rem .7rem; border-bottom: 1px solid #e3e8ee; }
th { color: #566273; font-weight: 500; font-size: .85rem; }
th:first-child, td:first-child { text-align: left; }
small { color: #566273; }
</style>
</head>
<body>
<h1>$title</h1>
<p class="lead">$lead</p>
<dl class="facts">$facts</dl>
<h2>The ladder on the film's curves</h2>
$hull
<h2>Rungs, as measured on the packaged files</h2>
$rungs
<small>Buffer: what a decoder must hold so that no frame is late, in seconds of the rate that fills it:
the peak, or more where a buffer was asked for that needs it.</small>
<h2>Quality and bits over time</h2>
$time
<small>One step a segment; lines mark the shots (dotted: dissolves, fades and wipes). Click a rung in the legend to
hide or show it.</small>
<h2>Where the bits go</h2>
$shots
<small>The quantiser of every shot on every rung; lower spends more bits.</small>
$held
<h2>What it cost</h2>
$cost
<h2>Made with</h2>
$made
</body>
</html>
""")


def write_report(path: Path, presentation: dict[str, Any], hulls: Mapping[str, Sequence[HullPoint]]) -> None:
    """Write the report of a presentation.

    Parameters
    ----------
    path : Path
        File to write.
    presentation : dict
        Content of `presentation.json`.
    hulls : mapping of str to sequence of HullPoint
        Points on the title's curves, as predicted, for each codec.
    """
    page = _PAGE.substitute(
        title=escape(presentation["title"]),
        lead=escape(_lead(presentation)),
        facts="".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in _facts(presentation)),
        hull="".join(_hull(presentation, codec, hull, first=n == 0) for n, (codec, hull) in enumerate(hulls.items())),
        rungs=_html_table((*_RUNG_HEAD, "buffer s"), _with_buffers(presentation)),
        time=figures.html(figures.over_time(presentation)),
        shots=figures.html(figures.quantisers(presentation)),
        held=_held_table(presentation),
        cost=_html_table(("stage", "CPU seconds"), _cost_rows(presentation)),
        made=_html_table(("part", "version"), [(k, str(v)) for k, v in presentation["made_with"].items()]),
    )
    path.write_text(page)


def rung_table(presentation: dict[str, Any]) -> str:
    """Return the rungs as a table for a terminal."""
    table = Table(*_RUNG_HEAD)
    for row in _rung_rows(presentation):
        table.add_row(*row)
    console = Console(width=110)
    with console.capture() as captured:
        console.print(table)
    lines = [captured.get().rstrip()]
    lines += [f"against {c['anchor']}: BD-rate {_bd_rate(c)}; {_kept(c)}" for c in presentation["comparisons"]]
    return "\n".join(lines)


_RUNG_HEAD = ("rung", "size", "kbit/s", "peak kbit/s", "VMAF", "harmonic", "5th pct", "worst", "quantisers")


def _rung_rows(presentation: dict[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            rung["id"],
            f"{rung['width']}x{rung['height']}",
            f"{rung['average_bitrate'] / 1000:.0f}",
            f"{rung['peak_bitrate'] / 1000:.0f}",
            *(f"{rung['vmaf'][key]:.1f}" for key in ("mean", "harmonic_mean", "p5", "min")),
            f"{min(rung['quantisers']):g} to {max(rung['quantisers']):g}",
        )
        for rung in presentation["video"]
    ]


def _with_buffers(presentation: dict[str, Any]) -> list[tuple[str, ...]]:
    seconds = (rung["buffer_bits"] / rung["buffer_rate"] for rung in presentation["video"])
    return [(*row, f"{told:.2f}") for row, told in zip(_rung_rows(presentation), seconds, strict=True)]


#: What a limit is called in the report.
_LIMITS = {
    "floor": "at the floor",
    "cap": "at the cap, where the scale ends",
    "peak": "at the peak",
    "max_quality_step": "at the step from a neighbour",
}


def _held_table(presentation: dict[str, Any]) -> str:
    """Tell the shots that limits keep from where bits are best spent."""
    used = [name for name in _LIMITS if any(rung["held"][name] for rung in presentation["video"])]
    if not used:
        return ""
    rows = [
        (rung["id"], *(", ".join(map(str, rung["held"][name])) or "none" for name in used))
        for rung in presentation["video"]
    ]
    head = ("shots that a limit holds", *(_LIMITS[name] for name in used))
    return _html_table(head, rows)


def _lead(presentation: dict[str, Any]) -> str:
    ladder = presentation["ladder"]
    return (
        f"{presentation['duration']:.1f} s in {len(presentation['shots'])} shots and {len(presentation['segments'])}"
        f" segments; {ladder['mode']} ladder of {len(presentation['video'])} rungs, preset {ladder['preset']},"
        f" tuned for the {'metric' if ladder['tune'] == 'metric' else 'eye'}{_refined(ladder)}"
    )


def _refined(ladder: dict[str, Any]) -> str:
    """Tell how many shots have more than the preset."""
    counts = Counter(name for names in ladder["overrides"].values() for name in names if name)
    return "".join(f"; {count} shots refined ({name})" for name, count in counts.items())


def _facts(presentation: dict[str, Any]) -> list[tuple[str, str]]:
    tops = {rung["codec"]: rung for rung in presentation["video"]}
    several = len(tops) > 1
    stored = sum(segment["bytes"] for rung in presentation["video"] for segment in rung["segments"])
    facts = []
    for comparison in presentation["comparisons"]:
        if comparison["bd_rate_percent"] is None:
            continue
        name = f"{comparison['codec']}: " if several else ""
        facts.append((f"{name}BD-rate against fixed", _bd_rate(comparison)))
    for codec, top in tops.items():
        name = f"{codec}: " if several else ""
        facts.append((f"{name}top rung's VMAF", f"{top['vmaf']['mean']:.2f}"))
        facts.append((f"{name}top rung", f"{top['average_bitrate'] / 1000:.0f} kbit/s"))
    target = ("target VMAF", f"{presentation['ladder']['target_vmaf']:g}")
    return [*facts, target, ("video stored", f"{stored / 1e6:.1f} MB")]


def _hull(presentation: dict[str, Any], codec: str, hull: Sequence[HullPoint], *, first: bool) -> str:
    """Draw the ladder of one codec."""
    figure = figures.html(figures.ladder_on_hull(presentation, codec, hull), first=first)
    return f"<h3>{escape(codec)}</h3>{figure}<small>{escape(_hull_note(presentation, codec))}</small>"


def _hull_note(presentation: dict[str, Any], codec: str) -> str:
    note = "Lines: what trial encodes predict for each height. Dots: the rungs as measured."
    comparison = figures.comparison_of(presentation, codec)
    if comparison is None:
        return note
    return (
        f"{note} Crosses: {comparison['anchor']}, tried on {comparison['chunks_tried']} of"
        f" {comparison['chunks']} chunks. Against it, BD-rate {_bd_rate(comparison)}; {_kept(comparison)}."
    )


def _bd_rate(comparison: dict[str, Any]) -> str:
    """Tell it with its range."""
    percent, error = comparison["bd_rate_percent"], comparison["bd_rate_error_percent"]
    if percent is None:
        return "unknown, as the two have no VMAF in common"
    over = f"over VMAF {comparison['vmaf_low']:.0f} to {comparison['vmaf_high']:.0f}"
    return f"{percent:+.1f}{f' ± {error:.1f}' if error else ''} % {over}"


def _kept(comparison: dict[str, Any]) -> str:
    return (
        f"bits of all rungs {comparison['stored_bits_percent']:+.1f} %,"
        f" of the top rung {comparison['top_rung_percent']:+.1f} %"
    )


def _cost_rows(presentation: dict[str, Any]) -> list[tuple[str, str]]:
    cost = presentation["cost"]
    losses = [loss for loss in presentation["ladder"]["remaining_loss_percent"].values() if loss is not None]
    more = f"; more would save about {max(losses):.1f} % of the bits" if losses else ""
    names = {
        "analysis_cpu_seconds": "shots and complexity",
        "probe_cpu_seconds": f"{cost['probes']} trial encodes, measured{more}",
        "encode_cpu_seconds": "final encodes",
        "measure_cpu_seconds": "measuring them on every frame",
        "comparison_cpu_seconds": "what a fixed ladder would have given",
    }
    rows = [(name, f"{cost[key]:.1f}") for key, name in names.items()]
    return [*rows, ("in all", f"{sum(cost[key] for key in names):.1f}")]


def _html_table(head: tuple[str, ...], rows: list[Any]) -> str:
    cells = "".join(f"<th>{escape(h)}</th>" for h in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"
