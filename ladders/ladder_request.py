"""What a ladder is to be."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from encoder import Source
from ladders.allocation.equal_slope import Constraints
from ladders.allocation.rung_placement import RungRules
from ladders.probing.chunk_measurement import EncodeSettings
from ladders.probing.overrides import TrafficModel
from ladders.probing.search import StoppingRule

__all__ = ["MODES", "LadderRequest", "default_target"]

MODES = ("per-shot", "per-title", "constant-quality", "fixed")


def default_target(source: Source) -> float:
    """Return the VMAF that the top rung should solve_for_quality: 93 up to 1080 lines, 95 above."""
    return 93.0 if min(source.display_size) <= 1080 else 95.0


@dataclass(frozen=True, slots=True)
class LadderRequest:
    """What a ladder is to be.

    Attributes
    ----------
    mode : {"per-shot", "per-title", "constant-quality", "fixed"}
        Equal slope in all shots, one quantiser for all, one quality for all, or Apple's rates whatever the film.
    encoding : Encoding
        The encoder's settings, and how quality is measured.
    rules : RungRules
        How rungs are chosen.
    limits : Limits
        What no chunk may cross.
    max_height : int or None
        Nominal height that no rung exceeds.
    segment_duration : Fraction
        What a segment should last, s.
    frame_stride : int
        Trials are measured on each so many-th frame.
    stop : Stop
        When the search for the ladder ends.
    views : Views or None
        What refining single chunks is worth; None leaves them as the preset has them.
    """

    mode: str = "per-shot"
    encoding: EncodeSettings = field(default_factory=EncodeSettings)
    rules: RungRules = field(default_factory=RungRules)
    limits: Constraints = field(default_factory=Constraints)
    max_height: int | None = None
    segment_duration: Fraction = Fraction(4)
    frame_stride: int = 9
    stop: StoppingRule = field(default_factory=StoppingRule)
    views: TrafficModel | None = None
