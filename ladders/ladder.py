"""A ladder: the rungs of a title and the quantiser of every chunk on each rung."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from encoder import Chunk, EncodePlan, Rendition, Segment, Source, get_codec
from ladders.ladder_export import html_table, plot_hull, rung_table
from ladders.rate_curve import RateCurve
from ladders.rd.bd_rate import BDRate, bd_rate
from shotladder_runtime.errors import ShotladderError

__all__ = ["HullPoint", "Ladder", "LadderError", "ProbeCost", "Rung"]


class LadderError(ShotladderError, ValueError):
    """A ladder cannot be made, or does not belong to the source."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One rung of a ladder.

    Attributes
    ----------
    width, height : int
        Pixels.
    quantisers : tuple of float
        One per chunk.
    rate : int
        Predicted average bitrate of the video, bits/s.
    quality : float
        Predicted VMAF, pooled over the title.
    peak_rate : int or None
        Maximum bitrate of the encoder (VBV), bits/s; None: unlimited.
    """

    width: int
    height: int
    quantisers: tuple[float, ...]
    rate: int
    quality: float
    peak_rate: int | None = None


@dataclass(frozen=True, slots=True)
class HullPoint:
    """Bitrate (bits/s) and VMAF of a point of the title's curve at one nominal height."""

    height: int
    rate: int
    quality: float


@dataclass(frozen=True, slots=True)
class ProbeCost:
    """Number of probe encodes, and CPU seconds of encoding and of measuring them."""

    probes: int = 0
    encode_cpu_seconds: float = 0.0
    measure_cpu_seconds: float = 0.0

    def __add__(self, other: ProbeCost) -> ProbeCost:
        """Return the sum of both."""
        return ProbeCost(
            self.probes + other.probes,
            self.encode_cpu_seconds + other.encode_cpu_seconds,
            self.measure_cpu_seconds + other.measure_cpu_seconds,
        )

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds of encoding and measuring."""
        return self.encode_cpu_seconds + self.measure_cpu_seconds


@dataclass(frozen=True, slots=True, repr=False)
class Ladder:
    """The rungs of a title in one codec.

    Attributes
    ----------
    mode : str
        Bit allocation: "per-shot", "per-title", "constant-quality" or "fixed".
    codec, preset, tune : str
        Encoder settings of the rungs.
    target : float
        Target VMAF of the top rung.
    content_id : str
        Identifies the source.
    chunks : tuple of Chunk
    segments : tuple of Segment
    rungs : tuple of Rung
        Lowest bitrate first.
    hull : tuple of HullPoint
        The predicted curve of the title at each height.
    cost : ProbeCost
    expected_excess_rate : float or None
        Percentage of the bits that further probes are expected to save; None if it was not estimated.
    pooling : str
        Temporal pooling of VMAF.
    overrides : tuple of str
        Encoder override of every chunk on all rungs, or an empty string; empty if no chunk has one.
    metric : str
        Name of the metric of the search. For another one than VMAF, target and VMAF of rungs and hull are its scores on
        its scale of 0 to 100.
    """

    mode: str
    codec: str
    preset: str
    tune: str
    target: float
    content_id: str
    chunks: tuple[Chunk, ...]
    segments: tuple[Segment, ...]
    rungs: tuple[Rung, ...]
    hull: tuple[HullPoint, ...] = ()
    cost: ProbeCost = field(default_factory=ProbeCost)
    expected_excess_rate: float | None = None
    pooling: str = "mean"
    overrides: tuple[str, ...] = ()
    metric: str = "vmaf"

    def __repr__(self) -> str:
        """Return mode, codec, range of heights and range of bitrates."""
        low, high = self.rungs[0], self.rungs[-1]
        return (
            f"Ladder({self.mode}, {self.codec}, {len(self.rungs)} rungs, {low.height}p {low.rate / 1000:.0f} kbit/s"
            f" to {high.height}p {high.rate / 1000:.0f} kbit/s, VMAF {low.quality:.1f} to {high.quality:.1f})"
        )

    def _repr_html_(self) -> str:
        return html_table(self)

    def to_pandas(self) -> Any:
        """Return the rungs as a DataFrame (extra `pandas`).

        Returns
        -------
        pandas.DataFrame
            One row per rung, lowest first: id, width, height, bitrate (bits/s), vmaf, peak_bitrate (bits/s),
            min_quantiser, max_quantiser.
        """
        return rung_table(self)

    def plot(self, axes: Any = None) -> Any:
        """Plot the curve of the title at each height with the rungs (extra `plot`).

        Parameters
        ----------
        axes : matplotlib.axes.Axes, optional
            Axes to plot into. By default new ones.

        Returns
        -------
        matplotlib.axes.Axes
        """
        return plot_hull(self, axes)

    @property
    def curve(self) -> RateCurve:
        """Bitrate-VMAF curve through the rungs."""
        return RateCurve.through((rung.rate, rung.quality) for rung in self.rungs)

    @property
    def hull_curve(self) -> RateCurve:
        """Bitrate-VMAF curve of the title with the best height at every bitrate."""
        return RateCurve.through((point.rate, point.quality) for point in self.hull)

    def compare(self, other: Ladder) -> BDRate:
        """Return the BD-rate of this ladder against another one, by the predicted rungs of both.

        Raises
        ------
        NoOverlapError
            If the VMAF ranges of the ladders do not overlap.
        """
        curves = [list(zip(each.curve.bitrates, each.curve.vmaf, strict=True)) for each in (other, self)]
        return bd_rate(*curves)

    @property
    def chunk_overrides(self) -> tuple[str, ...]:
        """Encoder override of every chunk, or an empty string."""
        return self.overrides or ("",) * len(self.chunks)

    def overrides_except(self, default: str) -> dict[int, str]:
        """Return the overrides of the chunks that do not have the default override, by the index of the chunk."""
        return {n: name for n, name in enumerate(self.chunk_overrides) if name != default}

    def renditions(self) -> tuple[Rendition, ...]:
        """Return the rendition of every rung, with unique names."""
        names: list[str] = []
        for rung in self.rungs:
            name = f"{self.codec}-{rung.height}p-{max(1, round(rung.rate / 1000))}k"
            same = sum(other == name or other.startswith(f"{name}-") for other in names)
            names.append(f"{name}-{same + 1}" if same else name)
        return tuple(
            Rendition(
                id=name,
                codec=self.codec,
                width=rung.width,
                height=rung.height,
                preset=self.preset,
                tune=self.tune,
                peak_rate=rung.peak_rate,
                buffer_size=rung.peak_rate,
            )
            for name, rung in zip(names, self.rungs, strict=True)
        )

    def check_belongs_to(self, source: Source) -> None:
        """Check that the ladder was made for a source and can be encoded.

        Raises
        ------
        LadderError
            If it was made for another source, or cannot be encoded.
        """
        if self.content_id != source.content_id:
            raise LadderError(f"the ladder was made for another source than {source.path}")
        try:
            EncodePlan(source, self.chunks, self.renditions(), tuple(rung.quantisers for rung in self.rungs))
        except ValueError as error:
            raise LadderError(f"the ladder does not fit the source: {error}") from error
        edges = [0, *(segment.stop for segment in self.segments)]
        keys = {key for chunk in self.chunks for key in chunk.keyframes}
        if [s.start for s in self.segments] != edges[:-1] or edges[-1] != source.frame_count or set(edges[:-1]) - keys:
            raise LadderError("the segments of the ladder do not cover the source from key frame to key frame")
        codec = get_codec(self.codec)
        known = {"", *(each.name for each in codec.overrides_for(self.preset, self.tune))}
        if set(self.chunk_overrides) - known or len(self.chunk_overrides) != len(self.chunks):
            raise LadderError(f"the ladder uses encoder overrides unknown for {self.codec} preset {self.preset}")
        lowest, highest = codec.quantisers
        for rung in self.rungs:
            if rung.width % 2 or rung.height % 2 or min(rung.width, rung.height) < 2:
                raise LadderError(f"{rung.width}x{rung.height}: width and height must be even")
            if not all(lowest <= quantiser <= highest for quantiser in rung.quantisers):
                raise LadderError(f"a quantiser of the {rung.height}p rung is outside {lowest:g} to {highest:g}")
