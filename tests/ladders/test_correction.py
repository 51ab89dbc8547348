"""Encoding with feedback: violations, and their correction on measured encodes."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from encoder import (
    Chunk,
    Segment,
    count_part_bits,
    inspect,
    min_vbv_bitrate,
    plan_chunks,
    read_stitched_samples,
)
from ladders import (
    Constraints,
    EncodeSettings,
    FinalEncodes,
    LadderRequest,
    Prober,
    RungRules,
    StoppingRule,
    encode_with_correction,
    find_ladder,
)
from ladders.allocation.constraints import RungTarget
from ladders.construction.find_ladder import requantise
from ladders.final.correction import (
    TOLERANCE,
    CorrectionRound,
    accept_measured_vmaf,
    best_encodes,
    find_violations,
    measure_violations,
    segment_rates,
)
from ladders.final.final_encodes import FinalChunk
from ladders.probing.chunk_measurement import rate_point, shot_vmaf
from ladders.probing.sampling import frame_stride_for
from shotladder_runtime.store import Store
from tests.encoder.videos import make_numbered_frame, write_video
from tests.ladders.synthetic import KnownFilm, known

REQUEST = LadderRequest(
    encoding=EncodeSettings(preset="ultrafast"), rules=RungRules(count=2, target=80), segment_duration=Fraction(1)
)


def final(parts, quality, frames=96):
    return FinalChunk(Path("chunk"), tuple(parts), np.full(frames, float(quality)), "native", "v", 0.0, 0.0)


def encoded_by_the_law(change=None, count=1):
    """A ladder on known curves and finals that are what the curves say, but for what `change` does."""
    prober, segments = known(KnownFilm, 6)
    ladder = find_ladder(prober, segments, LadderRequest(rules=RungRules(count=count)))
    rows = []
    for rung in ladder.rungs:
        laws = [prober.runner.law(n, (rung.width, rung.height), q) for n, q in enumerate(rung.quantisers)]
        rows.append([final([round(bits)], quality) for bits, quality in laws])
    if change:
        change(rows)
    return prober, ladder, FinalEncodes(tuple(tuple(row) for row in rows), 0.0, 0.0)


def violations_of(change=None, constraints=None):
    prober, ladder, finals = encoded_by_the_law(change)
    # what is asked is what came out, so that only floor and peak are left to miss
    asked = tuple(replace(r, quality=float(finals.vmaf(n).mean())) for n, r in enumerate(ladder.rungs))
    return find_violations(prober.source, replace(ladder, rungs=asked), finals, constraints or Constraints())


def test_find_violations_is_empty_for_rungs_on_target():
    assert violations_of() == []


def test_find_violations_reports_a_segment_above_the_peak():
    def change(rows):
        average = np.mean([f.bits for f in rows[0]])
        rows[0][2] = final([round(4 * average)], rows[0][2].vmaf[0])

    assert violations_of(change) == [0]


def test_find_violations_reports_a_chunk_below_the_floor():
    def change(rows):
        rows[0][3] = final(rows[0][3].parts, rows[0][3].vmaf[0] - 20)

    assert violations_of(change) == [0]


def test_find_violations_ignores_a_chunk_below_the_floor_at_the_peak():
    def change(rows, share):
        rest = sum(final.bits for n, final in enumerate(rows[0]) if n != 3)
        # so many bits that the chunk has such a share of the peak, twice the average of six chunks
        bits = rest * share / (3 - share)
        rows[0][3] = final([round(bits)], rows[0][3].vmaf[0] - 20)

    assert violations_of(lambda rows: change(rows, 0.95)) == []
    assert violations_of(lambda rows: change(rows, 0.7)) == [0]
    assert violations_of(lambda rows: change(rows, 1.05)) == [0]


def test_find_violations_reports_a_quality_step_only_if_constrained():
    def change(rows):
        rows[0][3] = final(rows[0][3].parts, rows[0][2].vmaf[0] + 6)

    assert violations_of(change, Constraints(max_quality_step=5.0, floor_below_mean=50.0)) == [0]
    assert violations_of(change, Constraints(floor_below_mean=50.0)) == []


def test_segment_rates_sums_the_parts_in_each_segment():
    prober, ladder, _ = encoded_by_the_law()
    first, second, *rest = ladder.chunks
    # the second chunk goes over the edge of two segments, the first shares one with its beginning
    cut = second.start + 24
    chunks = (first, replace(second, keyframes=(second.start, cut)), *rest)
    segments = (Segment(0, cut), Segment(cut, second.stop), *(Segment(c.start, c.stop) for c in rest))
    row = [final([4800], 90), final([2400, 7200], 90), *(final([960], 90) for _ in rest)]
    rates = segment_rates(prober.source, replace(ladder, chunks=chunks, segments=segments), row)
    assert rates == pytest.approx([(4800 + 2400) / 5, 7200 / 3, *[960 / 4] * len(rest)])


def test_rate_point_has_the_peak_to_average_of_its_peak_part():
    prober, ladder, _ = encoded_by_the_law()
    chunk = replace(ladder.chunks[1], keyframes=(96, 96 + 24))
    # a second of 300 bits and three of 100 each
    point = rate_point(prober.source, chunk, 20.0, [300, 300], 90.0)
    assert point.bits == 600
    assert point.peak_to_average == pytest.approx(300 / 150)
    assert rate_point(prober.source, ladder.chunks[1], 20.0, [600], 90.0).peak_to_average == pytest.approx(1)


def test_rate_point_has_the_deficit_of_its_worst_shot():
    prober, ladder, _ = encoded_by_the_law()
    chunk = replace(ladder.chunks[1], cuts=(96 + 10, 96 + 60))
    frame_stride = 3
    frames = np.arange(96, 192, frame_stride)
    vmaf = np.where(frames < 106, 95.0, np.where(frames < 156, 90.0, 70.0))
    shots = shot_vmaf(chunk, frames, vmaf, EncodeSettings())
    assert shots == [95, 90, 70]
    point = rate_point(prober.source, chunk, 20.0, [600], float(vmaf.mean()), shots, frame_stride)
    assert point.quality - point.worst_shot_deficit == pytest.approx(70)
    # the first frame of a shot speaks for itself only
    first = np.where(frames == 96, 99.0, vmaf)
    assert shot_vmaf(chunk, frames, first, EncodeSettings(), frame_stride)[0] == pytest.approx((99 + 3 * 3 * 95) / 10)
    # a shot that no measured frame fell into says nothing
    few = shot_vmaf(replace(chunk, cuts=(97, 98)), frames, vmaf, EncodeSettings())
    assert few == [95.0, pytest.approx(vmaf[1:].mean())]


def test_find_violations_applies_the_floor_to_each_shot_of_a_chunk():
    prober, ladder, finals = encoded_by_the_law()
    chunk = ladder.chunks[1]
    vmaf = finals.chunks[-1][1].vmaf.copy()
    vmaf[:8] -= 30
    row = [*finals.chunks[-1]]
    row[1] = replace(row[1], vmaf=vmaf)
    made = replace(finals, chunks=(*finals.chunks[:-1], tuple(row)))
    top = len(ladder.rungs) - 1
    rungs = [*ladder.rungs]
    rungs[top] = replace(rungs[top], quality=float(made.vmaf(top).mean()))
    constraints = Constraints(peak_ratio=1e9)
    whole = replace(ladder, rungs=tuple(rungs))
    riding = (ladder.chunks[0], replace(chunk, cuts=(chunk.start + 8,)), *ladder.chunks[2:])
    assert top not in find_violations(prober.source, whole, made, constraints)
    assert top in find_violations(prober.source, replace(whole, chunks=riding), made, constraints)


def test_best_encodes_takes_each_rung_from_its_best_round():
    prober, ladder, finals = encoded_by_the_law()
    asked = tuple(replace(r, quality=float(finals.vmaf(n).mean())) for n, r in enumerate(ladder.rungs))
    # two rungs that differ in what is asked of them alone
    ladder = replace(ladder, rungs=(asked[0], replace(asked[0], rate=2 * asked[0].rate)))
    right, wrong = finals.chunks[0], tuple(replace(each, vmaf=each.vmaf - 3) for each in finals.chunks[0])
    rounds = []
    for rows in ((right, wrong), (wrong, right), (wrong, wrong)):
        made = replace(finals, chunks=rows)
        misses = measure_violations(prober.source, ladder, made, Constraints(), prober.encoding)
        rounds.append(CorrectionRound(ladder, made, misses))
    _, best = best_encodes(rounds)
    assert best.chunks == (right, right)


@pytest.mark.parametrize(("factor", "is_accepted"), [(1.05, True), (0.3, False)])
def test_accept_measured_vmaf_keeps_the_target_of_a_rung_at_the_wrong_distance(factor, is_accepted):
    prober, ladder, finals = encoded_by_the_law(count=3)
    lowest = tuple(
        replace(each, parts=tuple(round(factor * p) for p in each.parts), vmaf=each.vmaf - 1)
        for each in finals.chunks[0]
    )
    finals = replace(finals, chunks=(lowest, *finals.chunks[1:]))
    accepted = accept_measured_vmaf(prober.source, ladder, finals, LadderRequest())
    assert accepted.rungs[-1].quality == ladder.rungs[-1].quality
    target = float(finals.vmaf(0).mean()) if is_accepted else ladder.rungs[0].quality
    assert accepted.rungs[0].quality == pytest.approx(target)


def test_accept_measured_vmaf_lowers_the_target_of_a_lowest_rung_with_too_many_bits():
    prober, ladder, finals = encoded_by_the_law(count=3)
    for factor in (1.1, 1.4):
        lowest = tuple(replace(each, parts=tuple(round(factor * p) for p in each.parts)) for each in finals.chunks[0])
        changed = replace(finals, chunks=(lowest, *finals.chunks[1:]))
        accepted = accept_measured_vmaf(prober.source, ladder, changed, LadderRequest())
        measured = float(finals.vmaf(0).mean())
        deficit = (100.5 - measured) * (factor**0.5 if factor > 1.15 else 1)
        assert accepted.rungs[0].quality == pytest.approx(100.5 - deficit, abs=0.05)


def test_requantise_leaves_the_chunks_of_a_flexible_rung_that_violate_nothing():
    prober, ladder, _ = encoded_by_the_law(count=3)
    request = LadderRequest(constraints=Constraints(floor_below_mean=50.0, peak_ratio=10.0))
    rung = replace(ladder.rungs[0], quality=ladder.rungs[0].quality + 2)
    asked = replace(ladder, rungs=(rung, *ladder.rungs[1:]))
    rung_target = RungTarget(rung.quality, rung.rate * float(prober.source.duration))
    assert requantise(prober, asked, request, {0: rung_target}, [0]).rungs[0] == rung
    assert requantise(prober, asked, request, {0: rung_target}).rungs[0] != rung


def test_requantise_brings_a_fixed_rung_to_its_bitrate():
    request = LadderRequest(mode="fixed")
    prober, segments = known(KnownFilm, 6)
    ladder = find_ladder(prober, segments, request)

    def encoded(ladder):
        laws = [
            [prober.runner.law(n, (rung.width, rung.height), q) for n, q in enumerate(rung.quantisers)]
            for rung in ladder.rungs
        ]
        return FinalEncodes(
            tuple(tuple(final([round(bits)], quality) for bits, quality in row) for row in laws), 0.0, 0.0
        )

    finer = replace(ladder.rungs[1], quantisers=tuple(q - 2 for q in ladder.rungs[1].quantisers))
    spoilt = replace(ladder, rungs=(ladder.rungs[0], finer, *ladder.rungs[2:]))
    assert find_violations(prober.source, spoilt, encoded(spoilt), request.constraints) == [1]
    better = requantise(prober, spoilt, request, {1: RungTarget(finer.quality, 1.0)})
    assert find_violations(prober.source, better, encoded(better), request.constraints) == []
    assert len(set(better.rungs[1].quantisers)) == 1


@pytest.mark.parametrize(("frames", "expected"), [(1, 1), (17, 1), (18, 3), (41, 5), (53, 7), (54, 9), (5000, 9)])
def test_frame_stride_for_decreases_in_short_chunks(frames, expected):
    assert frame_stride_for(Chunk(0, frames, (0,), (0,)), 9) == expected


def test_encode_with_correction_changes_only_what_violates(tmp_path):
    source = inspect(write_video(tmp_path / "film.mp4", 90))
    chunks, segments = plan_chunks(source, [0, 30, 60], Fraction(1))
    with ThreadPoolExecutor(2) as executor:
        prober = Prober(source, chunks, REQUEST.encoding, Store(tmp_path / "store"), executor, frame_stride=1)
        ladder = find_ladder(prober, segments, REQUEST)
        spoilt = tuple(replace(r, quantisers=(r.quantisers[0] - 3, *r.quantisers[1:])) for r in ladder.rungs)
        said = []
        delivered, finals = encode_with_correction(
            prober, replace(ladder, rungs=spoilt), REQUEST, lambda title: RecordingStage(said, title)
        )
    assert said[0] == "encode"
    assert any(title.startswith("correct") for title in said[1:])
    for n, (rung, row) in enumerate(zip(delivered.rungs, finals.chunks, strict=True)):
        for chunk, encoded in zip(chunks, row, strict=True):
            assert encoded.parts == count_part_bits(encoded.path)
            assert len(encoded.parts) == len(chunk.keyframes)
        assert abs(finals.vmaf(n).mean() - rung.quality) <= 4 * TOLERANCE


def write_stills_of_noise(path):
    """Eight shots of a second that move, but for one that is a still of noise: nearly all of it is its first frame."""
    noise = np.random.default_rng(1).integers(96, 160, (64, 128), np.uint8)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=24, options={"crf": "10", "preset": "veryfast"})
        video.width, video.height, video.pix_fmt = 128, 64, "yuv420p"
        for n in range(8 * 24):
            picture = noise if n // 24 == 4 else make_numbered_frame(40 * (n // 24) + 3 * n)
            frame = av.VideoFrame.from_ndarray(picture, format="gray").reformat(format="yuv420p")
            frame.pts = n
            container.mux(video.encode(frame))
        container.mux(video.encode())
    return path


def test_encode_with_correction_shrinks_a_frame_too_large_for_the_buffer(tmp_path):
    source = inspect(write_stills_of_noise(tmp_path / "film.mp4"))
    chunks, segments = plan_chunks(source, list(range(0, 8 * 24, 24)), Fraction(1))
    needs = []
    for constraints in (Constraints(floor_below_mean=50.0), Constraints(floor_below_mean=50.0, vbv_seconds=0.25)):
        request = replace(REQUEST, rules=RungRules(count=1, target=92), constraints=constraints)
        with ThreadPoolExecutor(2) as executor:
            prober = Prober(source, chunks, request.encoding, Store(tmp_path / "store"), executor, frame_stride=1)
            _, finals = encode_with_correction(prober, find_ladder(prober, segments, request), request)
        bits, times = read_stitched_samples(source, chunks, [final.path for final in finals.chunks[-1]])
        needs.append(min_vbv_bitrate(bits, times, 0.25) / (bits.sum() / float(source.duration)))
    free, held = needs
    assert free > 2.2
    assert held <= 2


class RecordingStage:
    """A stage that notes its title."""

    def __init__(self, said, title):
        said.append(title)

    def __enter__(self):
        return lambda done, total: None

    def __exit__(self, *exception):
        return None


def test_encode_with_correction_reaches_the_target_where_the_prediction_ends_above_it(tmp_path):
    source = inspect(write_video(tmp_path / "film.mp4", 90))
    chunks, segments = plan_chunks(source, [0, 30, 60], Fraction(1))
    request = replace(REQUEST, rules=RungRules(count=1, target=80), stopping=StoppingRule(0.25))
    with ThreadPoolExecutor(2) as executor:
        prober = Prober(source, chunks, request.encoding, Store(tmp_path / "store"), executor, frame_stride=1)
        ladder = find_ladder(prober, segments, request)
        # as if the curves said that even the coarsest quantiser gives VMAF 92
        promised = replace(ladder, rungs=tuple(replace(r, quality=92.0) for r in ladder.rungs))
        delivered, finals = encode_with_correction(prober, promised, request)
    assert delivered.rungs[-1].quality == 80
    assert abs(finals.vmaf(0).mean() - 80) <= 4 * TOLERANCE
