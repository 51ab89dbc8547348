"""Which frames fast-preset probes encode, and how their bits are extrapolated."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from encoder import Chunk, inspect
from ladders import EncodeSettings, Prober
from ladders.probing.probe_results import ProbePoint
from ladders.probing.sampling import FAST_PROBE_FRAMES, fast_probe_frames
from shotladder_runtime.store import Store
from tests.encoder.videos import write_video


def test_fast_probe_frames_are_the_middle_of_a_long_chunk():
    assert fast_probe_frames(Chunk(100, 300, (100, 196), (3,))) == Chunk(168, 232, (168,), (3,))


@pytest.mark.parametrize("chunk", [Chunk(100, 195, (100,), (3,)), Chunk(100, 300, (100, 196), (3, 4), (150,))])
def test_fast_probe_frames_are_all_of_a_short_chunk_and_of_one_with_cuts(chunk):
    assert fast_probe_frames(chunk) == chunk


def test_run_extrapolates_the_bits_of_a_fast_probe_to_the_whole_chunk(tmp_path):
    source = inspect(write_video(tmp_path / "film.mp4", 144))
    chunk = Chunk(0, 144, (0, 96), (0,))
    point = ProbePoint(0, source.display_size, 26.0, fast=True)
    results = []
    # with a cut at the last frame, all frames are encoded
    for each in (chunk, Chunk(0, 144, (0, 96), (0, 1), (143,))):
        with ThreadPoolExecutor(1) as executor:
            prober = Prober(source, (each,), EncodeSettings(preset="medium"), Store(tmp_path / "store"), executor)
            prober.run([point])
        results.append(prober.results.fast(0, source.display_size)[26.0])
    part, whole = results
    assert part.bits == pytest.approx(whole.bits, rel=0.15)
    assert part.quality == pytest.approx(whole.quality, abs=2.0)
    assert part.peak_to_average == pytest.approx(whole.peak_to_average, rel=0.15)
    assert chunk.frame_count > 2 * FAST_PROBE_FRAMES
