"""Pooled VMAF against the means of libvmaf."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ladders import POOLINGS, EncodeSettings, LadderRequest, RungRules, StoppingRule, find_ladder
from ladders.allocation.constraints import RungTarget
from ladders.construction.find_ladder import requantise
from tests.ladders.synthetic import known
from vmaf import Pool

PARTS = st.lists(st.lists(st.floats(0, 100), min_size=1, max_size=6), min_size=1, max_size=5)


@given(PARTS)
def test_pool_of_parts_equals_pool_of_all_frames(parts):
    scores = np.concatenate([np.array(part) for part in parts])
    pool = Pool.of(scores)
    for name, whole in (("mean", pool.mean), ("harmonic", pool.harmonic_mean)):
        pooling = POOLINGS[name]
        assert pooling.pool(scores) == pytest.approx(whole, abs=1e-6)
        qualities = [pooling.pool(part) for part in parts]
        assert pooling.pool(qualities, [len(part) for part in parts]) == pytest.approx(whole, abs=1e-6)


@pytest.mark.parametrize("mode", ["per-shot", "per-title", "constant-quality"])
def test_find_ladder_predicts_and_requantises_by_the_harmonic_mean(mode):
    rules = RungRules(target=90)
    encoding = EncodeSettings(preset="veryfast", pooling="harmonic")
    request = LadderRequest(mode=mode, encoding=encoding, rules=rules, stopping=StoppingRule.for_effort("thorough"))
    prober, segments = known()
    ladder = find_ladder(prober, segments, request)
    assert ladder.pooling == "harmonic"

    def harmonic(rung):
        each = [prober.runner.law(n, (rung.width, rung.height), q)[1] for n, q in enumerate(rung.quantisers)]
        return POOLINGS["harmonic"].pool(each, [chunk.frame_count for chunk in prober.chunks])

    for rung in ladder.rungs:
        assert rung.quality == pytest.approx(harmonic(rung), abs=0.5)
    top = len(ladder.rungs) - 1
    assert ladder.rungs[top].quality == pytest.approx(90, abs=0.5)
    rung_target = RungTarget(ladder.rungs[top].quality, ladder.rungs[top].rate * 48)
    assert requantise(prober, ladder, request, {top: rung_target}).rungs[top].quality == rung_target.quality
