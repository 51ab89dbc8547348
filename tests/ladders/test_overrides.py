"""Encoder overrides of single chunks by the value of traffic and CPU time."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from encoder import inspect, plan_chunks
from encoder.encode.stitch import stitch
from ladders import (
    EncodeSettings,
    LadderRequest,
    StoppingRule,
    TrafficModel,
    encode_with_correction,
    find_ladder,
    load_ladder,
    save_ladder,
)
from ladders.construction.find_ladder import requantise
from ladders.probing.prober import Prober
from shotladder_runtime.store import Store
from tests.encoder.videos import write_video
from tests.ladders.synthetic import KnownFilm, SlowFilm, achieved, check_ladder, known

#: CPU seconds of an encode, a million pixels; and how many times as many an override takes.
SECONDS = 0.1
TIMES = {"": 1.0, "b-frames": 1.2, "decisions": 1.3, "thorough": 2.0, "weak AQ": 1.0, "weak AQ, thorough": 2.0}


class RefinableFilm(KnownFilm):
    """Refinements save what each chunk's number says, and take their time."""

    def saves(self, chunk: int, name: str) -> float:
        """Share of the bits."""
        saved = {"b-frames": 0.1 * (chunk % 4 == 0), "decisions": 0.03, "thorough": 0.02 + 0.02 * (chunk % 5)}
        return saved.get(name.removeprefix("weak AQ, "), 0.0)

    def result(self, point):
        plain = super().result(point)
        if not point.override:
            return plain
        # a little better, and fewer bits by the saving than a plain encode of that quality
        finer, quality = self.law(point.chunk, point.size, point.quantiser - 0.5)
        return replace(plain, bits=round(finer * (1 - self.saves(point.chunk, point.override))), quality=quality)

    def seconds(self, point):
        pixels = self.chunks[point.chunk].frame_count * point.size[0] * point.size[1]
        return SECONDS * TIMES[point.override] * pixels / 1e6 * (0.2 if point.fast else 1)


class SlowRefinableFilm(RefinableFilm, SlowFilm):
    pass


def refined(views, law=SlowRefinableFilm, preset="medium", **stop):
    # the choice is between overrides and plain settings
    prober, segments = known(law, 20, preset=preset, effort="")
    stopping = StoppingRule(**{"tolerance_percent": 0.25, **stop})
    request = LadderRequest(encoding=prober.encoding, traffic=views and TrafficModel(views), stopping=stopping)
    return prober, find_ladder(prober, segments, request), request


def worth(prober, ladder, name, views):
    """What an override of each chunk is worth by the law itself, in bits of traffic."""
    shares = LadderRequest().rules.view_fractions([rung.rate for rung in ladder.rungs])
    values = np.zeros(len(prober.chunks))
    for n, chunk in enumerate(prober.chunks):
        for rung, share in zip(ladder.rungs, shares, strict=True):
            size = rung.width, rung.height
            values[n] += (
                views * share * prober.runner.law(n, size, rung.quantisers[n])[0] * prober.runner.saves(n, name)
            )
            pixels = chunk.frame_count * size[0] * size[1]
            values[n] -= SECONDS * (TIMES[name] - 1) * pixels / 1e6 * TrafficModel(views).bits_per_cpu_second
    return values


@pytest.mark.parametrize("views", [30_000, 1_000_000])
def test_override_choice_is_nearly_optimal(views):
    prober, ladder, _ = refined(views)
    _, plain, _ = refined(None)
    each = {name: worth(prober, plain, name, views) for name in TIMES}
    taken = sum(each[name][n] for n, name in enumerate(ladder.chunk_overrides))
    best = sum(np.max(list(each.values()), axis=0))
    assert taken > 0.9 * best > 0


def test_override_choice_makes_no_probe_for_few_views():
    prober, ladder, _ = refined(1)
    plain_prober, plain, _ = refined(None)
    assert ladder.overrides == plain.overrides == ()
    assert ladder == plain
    assert prober.cost == plain_prober.cost


def test_override_choice_increases_with_views():
    counts = [Counter(refined(views)[1].chunk_overrides)[""] for views in (3_000, 30_000, 1_000_000)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1]


@pytest.mark.parametrize(("law", "preset"), [(SlowRefinableFilm, "medium"), (RefinableFilm, "veryfast")])
def test_find_ladder_with_overrides_predicts_fewer_bits(law, preset):
    prober, ladder, request = refined(1e6, law, preset)
    _, plain, _ = refined(None, law, preset)
    check_ladder(ladder, prober)
    assert set(ladder.overrides) > {""} or "" not in ladder.overrides
    for ours in ladder.rungs[-2:]:
        # a refined chunk is as good half a quantiser further on
        each = zip(ours.quantisers, ladder.chunk_overrides, strict=True)
        moved = replace(ours, quantisers=tuple(q - 0.5 * bool(name) for q, name in each))
        rate, quality = achieved(prober, moved)
        assert quality == pytest.approx(ours.quality, abs=0.5)
        assert ours.rate < rate
    # rungs below the top may lie elsewhere
    ours, other = ladder.rungs[-1], plain.rungs[-1]
    assert ours.rate < other.rate * (1 if ours.quality >= other.quality else 1.02)
    assert requantise(prober, ladder, request, {}) == ladder


def test_override_choice_stays_within_the_budget():
    free, _, _ = refined(1e6)
    whole = free.cost.cpu_seconds
    unrefined, _, _ = refined(None)
    assert unrefined.cost.cpu_seconds < 0.8 * whole
    budget = (unrefined.cost.cpu_seconds + whole) / 2
    prober, _, _ = refined(1e6, budget=budget)
    assert unrefined.cost.cpu_seconds < prober.cost.cpu_seconds < 1.1 * budget


def test_encode_with_correction_uses_overrides_and_saves_them(tmp_path):
    source = inspect(write_video(tmp_path / "film.mp4", 60))
    chunks, segments = plan_chunks(source, [0, 25], Fraction(2))
    request = LadderRequest(encoding=EncodeSettings(preset="fast"), traffic=TrafficModel(1e12, 0.0))
    with ThreadPoolExecutor(2) as pool:
        prober = Prober(source, chunks, request.encoding, Store(tmp_path / "store"), pool)
        ladder = find_ladder(prober, segments, request)
        delivered, finals = encode_with_correction(prober, ladder, request)
    assert prober.results.overrides() == set(request.encoding.other_overrides)
    assert set(delivered.overrides) <= {"weak AQ, thorough", *request.encoding.other_overrides}
    save_ladder(delivered, tmp_path / "ladder.json")
    assert load_ladder(tmp_path / "ladder.json") == delivered
    delivered.check_belongs_to(source)
    for n, row in enumerate(finals.chunks):
        stitch(source, chunks, [final.path for final in row], tmp_path / f"{n}.mp4", segments)
