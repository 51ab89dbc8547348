"""Final encodes: measurement on a frame stride and of every frame."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from encoder import Chunk, inspect, plan_chunks
from ladders import EncodeSettings, LadderRequest, Prober, RungRules, encode_final_chunks, find_ladder
from ladders.probing.chunk_measurement import interpolate_frames
from shotladder_runtime.store import Store
from tests.encoder.videos import write_video

REQUEST = LadderRequest(rules=RungRules(count=1))


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
    # decisions on a stride do not depend on what an earlier run measured
    for one, other in zip(sampled.chunks[0], again.chunks[0], strict=True):
        np.testing.assert_array_equal(one.vmaf, other.vmaf)
    assert sampled.vmaf(0).mean() == pytest.approx(complete.vmaf(0).mean(), abs=1.0)
    assert complete.measure_cpu_seconds > sampled.measure_cpu_seconds > 0
    assert complete.encode_cpu_seconds == pytest.approx(sampled.encode_cpu_seconds, rel=0.2)
