"""What follows a round of jobs of a codec."""

from fractions import Fraction

import pytest

from encoder import Chunk, ChunkJob, Colour, Source
from ladders.ladder_request import EncodeSettings
from ladders.probing.round_tail import correction_tail, final_tail
from shotladder_runtime.store import Store

SOURCE = Source(
    **{"path": "video", "content_id": "known", "stream_index": 0, "codec": "h264", "pixel_format": "yuv420p"},
    **{"width": 1280, "height": 720, "sample_aspect_ratio": Fraction(1), "rotation": 0, "interlaced": False},
    **{"colour": Colour("bt709"), "bit_depth": 8, "time_base": Fraction(1, 24)},
    **{"pts": tuple(range(240)), "keyframes": (0,), "frame_rate": Fraction(24), "end_pts": 240},
)
CHUNKS = (Chunk(0, 60, (0,), ()), Chunk(60, 180, (60,), ()), Chunk(180, 240, (180,), ()))


@pytest.mark.parametrize(("tail", "heights"), [(final_tail, (720, 540, 432, 360, 234)), (correction_tail, (720,))])
def test_final_tail_and_correction_tail_are_the_cost_of_the_longest_chunk(tail, heights, tmp_path):
    store, encoding = Store(tmp_path), EncodeSettings(codec="hevc")
    renditions = tuple(encoding.rendition((2 * round(height * 8 / 9), height)) for height in heights)
    expected = ChunkJob(SOURCE, CHUNKS[1], renditions, (0.0,) * len(heights), store).cost
    assert tail(SOURCE, CHUNKS, encoding, store) == pytest.approx(expected)
