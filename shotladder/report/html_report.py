"""`report.html`: the report of a presentation, one self-contained file that needs no network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from rich.console import Console
from rich.table import Table

from ladders import HullPoint
from shotladder.report import figures
from shotladder.report.presentation_format import Comparison, LadderEntry, Presentation

__all__ = ["rung_table", "write_report"]

_RUNG_HEAD = ("rung", "size", "kbit/s", "peak kbit/s", "VMAF", "harmonic", "5th pct", "min", "quantisers")

#: Table head of each constraint, by its key in `presentation.json`.
_CONSTRAINTS = {
    "floor": "at the minimum VMAF",
    "cap": "at the maximum VMAF",
    "peak": "at the peak bitrate",
    "max_quality_step": "at the maximum VMAF step",
}


def write_report(path: Path, presentation: Presentation, hulls: Mapping[str, Sequence[HullPoint]]) -> None:
    """Write the report of a presentation.

    Parameters
    ----------
    path : Path
        File to write.
    presentation : Presentation
        Content of `presentation.json`.
    hulls : mapping of str to sequence of HullPoint
        Predicted rate-quality points of the title, by codec.
    """
    constraint_head, constraint_rows = _constraint_table(presentation)
    # autoescape: titles and track names come from files and may contain markup
    environment = Environment(
        loader=PackageLoader("shotladder.report", ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    page = environment.get_template("template.html").render(
        presentation=presentation,
        lead=_lead(presentation),
        facts=_facts(presentation),
        hulls=[
            (
                codec,
                # the first figure of the page contains the drawing code for all
                figures.html(figures.ladder_on_hull(presentation, codec, hull), first=n == 0),
                _hull_note(presentation, codec),
            )
            for n, (codec, hull) in enumerate(hulls.items())
        ],
        rung_head=(*_RUNG_HEAD, "VBV s"),
        rung_rows=_rung_rows_with_vbv(presentation),
        time_figure=figures.html(figures.over_time(presentation)),
        quantiser_figure=figures.html(figures.quantisers(presentation)),
        constraint_head=constraint_head,
        constraint_rows=constraint_rows,
        cost_rows=_cost_rows(presentation),
        version_rows=[*presentation.made_with.to_dict().items()],
    )
    path.write_text(page)


def rung_table(presentation: Presentation) -> str:
    """Return the rungs, and the comparison with the fixed ladder, as a table for a terminal."""
    table = Table(*_RUNG_HEAD)
    for row in _rung_rows(presentation):
        table.add_row(*row)
    console = Console(width=110)
    with console.capture() as captured:
        console.print(table)
    lines = [captured.get().rstrip()]
    lines += [f"against {c.anchor}: BD-rate {_bd_rate(c)}; {_bitrate_change(c)}" for c in presentation.comparisons]
    return "\n".join(lines)


def _rung_rows(presentation: Presentation) -> list[tuple[str, ...]]:
    return [
        (
            rung.id,
            f"{rung.width}x{rung.height}",
            f"{rung.average_bitrate / 1000:.0f}",
            f"{rung.peak_bitrate / 1000:.0f}",
            *(f"{value:.1f}" for value in (rung.vmaf.mean, rung.vmaf.harmonic_mean, rung.vmaf.p5, rung.vmaf.min)),
            f"{min(rung.quantisers):g} to {max(rung.quantisers):g}",
        )
        for rung in presentation.video
    ]


def _rung_rows_with_vbv(presentation: Presentation) -> list[tuple[str, ...]]:
    seconds = (rung.vbv_bits / rung.vbv_bitrate for rung in presentation.video)
    return [(*row, f"{each:.2f}") for row, each in zip(_rung_rows(presentation), seconds, strict=True)]


def _constraint_table(presentation: Presentation) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the head and the rows of the shots at active constraints, with the cost; no rows without one."""
    active = {rung.id: rung.active_constraints.to_dict() for rung in presentation.video}
    names = [name for name in _CONSTRAINTS if any(shots[name] for shots in active.values())]
    head = ("shots with an active constraint", *(_CONSTRAINTS[name] for name in names))
    costs = {rung.id: rung.constraint_costs for rung in presentation.video}

    def cell(rung: str, name: str) -> str:
        shots = ", ".join(map(str, active[rung][name])) or "none"
        return f"{shots} ({costs[rung][name]:.1f} % of the bits)" if name in costs[rung] else shots

    rows = [(rung, *(cell(rung, name) for name in names)) for rung in active]
    return head, rows if names else []


def _lead(presentation: Presentation) -> str:
    ladder = presentation.ladder
    return (
        f"{presentation.duration:.1f} s in {len(presentation.shots)} shots and {len(presentation.segments)}"
        f" segments; {ladder.mode} ladder with {len(presentation.video)} rungs, preset {ladder.preset},"
        f" {'metric' if ladder.tune == 'metric' else 'visual'} tuning{_override_counts(ladder)}"
    )


def _override_counts(ladder: LadderEntry) -> str:
    """Return the number of shots with each encoder override."""
    counts = Counter(name for names in ladder.overrides.values() for name in names if name)
    return "".join(f"; {count} shots with override ({name})" for name, count in counts.items())


def _facts(presentation: Presentation) -> list[tuple[str, str]]:
    tops = {rung.codec: rung for rung in presentation.video}
    several = len(tops) > 1
    stored = sum(segment.bytes for rung in presentation.video for segment in rung.segments)
    facts = []
    for comparison in presentation.comparisons:
        if comparison.bd_rate_percent is None:
            continue
        name = f"{comparison.codec}: " if several else ""
        facts.append((f"{name}BD-rate against the fixed ladder", _bd_rate(comparison)))
    for codec, top in tops.items():
        name = f"{codec}: " if several else ""
        facts.append((f"{name}VMAF of the top rung", f"{top.vmaf.mean:.2f}"))
        facts.append((f"{name}bitrate of the top rung", f"{top.average_bitrate / 1000:.0f} kbit/s"))
    target = ("target VMAF", f"{presentation.ladder.target_vmaf:g}")
    return [*facts, target, ("size of all video", f"{stored / 1e6:.1f} MB")]


def _hull_note(presentation: Presentation, codec: str) -> str:
    note = "Lines: prediction from the probe encodes for each resolution. Dots: measured rungs."
    comparison = figures.find_comparison(presentation, codec)
    if comparison is None:
        return note
    return (
        f"{note} Crosses: {comparison.anchor}, measured on {comparison.sampled_chunks} of"
        f" {comparison.chunks} chunks. BD-rate against it {_bd_rate(comparison)}; {_bitrate_change(comparison)}."
    )


def _bd_rate(comparison: Comparison) -> str:
    """Return the BD-rate with its standard error and its VMAF range."""
    percent, error = comparison.bd_rate_percent, comparison.bd_rate_error_percent
    if percent is None:
        return "unknown, because the two ladders have no common VMAF range"
    over = f"over VMAF {comparison.vmaf_low:.0f} to {comparison.vmaf_high:.0f}"
    return f"{percent:+.1f}{f' ± {error:.1f}' if error else ''} % {over}"


def _bitrate_change(comparison: Comparison) -> str:
    return (
        f"bits of all rungs {comparison.stored_bits_percent:+.1f} %,"
        f" bits of the top rung {comparison.top_rung_percent:+.1f} %"
    )


def _cost_rows(presentation: Presentation) -> list[tuple[str, str]]:
    cost = presentation.cost
    expected = [percent for percent in presentation.ladder.expected_excess_percent.values() if percent is not None]
    note = f"; expected saving of further probes {max(expected):.1f} %" if expected else ""
    stages = {
        "shot detection and complexity": cost.analysis_cpu_seconds,
        f"{cost.probes} probe encodes and their VMAF{note}": cost.probe_cpu_seconds,
        "final encodes": cost.encode_cpu_seconds,
        "VMAF of the final encodes, every frame": cost.measure_cpu_seconds,
        "sample encodes of the fixed ladder": cost.comparison_cpu_seconds,
    }
    rows = [(name, f"{seconds:.1f}") for name, seconds in stages.items()]
    return [*rows, ("total", f"{sum(stages.values()):.1f}")]
