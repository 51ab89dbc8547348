"""Requests for ladders: the mode, the encoder settings, the rules and the constraints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

import encoder
import vmaf
from encoder import Rendition, Source
from ladders.allocation.constraints import Constraints
from ladders.allocation.rung_placement import DEFAULT_TARGET, RungRules
from ladders.metric import Metric
from ladders.rd.pooling import POOLINGS

__all__ = [
    "AUTO",
    "EFFORT_TOLERANCES",
    "MODES",
    "EncodeSettings",
    "LadderRequest",
    "StoppingRule",
    "TrafficModel",
    "default_target",
]

#: Bit allocation modes.
MODES = ("per-shot", "per-title", "constant-quality", "fixed")
#: Preset that stands for the choice of the preset by the traffic model.
AUTO = "auto"
#: Target VMAF of sources above 1080p, where viewers sit closer to the screen. Chosen by hand.
UHD_TARGET = 95.0
#: Percentage of the bits; tolerance of the search by effort. Balanced is from benchmarks.value and
#: benchmarks.ladder_grids; the others are chosen by hand.
EFFORT_TOLERANCES = {"fast": 6.0, "balanced": 2.0, "thorough": 0.25}
#: Frames; final encodes are measured on every `FAST_FRAME_STRIDE`-th frame with effort "fast". With 3, on 344 rungs of
#: benchmarks.value, the mean VMAF differs by 0.05 (at most 0.23) from that of all frames, the 5th percentile by 0.24
#: (at most 3.9), and the lowest VMAF of a frame is 1.9 too high (at most 14).
FAST_FRAME_STRIDE = 3


def default_target(source: Source) -> float:
    """Return the target VMAF of the top rung: 93 for sources up to 1080p and 95 above."""
    return DEFAULT_TARGET if min(source.display_size) <= 1080 else UHD_TARGET


@dataclass(frozen=True, slots=True)
class EncodeSettings:
    """Settings that all encodes and measurements of a title have in common.

    Attributes
    ----------
    codec, preset, tune : str
    model : str or None
        VMAF model. None: chosen by the size of the source.
    engine : str
        VMAF implementation.
    pooling : str
        Key of `POOLINGS`: temporal pooling of the VMAF of frames.
    effort : {"fast", "balanced", "thorough", ""}
        Chooses the encoder override that chunks have by default; an empty string for none.
    metric : Metric or None
        Metric of the search. None: VMAF. With another one, every VMAF of curves, targets and constraints is its score
        on its scale of 0 to 100.
    """

    codec: str = "h264"
    preset: str = "medium"
    tune: str = "visual"
    model: str | None = None
    engine: str = vmaf.DEFAULT_ENGINE
    pooling: str = "mean"
    effort: str = "balanced"
    metric: Metric | None = None

    def pool(self, scores: NDArray[np.float64], weights: NDArray[np.float64] | Sequence[float] | None = None) -> float:
        """Return the pooled VMAF of frames."""
        return float(POOLINGS[self.pooling].pool(scores, weights))

    @property
    def fast_preset(self) -> str | None:
        """Faster preset for most probes; None if the target preset is fast itself."""
        return encoder.get_codec(self.codec).fast_preset_for(self.preset)

    @property
    def final_frame_stride(self) -> int:
        """Final encodes are measured on every `final_frame_stride`-th frame."""
        return FAST_FRAME_STRIDE if self.effort == "fast" else 1

    @property
    def other_overrides(self) -> tuple[str, ...]:
        """Names of the encoder overrides that single chunks may have instead of the default one."""
        codec, default = encoder.get_codec(self.codec), self.default_override()
        return tuple(e.name for e in codec.overrides_for(self.preset, self.tune) if e.name != default)

    def default_override(self, preset: str | None = None) -> str:
        """Return the name of the override that chunks have by default with a preset; empty if there is none."""
        return encoder.get_codec(self.codec).default_override(self.effort, preset or self.preset, self.tune)

    def rendition(self, size: tuple[int, int], preset: str | None = None, override: str | None = None) -> Rendition:
        """Return the rendition of a size with these settings; without an override, with the default one."""
        name = self.default_override(preset) if override is None else override
        return Rendition("", self.codec, *size, preset or self.preset, self.tune, override=name)


@dataclass(frozen=True, slots=True)
class StoppingRule:
    """When the search for a ladder stops probing.

    Attributes
    ----------
    tolerance_percent : float
        Stop if further probes are expected to save less than this percentage of the bits of the rungs.
    budget : float or None
        Approximate CPU time of all probes, seconds. None: unlimited. One chunk is probed with every budget.
    """

    tolerance_percent: float = EFFORT_TOLERANCES["balanced"]
    budget: float | None = None

    @classmethod
    def for_effort(
        cls, effort: str, tolerance_percent: float | None = None, budget: float | None = None
    ) -> StoppingRule:
        """Return the rule of an effort, or with another tolerance if that is given."""
        return cls(EFFORT_TOLERANCES[effort] if tolerance_percent is None else tolerance_percent, budget)


@dataclass(frozen=True, slots=True)
class TrafficModel:
    """Cost of traffic in relation to the cost of CPU time.

    Attributes
    ----------
    expected_views : float
        Expected number of views of the video.
    gb_per_cpu_hour : float
        Gigabytes of traffic that cost as much as one hour of a CPU core.
    """

    expected_views: float
    gb_per_cpu_hour: float = 4.0

    @property
    def bits_per_cpu_second(self) -> float:
        """Bits of traffic that cost as much as a CPU second."""
        return self.gb_per_cpu_hour * 8e9 / 3600


@dataclass(frozen=True, slots=True)
class LadderRequest:
    """A request for a ladder.

    Attributes
    ----------
    mode : {"per-shot", "per-title", "constant-quality", "fixed"}
        Bit allocation: equal slope in all shots, one quantiser for all shots, one VMAF for all shots, or the bitrates
        of Apple's fixed ladder.
    encoding : EncodeSettings
    rules : RungRules
        Number and placement of the rungs. Without a target, `default_target` of the source is used.
    constraints : Constraints
    max_height : int or None
        Maximum nominal height of a rung. None: the height of the source.
    segment_duration : Fraction
        Target segment duration, s.
    frame_stride : int
        Probes are measured on every `frame_stride`-th frame.
    stopping : StoppingRule
    traffic : TrafficModel or None
        Chooses encoder overrides of single chunks. None: all chunks have the default override.
    overrides : tuple of str
        Encoder override that the user gives to each chunk, an empty string for none; empty if no chunk has one.
    """

    mode: str = "per-shot"
    encoding: EncodeSettings = field(default_factory=EncodeSettings)
    rules: RungRules = field(default_factory=RungRules)
    constraints: Constraints = field(default_factory=Constraints)
    max_height: int | None = None
    segment_duration: Fraction = Fraction(4)
    frame_stride: int = 9
    stopping: StoppingRule = field(default_factory=StoppingRule)
    traffic: TrafficModel | None = None
    overrides: tuple[str, ...] = ()

    def with_mode(self, mode: str) -> LadderRequest:
        """Return the request with another mode; the fixed ladder has no encoder override, as services encode it."""
        encoding = replace(self.encoding, effort="") if mode == "fixed" else self.encoding
        return replace(self, mode=mode, encoding=encoding)

    def target_for(self, source: Source) -> float:
        """Return the target VMAF of the top rung for a source, or the target of the metric on its scale."""
        if self.rules.target is None:
            metric = self.encoding.metric
            return default_target(source) if metric is None else metric.target_quality
        return self.rules.target

    def resolved_for(self, source: Source) -> LadderRequest:
        """Return the request with the target VMAF that it has for a source."""
        return replace(self, rules=replace(self.rules, target=self.target_for(source)))
