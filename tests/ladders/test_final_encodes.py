"""Final encodes: what a rerun measures again, and what it counts."""

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np

from encoder import inspect, plan_chunks
from ladders import EncodeSettings, LadderRequest, Prober, RungRules, encode_final_chunks, find_ladder
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
