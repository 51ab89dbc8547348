"""The second part of the top rung makes up for the error that the first shows."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from encoder import inspect, plan_chunks
from ladders import EncodeSettings, LadderRequest, Prober, RungRules, encode_final_chunks, find_ladder
from ladders.final.top_rung import encode_top_rung, requantise_others
from shotladder_runtime.store import Store
from tests.encoder.videos import write_video
from tests.ladders.synthetic import KnownFilm, known

REQUEST = LadderRequest(rules=RungRules(count=1))
CHUNKS = 12


def measured_after(bias):
    """VMAF of the delivered rung where each encode has `bias` more than its curve, and of the predicted one."""
    prober, segments = known(KnownFilm, CHUNKS)
    ladder = find_ladder(prober, segments, REQUEST)
    (rung,) = ladder.rungs
    size = rung.width, rung.height

    def vmaf(quantisers):
        return np.array([prober.runner.law(n, size, q)[1] + bias for n, q in enumerate(quantisers)])

    first = range(0, CHUNKS, 2)
    delivered = requantise_others(prober, ladder, REQUEST, first, list(vmaf(rung.quantisers)[::2]))
    assert delivered.quantisers[::2] == rung.quantisers[::2]
    frames = [chunk.frame_count for chunk in prober.chunks]
    return (np.average(vmaf(each.quantisers), weights=frames) - rung.quality for each in (delivered, rung))


@pytest.mark.parametrize("bias", [-1.0, 0.8])
def test_requantise_others_makes_up_for_the_error_of_the_first_chunks(bias):
    delivered, predicted = measured_after(bias)
    assert abs(predicted) > 0.7
    assert abs(delivered) < abs(predicted) / 2


def test_requantise_others_leaves_a_large_error_to_the_corrections():
    delivered, predicted = measured_after(-9.0)
    assert predicted < delivered < -5


def test_encode_top_rung_equals_the_encodes_of_its_ladder(tmp_path):
    source = inspect(write_video(tmp_path / "film.mp4", 120))
    chunks, segments = plan_chunks(source, [0, 24, 48, 72, 96], Fraction(1))
    request = replace(REQUEST, encoding=EncodeSettings(preset="ultrafast"), segment_duration=Fraction(1))
    with ThreadPoolExecutor(2) as executor:
        prober = Prober(source, chunks, request.encoding, Store(tmp_path / "store"), executor)
        ladder = find_ladder(prober, segments, request)
        delivered, finals = encode_top_rung(prober, ladder, request)
        again = encode_final_chunks(prober, delivered)
        per_title = replace(ladder, mode="per-title")
        assert encode_top_rung(prober, per_title, request)[0] == per_title
    assert [final.path for final in finals.chunks[0]] == [final.path for final in again.chunks[0]]
    assert finals.encode_cpu_seconds == pytest.approx(again.encode_cpu_seconds)
