"""Frames in the report: which frame of a weak shot is shown."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ladders import FinalEncodes
from ladders.final.final_encodes import FinalChunk
from shotladder.report.frame_images import find_worst_frame


@pytest.mark.parametrize(("stride", "start", "expected"), [(1, 6, 8), (3, 6, 9), (3, 10, 10)])
def test_find_worst_frame_takes_a_frame_that_was_measured(stride, start, expected):
    # frames 8 to 11 have the VMAF of frame 9 where one frame in three was measured
    vmaf = np.array([90.0] * 8 + [60.0] * 4 + [90.0] * 4)
    chunk = FinalChunk(Path("chunk"), (1,), vmaf, "native", "vmaf", 0.0, 0.0, stride)
    shot = SimpleNamespace(start=start, stop=12)
    assert find_worst_frame(FinalEncodes(((chunk,),), 0.0, 0.0), 0, shot) == expected
