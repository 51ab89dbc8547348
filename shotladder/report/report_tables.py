"""The tables of the report, each as (caption, head, rows)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from shotladder.report.equal_quality import compare_rungs
from shotladder.report.feature_rows import feature_rows
from shotladder.report.presentation_format import LadderEntry, Presentation
from shotladder.report.readable_units import (
    codec_label,
    format_bitrate,
    format_count,
    format_range,
    format_seconds,
    format_shots,
    format_size,
    format_time,
    metric_label,
)
from shotladder.report.verdict import format_target

__all__ = [
    "RUNG_HEAD",
    "CostRow",
    "TableContent",
    "constraint_table",
    "cost_rows",
    "fixed_ladder_tables",
    "run_rows",
    "rung_rows",
    "rung_table_with_vbv",
    "setting_rows",
    "shot_table",
    "source_rows",
    "track_table",
]

RUNG_HEAD = ("rung", "size", "bitrate", "peak bitrate", "VMAF", "harmonic", "5th pct", "min", "quantisers")

#: Table head of each constraint, by its key in `presentation.json`.
_CONSTRAINTS = {
    "floor": "at the minimum VMAF",
    "cap": "at the maximum VMAF",
    "peak": "at the peak bitrate",
    "max_quality_step": "at the maximum VMAF step",
}


class TableContent(NamedTuple):
    """Caption, heads of the columns, and rows; the first cell of a row names it."""

    caption: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def source_rows(presentation: Presentation) -> list[tuple[str, str]]:
    """Return what the source is, name by name."""
    source = presentation.source
    shots, segments = len(presentation.shots), len(presentation.segments)
    rows = [
        ("duration", f"{format_time(presentation.duration)} ({format_seconds(presentation.duration)})"),
        ("frame rate", _frame_rate(presentation.frame_rate)),
        ("shots", str(shots)),
        ("segments", str(segments)),
    ]
    if source is None:
        return rows
    size = [] if source.bytes is None else [("file size", format_size(source.bytes))]
    rate = [] if source.bytes is None else [("bitrate", format_bitrate(8 * source.bytes / presentation.duration))]
    return [
        ("file", source.name),
        ("size", f"{source.width}x{source.height}"),
        ("codec", f"{codec_label(source.codec)}, {source.pixel_format}"),
        ("transfer function", source.transfer or "unstated"),
        *size,
        *rate,
        *rows,
        ("audio tracks", str(source.audio_tracks)),
        ("subtitle tracks", str(source.subtitle_tracks)),
    ]


def _frame_rate(fraction: str) -> str:
    numerator, denominator = map(int, fraction.split("/"))
    return f"{numerator / denominator:.5g} frames/s"


def rung_rows(presentation: Presentation) -> list[tuple[str, ...]]:
    """Return one row per rung, in the order of `RUNG_HEAD`; VMAF is the mean, the next three columns pool it too."""
    return [
        (
            rung.id,
            f"{rung.width}x{rung.height}",
            format_bitrate(rung.average_bitrate),
            format_bitrate(rung.peak_bitrate),
            *(f"{value:.1f}" for value in (rung.vmaf.mean, rung.vmaf.harmonic_mean, rung.vmaf.p5, rung.vmaf.min)),
            format_range(rung.quantisers),
        )
        for rung in presentation.video
    ]


def rung_table_with_vbv(presentation: Presentation) -> TableContent:
    """Return the rungs with the decoder buffer that each needs, and their scores by metrics beside VMAF."""
    names = list(dict.fromkeys(name for rung in presentation.video for name in rung.scores or ()))
    rows = [
        (
            *row,
            f"{rung.vbv_bits / rung.vbv_bitrate:.2f}",
            *(f"{rung.scores[name]:.4g}" if rung.scores and name in rung.scores else "" for name in names),
        )
        for row, rung in zip(rung_rows(presentation), presentation.video, strict=True)
    ]
    head = (*RUNG_HEAD, "VBV s", *map(metric_label, names))
    return TableContent("Rungs, measured on the packaged files", head, rows)


def fixed_ladder_tables(presentation: Presentation) -> list[TableContent]:
    """Return for each codec what the ladder needs at the quality of each rung of the fixed ladder, and the reverse."""
    tables = []
    for comparison in presentation.comparisons:
        rows = [
            (
                format_bitrate(each.bitrate),
                f"{each.vmaf:.1f}",
                "outside" if each.equal_quality_bitrate is None else format_bitrate(each.equal_quality_bitrate),
                "" if each.percent is None else f"{each.percent:+.1f} %",
                "outside" if each.equal_bitrate_vmaf is None else f"{each.equal_bitrate_vmaf - each.vmaf:+.1f}",
            )
            for each in compare_rungs(presentation, comparison)
        ]
        head = ("rung of the fixed ladder", "its VMAF", "bitrate at that VMAF", "bits", "VMAF at that bitrate")
        tables.append(TableContent(f"This ladder against {comparison.anchor}, rung by rung", head, rows))
    return tables


def shot_table(presentation: Presentation) -> TableContent:
    """Return the VMAF and the bitrate of every shot on every rung: the numbers of the charts over time."""
    rows = [
        (
            str(n + 1),
            format_time(shot.start),
            f"{shot.end - shot.start:.2f} s",
            shot.transition,
            *(
                f"{rung.shots[n].vmaf:.1f} at {format_bitrate(rung.shots[n].bits / (shot.end - shot.start))}"
                for rung in presentation.video
            ),
        )
        for n, shot in enumerate(presentation.shots)
    ]
    head = ("shot", "start", "duration", "begins with", *(rung.id for rung in presentation.video))
    return TableContent("VMAF and bitrate of every shot", head, rows)


def constraint_table(presentation: Presentation) -> TableContent:
    """Return the shots at active constraints, numbered from 1, with the cost; no rows without one."""
    active = {rung.id: rung.active_constraints.to_dict() for rung in presentation.video}
    names = [name for name in _CONSTRAINTS if any(shots[name] for shots in active.values())]
    costs = {rung.id: rung.constraint_costs for rung in presentation.video}

    def cell(rung: str, name: str) -> str:
        shots = active[rung][name]
        cost = f" ({costs[rung][name]:.1f} % of the bits)" if shots and name in costs[rung] else ""
        return f"{format_shots(shots)}{cost}"

    rows = [(rung, *(cell(rung, name) for name in names)) for rung in active]
    head = ("rung", *(_CONSTRAINTS[name] for name in names))
    return TableContent("Numbers of the shots with an active constraint", head, rows if names else [])


def track_table(presentation: Presentation) -> TableContent:
    """Return the audio and subtitle tracks, and those of the source that are skipped, with the reason."""
    rows = [
        (
            "audio",
            each.language or "not stated",
            each.codec,
            str(each.channels),
            each.title or "",
            format_bitrate(each.average_bitrate),
        )
        for each in presentation.audio
    ]
    rows += [
        ("subtitles", each.language or "not stated", each.codec, "", each.title or "", "") for each in presentation.text
    ]
    rows += [
        ("skipped", each.language or "not stated", each.codec, "", each.reason, "")
        for each in presentation.skipped_tracks
    ]
    return TableContent(
        "Tracks of audio and subtitles", ("track", "language", "codec", "channels", "title", "bitrate"), rows
    )


@dataclass(frozen=True, slots=True)
class CostRow:
    """One stage: its name, its CPU seconds, and those that were expected before the run (None: not known)."""

    name: str
    seconds: float
    predicted: float | None


def cost_rows(presentation: Presentation, predicted: Mapping[str, float]) -> list[CostRow]:
    """Return the CPU seconds of each stage, beside the predicted ones by the names of `run_estimate`."""
    cost = presentation.cost
    expected = [percent for percent in presentation.ladder.expected_excess_percent.values() if percent is not None]
    note = f"; expected saving of further probes {max(expected):.1f} %" if expected else ""
    rows = (
        ("shot detection and complexity", cost.analysis_cpu_seconds, "analysis"),
        (f"{cost.probes} probe encodes and their VMAF{note}", cost.probe_cpu_seconds, "probes"),
        ("final encodes", cost.encode_cpu_seconds, "encode"),
        (f"VMAF of the final encodes, {measured_frames(presentation.ladder)}", cost.measure_cpu_seconds, "measure"),
        ("sample encodes of the fixed ladder", cost.comparison_cpu_seconds, "comparison"),
    )
    return [CostRow(name, seconds, predicted.get(stage)) for name, seconds, stage in rows]


def measured_frames(ladder: LadderEntry) -> str:
    """Return which frames of the final encodes were measured."""
    return f"one frame in {ladder.frame_stride}" if ladder.frame_stride else "every frame"


def run_rows(command_line: str, date: datetime | None) -> list[tuple[str, str]]:
    """Return the call and the date of a run, as far as they are known."""
    rows = [("command", command_line)] if command_line else []
    return rows + ([("date", f"{date.astimezone(UTC):%Y-%m-%d %H:%M} UTC")] if date else [])


def setting_rows(presentation: Presentation) -> list[tuple[str, str]]:
    """Return the settings of the ladder and the versions of the tools."""
    ladder = presentation.ladder
    encryption = presentation.encryption
    return [
        ("ladder", f"{ladder.mode}{_override_counts(ladder)}"),
        ("target of the top rung", format_target(ladder)),
        ("preset", ladder.preset),
        ("tuning", ladder.tune),
        ("pooling of VMAF", ladder.pooling),
        ("VMAF measured on", measured_frames(ladder)),
        ("VBV buffer", "unlimited" if ladder.vbv_seconds is None else f"{ladder.vbv_seconds:g} s"),
        ("VMAF step between shots", "unlimited" if ladder.max_quality_step is None else f"{ladder.max_quality_step:g}"),
        ("encryption", "none" if encryption is None else encryption.scheme),
        *feature_rows(presentation),
        *((name.replace("_", " "), str(value)) for name, value in presentation.made_with.to_dict().items()),
    ]


def _override_counts(ladder: LadderEntry) -> str:
    """Return the number of shots with each encoder override."""
    counts = Counter(name for names in ladder.overrides.values() for name in names if name)
    return "".join(f"; {format_count(count, 'shot')} with override ({name})" for name, count in counts.items())
