"""Final encodes in batches: later batches compensate for the errors of earlier ones."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from encoder import Chunk, inspect, plan_chunks
from ladders import (
    Constraints,
    EncodeSettings,
    LadderRequest,
    Prober,
    RungRules,
    encode_final_chunks,
    find_ladder,
)
from ladders.construction.find_ladder import requantise_chunks
from ladders.construction.ladder_builder import MAX_COMPENSATION
from ladders.final.batches import encode_in_batches, order_batches, reuse_probes
from ladders.ladder_request import StoppingRule
from ladders.probing.chunk_measurement import interpolate_frames
from ladders.probing.probe_results import ProbePoint, ProbeResults
from ladders.rd.curves import RatePoint
from shotladder_runtime.store import Store
from tests.encoder.videos import write_video
from tests.ladders.synthetic import KnownFilm, achieved, known

REQUEST = LadderRequest(rules=RungRules(count=1), stopping=StoppingRule(0.25))


def spoil(ladder, change, chunks):
    """The ladder with other quantisers in some chunks."""
    rungs = tuple(
        replace(rung, quantisers=tuple(q + change * (n in chunks) for n, q in enumerate(rung.quantisers)))
        for rung in ladder.rungs
    )
    return replace(ladder, rungs=rungs)


def measure(prober, ladder):
    """Add the encodes of all chunks to the results."""
    (rung,) = ladder.rungs
    prober.run(ProbePoint(n, (rung.width, rung.height), q) for n, q in enumerate(rung.quantisers))


@pytest.mark.parametrize("change", [-3.0, 3.0])
def test_requantise_chunks_reaches_the_vmaf_of_the_rung_by_the_remaining_chunks(change):
    prober, segments = known(KnownFilm, 8)
    ladder = find_ladder(prober, segments, REQUEST)
    spoilt = spoil(ladder, change, {0, 1, 2})
    measure(prober, spoilt)
    better = requantise_chunks(prober, spoilt, REQUEST, [[3, 4, 5, 6, 7]])
    assert better.rungs[0].quantisers[:3] == spoilt.rungs[0].quantisers[:3]
    wanted = ladder.rungs[0].quality
    assert abs(achieved(prober, spoilt.rungs[0])[1] - wanted) > 0.3
    assert abs(achieved(prober, better.rungs[0])[1] - wanted) < 0.15


def test_requantise_chunks_limits_the_compensation():
    prober, segments = known(KnownFilm, 8)
    ladder = find_ladder(prober, segments, REQUEST)
    spoilt = spoil(ladder, 10.0, {0, 1, 2, 3, 4})
    free = replace(REQUEST, constraints=Constraints(peak_ratio=50.0))
    (rung,) = requantise_chunks(prober, spoilt, free, [[5, 6, 7]]).rungs
    quality = [prober.runner.law(n, (rung.width, rung.height), rung.quantisers[n])[1] for n in (5, 6, 7)]
    planned = [prober.runner.law(n, (rung.width, rung.height), ladder.rungs[0].quantisers[n])[1] for n in (5, 6, 7)]
    assert 100 - np.mean(quality) == pytest.approx((100 - np.mean(planned)) / MAX_COMPENSATION, abs=0.4)


@pytest.mark.parametrize("frames", [[50], [50, 50], [10, 300, 20], [96] * 40, list(range(1, 200))])
def test_order_batches_covers_every_chunk_once_and_ends_with_the_smallest_batch(frames):
    chunks = [Chunk(0, count, (0,), (0,)) for count in frames]
    batches = order_batches(chunks)
    assert sorted(index for batch in batches for index in batch) == list(range(len(frames)))
    sizes = [sum(frames[index] for index in batch) for batch in batches]
    assert len(batches) == 1 or sizes[-1] <= max(sizes[:-1])


@pytest.mark.parametrize("constraints", [Constraints(), Constraints(max_quality_step=4.0)])
def test_encode_in_batches_returns_the_encodes_of_the_ladder_that_it_returns(tmp_path, constraints):
    source = inspect(write_video(tmp_path / "film.mp4", 90))
    chunks, segments = plan_chunks(source, [0, 30, 60], Fraction(1))
    request = replace(
        REQUEST,
        encoding=EncodeSettings(preset="ultrafast"),
        rules=RungRules(count=2, target=80),
        segment_duration=Fraction(1),
        constraints=constraints,
    )
    progress = []
    with ThreadPoolExecutor(2) as executor:
        prober = Prober(source, chunks, request.encoding, Store(tmp_path / "store"), executor, frame_stride=1)
        ladder = find_ladder(prober, segments, request)
        encoded, finals = encode_in_batches(prober, ladder, request, lambda *each: progress.append(each))
    for rung, old, row in zip(encoded.rungs, ladder.rungs, finals.chunks, strict=True):
        assert replace(rung, quantisers=()) == replace(old, quantisers=())
        assert len(row) == len(chunks)
        assert len(finals.vmaf(0)) == source.frame_count
    fractions = [done / total for done, total in progress]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1


def test_reuse_probes_takes_near_quantisers_of_target_preset_probes_only():
    prober, segments = known(KnownFilm, 4)
    ladder = find_ladder(prober, segments, replace(REQUEST, encoding=prober.encoding))
    (rung,) = ladder.rungs
    size = rung.width, rung.height
    near, far, fast, exact = (q + change for q, change in zip(rung.quantisers, (0.75, 1.5, 0.25, 0.0), strict=True))
    results = ProbeResults().extended(
        (ProbePoint(n, size, q, fast=n == 2), RatePoint(q, 1000, 90.0)) for n, q in enumerate((near, far, fast, exact))
    )
    reused, (indices,) = reuse_probes(replace(prober, results=results), ladder)
    assert reused.rungs[0].quantisers == (near, *rung.quantisers[1:])
    assert indices == {0, 3}


@pytest.mark.parametrize("stride", [1, 3, 9])
def test_interpolate_frames_keeps_measured_frames_and_weights_first_frames_once(stride):
    chunk = Chunk(100, 160, (100,), (0, 1), (130,))
    truth = np.linspace(90, 80, 60)
    truth[[0, 30]] += 8
    frames = np.arange(100, 160, stride)
    complete = interpolate_frames(chunk, frames, truth[frames - 100])
    np.testing.assert_array_equal(complete[frames - 100], truth[frames - 100])
    assert complete.mean() == pytest.approx(truth.mean(), abs=0.35)


def test_encode_final_chunks_on_a_stride_is_near_the_measurement_of_every_frame(tmp_path):
    source = inspect(write_video(tmp_path / "film.mp4", 90))
    chunks, segments = plan_chunks(source, [0, 30, 60], Fraction(1))
    request = replace(REQUEST, encoding=EncodeSettings(preset="ultrafast"), segment_duration=Fraction(1))
    with ThreadPoolExecutor(2) as executor:
        prober = Prober(source, chunks, request.encoding, Store(tmp_path / "store"), executor)
        ladder = find_ladder(prober, segments, request)
        sampled = encode_final_chunks(prober, ladder, frame_stride=5)
        complete = encode_final_chunks(prober, ladder, before=sampled)
        again = encode_final_chunks(prober, ladder, frame_stride=5)
    assert {final.frame_stride for final in sampled.chunks[0]} == {5}
    assert {final.frame_stride for final in complete.chunks[0]} == {1}
    # measurements of every frame are used where they exist
    assert {final.frame_stride for final in again.chunks[0]} == {1}
    assert sampled.vmaf(0).mean() == pytest.approx(complete.vmaf(0).mean(), abs=1.0)
    assert complete.measure_cpu_seconds > sampled.measure_cpu_seconds > 0
    assert complete.encode_cpu_seconds == pytest.approx(sampled.encode_cpu_seconds, rel=0.2)
