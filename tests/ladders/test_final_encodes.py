"""Final encodes: what a rerun measures again, and what it counts."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction

import numpy as np

from encoder import Chunk, inspect, plan_chunks
from ladders import EncodeSettings, LadderRequest, Prober, RungRules, encode_final_chunks, find_ladder
from ladders.probing.chunk_measurement import of_all_frames
from shotladder_runtime.store import Store
from tests.encoder.videos import write_video

REQUEST = LadderRequest(
    rules=RungRules(count=1), encoding=EncodeSettings(preset="ultrafast"), segment_duration=Fraction(1)
)


def test_encode_final_chunks_counts_each_encode_once(tmp_path):
    source = inspect(write_video(tmp_path / "film.mp4", 90))
    chunks, segments = plan_chunks(source, [0, 30, 60], Fraction(1))
    with ThreadPoolExecutor(2) as executor:
        prober = Prober(source, chunks, REQUEST.encoding, Store(tmp_path / "store"), executor)
        ladder = find_ladder(prober, segments, REQUEST)
        first = encode_final_chunks(prober, ladder)
        again = encode_final_chunks(prober, ladder, before=first)
    assert first.encode_cpu_seconds > 0
    assert first.measure_cpu_seconds > 0
    assert again.encode_cpu_seconds == first.encode_cpu_seconds
    assert again.measure_cpu_seconds == first.measure_cpu_seconds
    assert len(first.vmaf(0)) == source.frame_count
    np.testing.assert_array_equal(first.vmaf(0), again.vmaf(0))


def test_encode_final_chunks_measures_one_frame_in_three_with_effort_fast(tmp_path):
    source = inspect(write_video(tmp_path / "film.mp4", 120))
    chunks, segments = plan_chunks(source, [0, 60], Fraction(1))
    found = {}
    with ThreadPoolExecutor(2) as executor:
        for effort in ("fast", ""):
            encoding = EncodeSettings(preset="ultrafast", effort=effort)
            prober = Prober(source, chunks, encoding, Store(tmp_path / "store"), executor)
            ladder = find_ladder(prober, segments, replace(REQUEST, encoding=encoding))
            found[effort] = encode_final_chunks(prober, replace(ladder, overrides=()))
    assert (found["fast"].frame_stride, found[""].frame_stride) == (3, 1)
    strided, whole = found["fast"].vmaf(0), found[""].vmaf(0)
    assert len(strided) == len(whole) == 120
    np.testing.assert_allclose(strided[::3], whole[::3], atol=1e-4)
    assert abs(strided - whole).max() > 1e-3


def test_of_all_frames_takes_the_nearest_measured_frame_of_the_shot_except_its_first():
    chunk = Chunk(9, 21, (9, 15), (0, 1), (15,))
    frames, vmaf = np.array([9, 12, 15, 18]), np.array([99.0, 80.0, 98.0, 70.0])
    filled = of_all_frames(chunk, frames, vmaf)
    assert filled.tolist() == [99.0, 80.0, 80.0, 80.0, 80.0, 80.0, 98.0, 70.0, 70.0, 70.0, 70.0, 70.0]
    # a shot of which only the first frame was measured
    assert of_all_frames(Chunk(9, 12, (9,), (0,), ()), np.array([9]), np.array([99.0])).tolist() == [99.0] * 3


def test_of_all_frames_of_a_shot_of_an_hour_takes_little_memory():
    frames = np.arange(0, 90_000, 3)
    vmaf = frames / 900
    tracemalloc.start()
    filled = of_all_frames(Chunk(0, 90_000, (0,), (0,), ()), frames, vmaf)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # of each three frames, the middle one stands for both others
    np.testing.assert_array_equal(filled[2:5], vmaf[1])
    assert peak < 10e6
