"""The crop of black bars of clips, and the brightest sample that it removes from any frame.

    python -m benchmarks.premium.crop_lines [--frames 100] [FILE ...]

For every clip of ../shared/clips, or FILE: what `--crop auto` removes, by its search in every frame; then the maximum
luma level above black and the maximum distance of chroma from grey in the removed lines of all frames, which FFmpeg's
libraries decode a second time. Levels are of 8 bits; a line with more than 5 levels of luma or 6 of chroma is part of
the picture. `--frames` limits both to the first frames.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import av
import numpy as np

import encoder
from encoder.media.black_bars import CHROMA_TOLERANCE, LUMA_TOLERANCE, scan_bars
from encoder.media.geometry import Crop
from shotladder_runtime.errors import ShotladderError

CLIPS = Path(__file__).resolve().parents[3] / "shared" / "clips"


def measure_removed(source: encoder.Source, crop: Crop, frames: int) -> tuple[float, float]:
    """Return the maximum luma above black and the maximum distance of chroma from grey in the removed lines."""
    luma = chroma = 0.0
    black = 0 if source.colour.range == "pc" else 16
    with av.open(source.path) as container:
        stream = container.streams[source.stream_index]
        for frame in islice(container.decode(stream), frames):
            # each sample of chroma is repeated, not blended with those of the picture beside it
            planes = frame.reformat(format="yuv444p", interpolation="POINT").to_ndarray()
            own = source.crop
            inner = planes[:, own.top : planes.shape[1] - own.bottom, own.left : planes.shape[2] - own.right]
            removed = np.ones(inner.shape[1:], bool)
            removed[crop.top : removed.shape[0] - crop.bottom, crop.left : removed.shape[1] - crop.right] = False
            luma = max(luma, float(inner[0][removed].max()) - black)
            chroma = max(chroma, float(np.abs(inner[1:, removed].astype(int) - 128).max()))
    return luma, chroma


def main(argv: Sequence[str] = ()) -> None:
    """Print a line for each clip, and the number of clips that lose a line of the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, help="clips; by default the shared ones")
    parser.add_argument("--frames", type=int, help="number of first frames; by default all")
    options = parser.parse_args(argv)
    found = sorted(path for folder in (CLIPS, CLIPS / "odd") for path in folder.glob("*.*"))
    lost = cropped = 0
    files = options.files or found
    for path in files:
        try:
            source = encoder.inspect(path)
            count = min(options.frames or source.frame_count, source.frame_count)
            crop, notes = scan_bars(source, 0, count).crop_for(source)
        except ShotladderError as error:
            print(f"{path.name}: refused: {str(error).removeprefix(f'{path}: ')}", flush=True)
            continue
        text = f"{path.name}: {count} frames: {'; '.join(notes)}"
        if crop:
            luma, chroma = measure_removed(source, crop, count)
            cropped += 1
            lost += luma > LUMA_TOLERANCE or chroma > CHROMA_TOLERANCE
            text += f"; removed luma {luma:.0f} above black, chroma {chroma:.0f} from grey"
        print(text, flush=True)
    print(f"{len(files)} clips, {cropped} cropped, {lost} lose a line of the picture")


if __name__ == "__main__":
    main(sys.argv[1:])
