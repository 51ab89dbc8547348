"""Ladders of every mode: on curves that are formulas, and on one small real title."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

import vmaf
from encoder import (
    ChunkJob,
    Rendition,
    chunk_path,
    inspect,
    plan_chunks,
)
from ladders import (
    APPLE_LADDERS,
    MODES,
    EncodeSettings,
    LadderError,
    LadderRequest,
    Prober,
    RungRules,
    StoppingRule,
    detect_shots,
    encode_final_chunks,
    encode_with_correction,
    find_ladder,
    load_ladder,
    make_ladder,
    save_ladder,
)
from ladders.allocation.constraints import RungTarget
from ladders.construction.find_ladder import requantise
from ladders.final.correction import find_violations
from shotladder_runtime.store import Store
from tests.encoder.videos import write_video
from tests.ladders.synthetic import KnownFilm, SlowFilm, achieved, check_ladder, exact_counts, known

#: Other efforts accept larger errors of the probed curves, which the correction of the final encodes removes.
ACCURATE = StoppingRule.for_effort("thorough")


@pytest.mark.parametrize("mode", MODES)
def test_find_ladder_predicts_bitrate_and_vmaf_in_every_mode(mode):
    prober, segments = known()
    ladder = find_ladder(prober, segments, LadderRequest(mode=mode, stopping=ACCURATE))
    check_ladder(ladder, prober)
    assert (ladder.mode, ladder.segments, ladder.cost.probes) == (mode, segments, prober.cost.probes)
    for rung in ladder.rungs:
        rate, quality = achieved(prober, rung)
        assert rung.rate == pytest.approx(rate, rel=0.03)
        assert rung.quality == pytest.approx(quality, abs=0.5)


@pytest.mark.parametrize("mode", ["per-shot", "per-title", "constant-quality"])
@pytest.mark.parametrize("target", [85, 93, 95, 98, 99])
def test_find_ladder_reaches_the_target_within_one_vmaf(mode, target):
    prober, segments = known()
    request = LadderRequest(mode=mode, rules=RungRules(target=target), stopping=ACCURATE)
    ladder = find_ladder(prober, segments, request)
    check_ladder(ladder, prober)
    assert achieved(prober, ladder.rungs[-1])[1] == pytest.approx(target, abs=1)


def test_find_ladder_per_shot_needs_fewer_bits_than_other_modes():
    rates = {}
    for mode in ("per-shot", "per-title", "constant-quality"):
        prober, segments = known()
        rates[mode] = find_ladder(prober, segments, LadderRequest(mode=mode)).rungs[-1].rate
    assert rates["per-shot"] < rates["per-title"]
    assert rates["per-shot"] < rates["constant-quality"]


def test_find_ladder_per_title_has_one_quantiser_per_rung():
    prober, segments = known()
    for mode in ("per-title", "fixed"):
        ladder = find_ladder(prober, segments, LadderRequest(mode=mode))
        assert all(len(set(rung.quantisers)) == 1 for rung in ladder.rungs)


def test_find_ladder_constant_quality_is_constant():
    prober, segments = known()
    ladder = find_ladder(prober, segments, LadderRequest(mode="constant-quality"))
    rung = ladder.rungs[-1]
    each = [prober.runner.law(n, (rung.width, rung.height), q)[1] for n, q in enumerate(rung.quantisers)]
    assert max(each) - min(each) < 1


class RichFilm(KnownFilm):
    """Four times the bits."""

    def law(self, chunk, size, quantiser):
        bits, quality = super().law(chunk, size, quantiser)
        return 4 * bits, quality


def test_find_ladder_fixed_has_apples_bitrates_or_the_maximum_of_the_source():
    prober, segments = known(RichFilm)
    ladder = find_ladder(prober, segments, LadderRequest(mode="fixed"))
    table = {rate: height for height, rate in APPLE_LADDERS["h264"]}
    rates = [rung.rate for rung in ladder.rungs if set(rung.quantisers) != {12.0}]
    assert len(rates) >= 4
    for rung in ladder.rungs:
        if rung.rate in rates:
            limit = min(rate for rate in table if rate >= rung.rate)
            assert rung.rate > 0.93 * limit
            assert rung.height == table[limit]
    assert max(rung.height for rung in ladder.rungs) == 720


def test_find_ladder_keeps_floor_and_peak_where_feasible():
    prober, segments = known()
    request = LadderRequest(stopping=ACCURATE)
    ladder = find_ladder(prober, segments, request)
    for rung in ladder.rungs:
        for n, (chunk, quantiser) in enumerate(zip(prober.chunks, rung.quantisers, strict=True)):
            bits, quality = prober.runner.law(n, (rung.width, rung.height), quantiser)
            rate = bits * 24 / chunk.frame_count
            assert rate <= rung.rate * request.constraints.peak_ratio * 1.05 or quantiser == 46
            # the peak comes before the floor
            at_peak = rate > rung.rate * request.constraints.peak_ratio * 0.9
            assert quality >= rung.quality - request.constraints.floor_below_mean - 0.5 or at_peak


class LoneFilm(RichFilm):
    """All but one shot are stills, which no quantiser makes better."""

    def law(self, chunk, size, quantiser):
        return super().law(chunk, size, quantiser) if chunk == 6 else (20_000, 85.0)


def test_find_ladder_relaxes_the_peak_where_the_target_requires_it():
    prober, segments = known(LoneFilm)
    request = LadderRequest(rules=RungRules(target=86), stopping=ACCURATE)
    ladder = find_ladder(prober, segments, request)
    rung = ladder.rungs[-1]
    assert achieved(prober, rung)[1] == pytest.approx(86, abs=0.2)
    peak = prober.runner.law(6, (rung.width, rung.height), rung.quantisers[6])[0] / 4
    assert peak > 2 * rung.rate
    # a correction keeps what is asked
    rung_target = RungTarget(rung.quality, rung.rate * float(prober.source.duration))
    again = requantise(prober, ladder, request, {len(ladder.rungs) - 1: rung_target})
    assert achieved(prober, again.rungs[-1])[1] == pytest.approx(86, abs=0.2)


def test_find_ladder_respects_max_height():
    prober, segments = known()
    ladder = find_ladder(prober, segments, LadderRequest(max_height=432))
    assert ladder.rungs[-1].height == 432
    assert {point.height for point in ladder.hull} == {432, 360, 234}


def test_find_ladder_has_the_requested_number_of_rungs():
    for count in (1, 2, 4):
        prober, segments = known()
        assert len(find_ladder(prober, segments, LadderRequest(rules=RungRules(count=count))).rungs) == count


class StuckFilm(KnownFilm):
    quality = 100.0

    def law(self, chunk, size, quantiser):
        return super().law(chunk, size, quantiser)[0] / 100, self.quality


class StuckLower(StuckFilm):
    quality = 97.4


class HopelessFilm(KnownFilm):
    def law(self, chunk, size, quantiser):
        bits, quality = super().law(chunk, size, quantiser)
        return bits, quality * 0.5


class NothingFilm(KnownFilm):
    """Black: hardly a bit, whatever the quantiser."""

    def law(self, chunk, size, quantiser):
        return 400, 99.9


class NoisyFilm(KnownFilm):
    """Trials that contradict each other."""

    def law(self, chunk, size, quantiser):
        bits, quality = super().law(chunk, size, quantiser)
        shake = np.random.default_rng([chunk, size[0], round(4 * quantiser)]).uniform(-1, 1, 2)
        return bits * 2 ** (0.5 * shake[0]), float(np.clip(quality + 5 * shake[1], 0, 100))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("law", [StuckFilm, StuckLower, HopelessFilm, NothingFilm, NoisyFilm])
@pytest.mark.parametrize(("count", "size"), [(12, (1280, 720)), (1, (1280, 720)), (3, (160, 90)), (9, (90, 160))])
def test_find_ladder_handles_degenerate_titles(mode, law, count, size):
    prober, segments = known(law, count, size)
    ladder = find_ladder(prober, segments, LadderRequest(mode=mode))
    check_ladder(ladder, prober)
    assert len({rendition.id for rendition in ladder.renditions()}) == len(ladder.rungs)


def test_find_ladder_gives_the_best_of_an_unreachable_target():
    prober, segments = known(HopelessFilm)
    top = find_ladder(prober, segments, LadderRequest()).rungs[-1]
    assert achieved(prober, top)[1] > 45


def test_requantise_brings_a_rung_to_its_target():
    prober, segments = known()
    ladder = find_ladder(prober, segments, LadderRequest())
    spoilt = replace(
        ladder, rungs=tuple(replace(r, quantisers=tuple(q + 4 for q in r.quantisers)) for r in ladder.rungs)
    )
    top = len(ladder.rungs) - 1
    bits = achieved(prober, spoilt.rungs[top])[0] * float(prober.source.duration)
    again = requantise(prober, spoilt, LadderRequest(), {top: RungTarget(spoilt.rungs[top].quality, bits)})
    assert again.rungs[:-1] == spoilt.rungs[:-1]
    assert achieved(prober, again.rungs[-1])[1] == pytest.approx(ladder.rungs[-1].quality, abs=0.5)


def test_requantise_keeps_a_rung_near_its_target():
    prober, segments = known()
    ladder = find_ladder(prober, segments, LadderRequest())
    top = ladder.rungs[-1]
    nudged = replace(top, quantisers=tuple(q + 0.25 for q in top.quantisers))
    rungs = (*ladder.rungs[:-1], nudged)
    rung_target = RungTarget(top.quality, achieved(prober, nudged)[0] * float(prober.source.duration))
    again = requantise(prober, replace(ladder, rungs=rungs), LadderRequest(), {len(rungs) - 1: rung_target})
    assert again.rungs == rungs


def test_find_ladder_rejects_an_unknown_mode():
    prober, segments = known()
    with pytest.raises(LadderError, match="unknown mode dynamic: choose from per-shot"):
        find_ladder(prober, segments, LadderRequest(mode="dynamic"))


def test_find_ladder_needs_far_fewer_probes_than_a_grid():
    prober, segments = known(count=26)
    find_ladder(prober, segments, LadderRequest())
    sizes, grid = 5, 10
    # two probes at every size, a fifth of the grid, since no chunk can speak for another; and few more
    assert prober.cost.probes < 0.22 * 26 * sizes * grid


def test_find_ladder_predicts_a_slow_preset_by_fast_probes_and_one_exact_probe_per_chunk():
    prober, segments = known(SlowFilm, preset="slow")
    ladder = find_ladder(prober, segments, LadderRequest())
    check_ladder(ladder, prober)
    for rung in ladder.rungs:
        rate, quality = achieved(prober, rung)
        # near enough to allocate bits; the rest is corrected once the rung is encoded
        assert rung.rate == pytest.approx(rate, rel=0.08)
        assert rung.quality == pytest.approx(quality, abs=1.5)
    # the slow encodes are one a chunk, and a few where rungs stand
    assert sum(exact_counts(prober).values()) < 1.5 * len(prober.chunks)
    assert prober.cost.probes < 0.26 * len(prober.chunks) * 5 * 10


# ---- one real title -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def title(tmp_path_factory):
    folder = tmp_path_factory.mktemp("title")
    source = inspect(write_video(folder / "film.mp4", 60))
    shots = detect_shots(source)
    return source, [replace(shots[0], stop=30), replace(shots[0], start=30, stop=60)], Store(folder / "store")


REQUEST = LadderRequest(
    encoding=EncodeSettings(preset="ultrafast"), rules=RungRules(count=2, target=90), segment_duration=Fraction(1)
)


@pytest.mark.parametrize("mode", MODES)
def test_make_ladder_of_a_real_title_in_every_mode(title, tmp_path, mode):
    source, shots, store = title
    fractions = []
    request = replace(REQUEST, mode=mode)
    ladder = make_ladder(
        source, shots, request, store=store, progress=lambda done, total: fractions.append(done / total)
    )
    assert ladder.mode == mode
    assert [(chunk.start, chunk.stop) for chunk in ladder.chunks] == [(0, 30), (30, 60)]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert ladder.cost.probes > 0 < ladder.cost.cpu_seconds
    save_ladder(ladder, tmp_path / "ladder.json")
    assert load_ladder(tmp_path / "ladder.json") == ladder
    # the second time everything is in the store, and the answer the same
    again = make_ladder(source, shots, request, store=store)
    assert again.cost.cpu_seconds == pytest.approx(ladder.cost.cpu_seconds)
    assert replace(again, cost=ladder.cost) == ladder


def test_encode_final_chunks_measures_every_frame_and_is_corrected(title):
    source, shots, store = title
    chunks, segments = plan_chunks(source, [shot.start for shot in shots], Fraction(1))
    request = replace(REQUEST, stopping=ACCURATE)
    with ThreadPoolExecutor(2) as executor:
        prober = Prober(source, chunks, request.encoding, store, executor)
        ladder = find_ladder(prober, segments, request)
        finals = encode_final_chunks(prober, ladder)
        for n, rung in enumerate(ladder.rungs):
            assert len(finals.vmaf(n)) == 60
            for k, chunk in enumerate(chunks):
                rendition = Rendition("", "h264", rung.width, rung.height, "ultrafast")
                path = chunk_path(ChunkJob(source, chunk, (rendition,), (rung.quantisers[k],), store), 0)
                assert finals.chunks[n][k].path == path
                (scores,) = vmaf.score(
                    source, path, frames=(chunk.start, chunk.stop), offset=chunk.start, match_times=False
                )
                np.testing.assert_allclose(finals.chunks[n][k].vmaf, scores.vmaf, atol=0.01)
        wrong = replace(ladder, rungs=tuple(replace(r, quality=r.quality - 3) for r in ladder.rungs))
        assert find_violations(source, wrong, finals, request.constraints) == list(range(len(ladder.rungs)))
        again, closer = encode_with_correction(prober, wrong, request)
    for n, rung in enumerate(again.rungs):
        coarsest = set(rung.quantisers) == {46.0}
        # on so small a film a step of the quantiser is worth more than the tolerance
        assert abs(closer.vmaf(n).mean() - rung.quality) < 1.5 or coarsest
