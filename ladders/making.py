"""Make ladders in every mode; the same trials and curves serve all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from encoder import Chunk, LocalExecutor, Segment, Source, Store, codec_named, plan_chunks
from ladders.allocation import (
    Aim,
    Allocation,
    Limits,
    TitleCurve,
    allowed,
    equal_slope,
    one_quantiser,
    reach,
    same_quality,
)
from ladders.curves import Curve, Size
from ladders.drawing import Curves, fitted
from ladders.heights import APPLE_LADDERS, candidate_sizes
from ladders.ladder import HullPoint, Ladder, LadderError, Rung
from ladders.measured_chunks import Encoding
from ladders.pooling import POOLINGS
from ladders.presets import with_preset
from ladders.probes import Prober
from ladders.refining import Views, refine
from ladders.rungs import RungRules, choose_rungs, share_out
from ladders.search import Stop, explore, part_of
from ladders.shots import Shot
from ladders.smoothness import smooth

__all__ = [
    "MODES",
    "LadderRequest",
    "corrected",
    "default_target",
    "fixed",
    "ladder_from",
    "make_ladder",
    "per_shot",
    "per_title",
]

MODES = ("per-shot", "per-title", "constant-quality", "fixed")
#: Points of each height's curve that a ladder keeps for drawing.
HULL_POINTS = 40
#: A correction leaves the other chunks of a rung alone once its mean is this near (VMAF) to what was asked of it.
SETTLED = 0.05
#: Where no allocation within the peak reaches a rung's quality, the peak is raised by such steps, up to where none
#: is one any more.
LOOSER, UNBOUNDED = 1.25, 100.0


def default_target(source: Source) -> float:
    """Return the VMAF that the top rung should reach: 93 up to 1080 lines, 95 above."""
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
    every : int
        Trials are measured on each so many-th frame.
    stop : Stop
        When the search for the ladder ends.
    views : Views or None
        What refining single chunks is worth; None leaves them as the preset has them.
    """

    mode: str = "per-shot"
    encoding: Encoding = field(default_factory=Encoding)
    rules: RungRules = field(default_factory=RungRules)
    limits: Limits = field(default_factory=Limits)
    max_height: int | None = None
    segment_duration: Fraction = Fraction(4)
    every: int = 9
    stop: Stop = field(default_factory=Stop)
    views: Views | None = None


def per_shot(source: Source, shots: Sequence[Shot], codec: str = "h264", **options: object) -> Ladder:
    """Make a ladder in which every shot of a rung has the quantiser of equal slope.

    Parameters
    ----------
    source : Source
    shots : sequence of Shot
        From `detect_shots`.
    codec : str
    **options
        Any of `make_ladder`'s: request, store, executor, progress.

    Returns
    -------
    Ladder
    """
    return _with_mode(source, shots, "per-shot", codec, options)


def per_title(source: Source, shots: Sequence[Shot], codec: str = "h264", **options: object) -> Ladder:
    """Make a ladder in which every rung has one quantiser; see `per_shot`."""
    return _with_mode(source, shots, "per-title", codec, options)


def fixed(source: Source, shots: Sequence[Shot], codec: str = "h264", **options: object) -> Ladder:
    """Make the ladder that Apple recommends, whatever the film; see `per_shot`.

    Each rung has the one quantiser that brings the film to the rung's rate, as two-pass rate control would.
    """
    return _with_mode(source, shots, "fixed", codec, options)


def _with_mode(source: Source, shots: Sequence[Shot], mode: str, codec: str, options: dict[str, object]) -> Ladder:
    request = options.pop("request", None) or LadderRequest(rules=RungRules(target=default_target(source)))
    assert isinstance(request, LadderRequest)
    request = replace(request, mode=mode, encoding=replace(request.encoding, codec=codec))
    return make_ladder(source, shots, request, **options)  # type: ignore[arg-type]


def make_ladder(
    source: Source,
    shots: Sequence[Shot],
    request: LadderRequest,
    *,
    store: Store | None = None,
    executor: Executor | None = None,
    progress: Callable[[float, float], None] | None = None,
) -> Ladder:
    """Make a ladder by trial encodes.

    Parameters
    ----------
    source : Source
    shots : sequence of Shot
    request : LadderRequest
    store : Store, optional
        Where trials are kept; by default the user's cache.
    executor : Executor, optional
        Runs the trials; by default a worker for each core.
    progress : callable, optional
        Takes (done, total).

    Returns
    -------
    Ladder

    Raises
    ------
    LadderError
        If the mode is unknown, or the codec has no fixed ladder.
    """
    planned = plan_chunks(source, [shot.first for shot in shots], request.segment_duration)
    store = store or Store.default()
    with LocalExecutor(os.cpu_count() or 1) as pool, store.in_use():
        encoding, spent = with_preset(
            request.encoding, request.views, source, planned[0], store, executor or pool, request.max_height
        )
        prober = Prober(source, planned[0], encoding, store, executor or pool, every=request.every, cost=spent)
        return ladder_from(prober, planned[1], replace(request, encoding=encoding), progress)


def ladder_from(
    prober: Prober,
    segments: Sequence[Segment],
    request: LadderRequest,
    progress: Callable[[float, float], None] | None = None,
) -> Ladder:
    """Make a ladder with a prober that may know trials already."""
    if request.mode not in MODES:
        raise LadderError(f"{request.mode}: the modes are {', '.join(MODES)}")
    maker = _Maker(prober.source, prober.chunks, request)
    sizes = list(maker.sizes.values())
    found = explore(prober, sizes, maker.wanted, part_of(progress, 0.0, 0.8 if request.views else 1.0), request.stop)
    anchor, curves = maker.anchor(found.curves), found.curves
    if request.views:
        rungs = maker.rungs(curves)
        shares = request.rules.shares([rung.rate for rung in rungs])
        advance = part_of(progress, 0.8, 1.0)
        refine(prober, curves, rungs, shares, request.views, budget=request.stop.budget, progress=advance)
        curves = fitted(prober, sizes)
    return Ladder(
        mode=request.mode,
        codec=request.encoding.codec,
        preset=request.encoding.preset,
        tune=request.encoding.tune,
        pooling=request.encoding.pooling,
        target=request.rules.target,
        content_id=prober.source.content_id,
        chunks=prober.chunks,
        segments=tuple(segments),
        rungs=maker.rungs(curves),
        hull=maker.hull(curves),
        anchor=anchor,
        cost=prober.cost,
        remaining_loss=found.remaining_loss,
        refinements=tuple(prober.refinements.get(n, "") for n in range(len(prober.chunks)) if prober.refinements),
    )


def corrected(prober: Prober, ladder: Ladder, request: LadderRequest, aims: Mapping[int, Aim]) -> Ladder:
    """Choose the quantisers of some rungs again, by all that is known now; what is asked of each stays.

    Parameters
    ----------
    prober : Prober
        Knows the trials, and the final encodes by `with_finals`.
    ladder : Ladder
    request : LadderRequest
        That the ladder was made for.
    aims : mapping
        From the numbers of the rungs that missed to what is asked of each, counted from the bits that it has.
    """
    maker = _Maker(prober.source, prober.chunks, request)
    curves = fitted(prober, list(maker.sizes.values()))
    again = [
        replace(rung, quantisers=maker.corrected(curves, rung, aims[n])) if n in aims else rung
        for n, rung in enumerate(ladder.rungs)
    ]
    return replace(ladder, rungs=_distinct(again))


def _distinct(rungs: Iterable[Rung]) -> tuple[Rung, ...]:
    """Return the rungs that differ, lowest rate first: limits may bring two to the same encodes."""
    kept = {(rung.width, rung.height, rung.quantisers): rung for rung in rungs}
    return tuple(sorted(kept.values(), key=lambda rung: rung.rate))


class _Maker:
    """Turns curves into rungs, in one mode."""

    def __init__(self, source: Source, chunks: Sequence[Chunk], request: LadderRequest) -> None:
        self.request = request
        self.pooling = POOLINGS[request.encoding.pooling]
        self.limits = request.limits.for_target(request.rules.target)
        self.frames = [chunk.frame_count for chunk in chunks]
        self.duration = float(sum(source.time(chunk.last) - source.time(chunk.first) for chunk in chunks))
        self.sizes = candidate_sizes(source.display_size, request.max_height)
        codec = codec_named(request.encoding.codec)
        self.lowest, self.step = codec.quantisers[0], codec.step
        self.recommended = APPLE_LADDERS.get(codec.family, ())

    def rungs(self, curves: Curves) -> tuple[Rung, ...]:
        """Return the ladder's rungs."""
        if self.request.mode == "fixed":
            return tuple(self._rung(h, a) for h, a in self._fixed(curves))
        titles = self._title(curves)
        chosen = choose_rungs(titles, self.duration, self.request.rules)
        shared = share_out(chosen, titles, self.duration, lambda height, aim: self._reach(curves, height, aim))
        return _distinct(self._rung(height, allocation) for height, allocation in shared)

    def wanted(self, curves: Curves) -> list[dict[Size, list[float]]]:
        """Return what each rung would encode at each size that reaches its quality, first at the size that it takes."""
        rungs = self.rungs(curves)
        wanted = [{(rung.width, rung.height): list(rung.quantisers)} for rung in rungs]
        if self.request.mode != "fixed":
            for rung, landings in zip(rungs, wanted, strict=True):
                aim = Aim(rung.quality, rung.rate * self.duration)
                for height, size in self.sizes.items():
                    allocation = self._reach(curves, height, aim)
                    if size not in landings and allocation.quality >= rung.quality:
                        landings[size] = list(self._quantisers(allocation.indices))
        return wanted

    def corrected(self, curves: Curves, rung: Rung, aim: Aim) -> tuple[float, ...]:
        """Return the quantisers that bring a rung to the quality asked of it, changing no chunk without need."""
        mine = curves[rung.width, rung.height]
        now = np.array([round((q - self.lowest) / self.step) for q in rung.quantisers])
        limits = self.limits
        if self.request.mode == "per-shot":
            limits, aim = self._within_reach(mine, aim)
            if limits.jump is not None:
                # one chunk is not changed without its neighbours
                return self._quantisers(smooth(mine, self.frames, limits, aim, self.pooling, now).indices)
            better = equal_slope(mine, self.frames, limits, aim, self.pooling).for_quality(aim.quality).indices
        else:
            better = self._family(mine).for_quality(aim.quality).indices
        if self.request.mode != "per-title":
            weights = np.asarray(self.frames, np.float64) / sum(self.frames)
            each = np.arange(len(mine))
            if self.request.mode == "per-shot":
                within = allowed(mine, weights, limits, aim)[each, now]
                now = np.where(within, now, better)
            loss = weights[:, None] * self.pooling.loss(np.array([curve.quality for curve in mine]))
            left, asked = float(loss[each, now].sum()), self.pooling.loss(aim.quality)
            gains = loss[each, now] - loss[each, better]
            for n in np.argsort(-gains * np.sign(left - asked), kind="stable"):
                settled = abs(self.pooling.quality(left) - aim.quality) <= SETTLED
                if settled or gains[n] * (left - asked) <= 0:
                    break
                now[n], left = better[n], left - gains[n]
            better = now
        return self._quantisers(better)

    def hull(self, curves: Curves) -> tuple[HullPoint, ...]:
        """Return the title's curve at every height, thinned."""
        return tuple(
            HullPoint(height, round(curve.bits[step] / self.duration), float(curve.quality[step]))
            for height, curve in self._title(curves).items()
            for step in np.unique(np.linspace(0, len(curve.bits) - 1, HULL_POINTS).astype(int))
        )

    def anchor(self, curves: Curves) -> tuple[tuple[int, float], ...]:
        """Return rate and quality of the fixed ladder, as the curves predict it."""
        if not self.recommended:
            return ()
        return tuple((round(a.bits / self.duration), a.quality) for _, a in self._fixed(curves))

    def _title(self, curves: Curves) -> dict[int, TitleCurve]:
        return {height: self._family(curves[size]) for height, size in self.sizes.items()}

    def _family(self, curves: list[Curve]) -> TitleCurve:
        """Return the allocations that the mode knows, but for limits that count from a rung."""
        if self.request.mode == "per-shot":
            return equal_slope(curves, self.frames, self.limits, None, self.pooling)
        if self.request.mode == "constant-quality":
            return same_quality(curves, self.frames, self.pooling)
        return one_quantiser(curves, self.frames, self.pooling)

    def _reach(self, curves: Curves, height: int, aim: Aim) -> Allocation:
        """Reach a quality at a height by the mode's allocations."""
        mine = curves[self.sizes[height]]
        if self.request.mode != "per-shot":
            return self._family(mine).for_quality(aim.quality)
        limits = self.limits
        allocation = reach(mine, self.frames, limits, aim, self.pooling)
        if allocation.quality < aim.quality - SETTLED <= self._family(mine).quality[-1]:
            limits, _ = self._within_reach(mine, aim)
            allocation = equal_slope(mine, self.frames, limits, aim, self.pooling).for_quality(aim.quality)
        if limits.jump is None:
            return allocation
        return smooth(mine, self.frames, limits, replace(aim, bits=allocation.bits), self.pooling)

    def _within_reach(self, curves: list[Curve], aim: Aim) -> tuple[Limits, Aim]:
        """Return what bounds a rung, with a peak so high that the quality asked for can be reached, if it can be."""
        limits, asked = self.limits, min(aim.quality, self._family(curves).quality[-1]) - SETTLED
        while limits.peak_ratio < UNBOUNDED:
            if equal_slope(curves, self.frames, limits, aim, self.pooling).quality[-1] >= asked:
                break
            limits = replace(limits, peak_ratio=LOOSER * limits.peak_ratio)
            aim = replace(aim, most=LOOSER * aim.most)
        return limits, aim

    def _fixed(self, curves: Curves) -> list[tuple[int, Allocation]]:
        """Return height and allocation of each rung of the recommended ladder that is not taller than the film."""
        if not self.recommended:
            raise LadderError(f"there is no fixed ladder for {self.request.encoding.codec}")
        tallest = max(self.sizes)
        rungs: list[tuple[int, Allocation]] = []
        for height, rate in self.recommended:
            # the film's own size stands for the first standard one that is taller
            at = height if height in self.sizes else tallest
            if height > tallest and any(h >= tallest for h, _ in self.recommended if h < height):
                continue
            allocation = one_quantiser(curves[self.sizes[at]], self.frames, self.pooling).for_bits(rate * self.duration)
            if not rungs or allocation.quality > rungs[-1][1].quality:
                # what is taller, better and no dearer leaves no use for the rung below
                while rungs and rungs[-1][1].bits >= allocation.bits:
                    rungs.pop()
                rungs.append((at, allocation))
        return rungs

    def _rung(self, height: int, allocation: Allocation) -> Rung:
        rate = round(allocation.bits / self.duration)
        return Rung(*self.sizes[height], self._quantisers(allocation.indices), rate, allocation.quality)

    def _quantisers(self, places: NDArray[np.int64]) -> tuple[float, ...]:
        return tuple(float(self.lowest + i * self.step) for i in places)
