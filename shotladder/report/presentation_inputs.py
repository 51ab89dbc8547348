"""The results of a run, from which its presentation is described."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from encoder import (
    AudioStream,
    AudioTrack,
    Encryption,
    PackagedTrack,
    Rendition,
    RenditionMetadata,
    Source,
    SubtitleStream,
    SubtitleTrack,
)
from encoder.packaging.thumbnails import Thumbnails
from ladders import Anchor, Constraints, FinalEncodes, Ladder, Metric, Shot
from shotladder.pipeline.source.zones import FrameZone

__all__ = ["PackagedLadder", "PresentationInputs", "SkippedTrack", "TrackSamples"]


class TrackSamples(NamedTuple):
    """Samples of a video track in decoding order: `bits` (n,) int64 and `times` (n,) float64, s."""

    bits: NDArray[np.int64]
    times: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SkippedTrack:
    """A track of the source that the presentation does not contain, and the reason."""

    stream: AudioStream | SubtitleStream
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class PackagedLadder:
    """The encoded and packaged ladder of one codec.

    Attributes
    ----------
    ladder : Ladder
    finals : FinalEncodes
    renditions : sequence of Rendition
        One per rung.
    packaged : sequence of PackagedTrack
        Of each rendition.
    samples : sequence of TrackSamples
        Of each rendition's track.
    anchor : Anchor or None
        The fixed ladder that it is compared with; None without a comparison.
    constraint_costs : sequence of mapping
        Percentage of the bits by constraint for each rung; empty for a ladder from a file.
    metadata : sequence of RenditionMetadata or None
        Dynamic HDR metadata of each rendition; None for one without.
    source_grain : FinalEncodes or None
        Encodes with the grain of the source if `finals` synthesise it.
    scores : sequence of mapping
        Score of each rung by the metrics beside VMAF; empty without such metrics.
    """

    ladder: Ladder
    finals: FinalEncodes
    renditions: Sequence[Rendition]
    packaged: Sequence[PackagedTrack]
    samples: Sequence[TrackSamples]
    anchor: Anchor | None
    constraint_costs: Sequence[Mapping[str, float]] = ()
    metadata: Sequence[RenditionMetadata | None] = ()
    source_grain: FinalEncodes | None = None
    scores: Sequence[Mapping[str, float]] = ()


@dataclass(frozen=True, slots=True, eq=False)
class PresentationInputs:
    """All results of a run; the ladders of all codecs have the same segments."""

    source: Source
    shots: Sequence[Shot]
    ladders: Sequence[PackagedLadder]
    audio: Sequence[tuple[AudioTrack, PackagedTrack]]
    text: Sequence[tuple[SubtitleTrack, PackagedTrack]]
    skipped_tracks: Sequence[SkippedTrack]
    encryption: Encryption | None
    constraints: Constraints
    analysis_cpu_seconds: float
    zones: Sequence[FrameZone] = ()
    metric: Metric | None = None
    thumbnails: Thumbnails | None = None
