"""What a presentation reaches and saves, in sentences: for the report and for the end of `encode`."""

from __future__ import annotations

from dataclasses import dataclass

from shotladder.report.equal_quality import compare_rungs
from shotladder.report.presentation_format import Comparison, LadderEntry, Presentation, VideoRendition
from shotladder.report.readable_units import codec_label, format_bitrate, format_change, format_score, format_time

__all__ = [
    "WeakShot",
    "describe_reach",
    "describe_saving",
    "describe_weakest",
    "format_target",
    "top_rungs",
    "weak_shots",
]


@dataclass(frozen=True, slots=True)
class WeakShot:
    """A shot of the top rung: index (from 0), start (s), mean and minimum VMAF."""

    index: int
    start: float
    vmaf: float
    vmaf_min: float


def top_rungs(presentation: Presentation) -> list[VideoRendition]:
    """Return the rung with the highest bitrate of each codec."""
    return list({rung.codec: rung for rung in presentation.video}.values())


def weak_shots(presentation: Presentation, count: int) -> list[WeakShot]:
    """Return the shots with the lowest mean VMAF in the top rung of the first codec, the weakest first."""
    top = top_rungs(presentation)[0]
    found = [
        WeakShot(n, shot.start, result.vmaf, result.vmaf_min)
        for n, (shot, result) in enumerate(zip(presentation.shots, top.shots, strict=bool(top.shots)))
    ]
    return sorted(found, key=lambda each: (each.vmaf, each.index))[:count]


def describe_reach(presentation: Presentation) -> str:
    """Return VMAF, other scores and bitrate of the top rung of each codec, as a sentence."""
    tops = top_rungs(presentation)
    parts = [
        f"{f'{codec_label(top.codec)}: ' if len(tops) > 1 else ''}VMAF {top.vmaf.mean:.1f}"
        f"{''.join(f', {format_score(*score)}' for score in (top.scores or {}).items())}"
        f" at {format_bitrate(top.average_bitrate)} and {top.width}x{top.height}"
        for top in tops
    ]
    return f"Reaches {'; '.join(parts)} (target {format_target(presentation.ladder)})."


def format_target(ladder: LadderEntry) -> str:
    """Return the target of the top rung with its metric."""
    return format_score(ladder.metric.name, ladder.metric.target) if ladder.metric else f"VMAF {ladder.target_vmaf:g}"


def describe_saving(presentation: Presentation, comparison: Comparison) -> str:
    """Return the change of bits at equal quality against the fixed ladder, with its error and its range.

    The range is that of the single rungs: it shows a rung that needs more bits also where the mean is a saving.
    """
    percent = comparison.bd_rate_percent
    if percent is None:
        return f"{comparison.anchor} and this ladder have no common VMAF range, so no saving at equal quality is known."
    rungs = [each for each in compare_rungs(presentation, comparison) if each.percent is not None]
    sentence = (
        f"At equal quality, {format_change(percent, comparison.bd_rate_error_percent)} than {comparison.anchor}"
        f" (VMAF {comparison.vmaf_low:.0f} to {comparison.vmaf_high:.0f},"
        f" {len(rungs)} of its {len(comparison.points)} rungs)"
    )
    if len(rungs) > 1:
        best, worst = (pick(rungs, key=lambda each: each.percent or 0.0) for pick in (min, max))
        sentence += (
            f"; from {format_change(best.percent or 0.0)} at VMAF {best.vmaf:.0f}"
            f" to {format_change(worst.percent or 0.0)} at VMAF {worst.vmaf:.0f}"
        )
    return f"{sentence}."


def describe_weakest(presentation: Presentation) -> str:
    """Return the weakest shot of the top rung as a sentence, or an empty text for documents without shot results."""
    shots = weak_shots(presentation, len(presentation.shots))
    if not shots:
        return ""
    shot, worst = shots[0], min(shots, key=lambda each: each.vmaf_min)
    place = f"number {shot.index + 1} at {format_time(shot.start)}"
    sentence = f"The weakest shot is {place}: VMAF {shot.vmaf:.1f} in the top rung"
    if worst is shot:
        return f"{sentence}, {shot.vmaf_min:.1f} in its worst frame."
    return (
        f"{sentence}. The worst frame is in number {worst.index + 1} at {format_time(worst.start)}:"
        f" VMAF {worst.vmaf_min:.1f}."
    )
