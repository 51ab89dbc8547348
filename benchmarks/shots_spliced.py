"""Shots of real films, more_transitions by transitions that are known to the frame: ours against PySceneDetect.

    python -m benchmarks.shots_spliced [--clips 60] [--first-seed 0]

Hand-labelled real clips are few, and hold hardly a gradual transition. Here their shots, of different clips side by
side, are more_transitions anew by every transition of `training.clips.variants` and encoded. Nothing is tuned to them.
Scores are those of `benchmarks.shot_detection`; every clip in which we err is listed.
"""

from __future__ import annotations

import argparse
import collections
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import cv2
import numpy as np

import encoder
from benchmarks.shot_detection import PEERS, SHARED, ours, report, theirs, written
from samples.painting import Canvas, Size
from training.clips import variants
from training.clips.transitions import DISSOLVES, WIPES
from training.shot_scores import load_labels, matched

SIZE = Size(480, 270)
#: Shots of fewer frames are left out, and of longer ones the rest is.
LEAST, MOST = 30, 120
#: So are those of which most pictures have less contrast (levels): nobody sees where black turns into black.
FLAT = 20.0
#: Transitions a clip; half of them are cuts.
JOINS = 5


def spans(truth: dict) -> Iterator[tuple[int, int]]:
    """Yield the frames [first, last) of each shot that a hand-labelled clip shows for itself."""
    mixed = [(cut, cut) for cut in truth["cuts"]]
    mixed += [(each["start"], each["stop"]) for each in truth["gradual"]]
    mixed += [(each["start"], each["stop"]) for each in truth["unsure"]]
    start = 0
    for first, last in [*sorted(mixed), (truth["frame_count"], truth["frame_count"])]:
        # a frame beside a boundary may be a mixture by the encoder's doing
        if first - start - 2 >= LEAST:
            yield start + 1, min(first - 1, start + 1 + MOST)
        start = max(start, last)


def shots(truth: dict) -> Iterator[np.ndarray]:
    """Yield the shots of a clip as uint8 RGB, shape (frames, height, width, 3), cropped to one size."""
    source = encoder.inspect(SHARED / "clips" / truth["clip"])
    for first, last in spans(truth):
        shot = np.stack([picture(frame) for frame in encoder.decode(source, first, last)])
        if np.median(shot.std((1, 2, 3))) >= FLAT:
            yield shot


def picture(frame: encoder.Frame) -> np.ndarray:
    """Return a frame of 8 bits and limited range as RGB of BT.709."""
    height, width = frame.luma.shape
    scale = max(SIZE.width / width, SIZE.height / height)
    planes = []
    for plane in frame.planes:
        size = (round(width * scale), round(height * scale))
        large = cv2.resize(plane.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        top, left = (large.shape[0] - SIZE.height) // 2, (large.shape[1] - SIZE.width) // 2
        planes.append(large[top : top + SIZE.height, left : left + SIZE.width])
    y, blue, red = (planes[0] - 16) / 219, (planes[1] - 128) / 224, (planes[2] - 128) / 224
    rgb = np.stack([y + 1.5748 * red, y - 0.1873 * blue - 0.4681 * red, y + 1.8556 * blue], -1)
    return (np.clip(rgb, 0, 1) * 255 + 0.5).astype(np.uint8)


def spliced(seed: int, films: list[list[np.ndarray]]) -> variants.Clip:
    """Join shots of different films."""
    rng = np.random.default_rng((seed, 80))
    editor = variants.Editor(rng, SIZE, has_overlays=False)
    chosen: list[int] = []
    while len(chosen) <= JOINS:
        chosen += [int(k) for k in rng.permutation(len(films)) if not chosen or k != chosen[-1]]
    taken = [films[k][rng.integers(len(films[k]))] for k in chosen[: JOINS + 1]]
    editor.hold(shown(taken[0]), 0, int(rng.integers(12, len(taken[0]) - 12)))
    for old, new in pairwise(taken):
        gradual = [*rng.choice(DISSOLVES, 2), rng.choice(["fade_black", "fade_black", "fade_white"]), rng.choice(WIPES)]
        editor.change("cut" if rng.random() < 0.5 else str(rng.choice(gradual)), shown(old), shown(new))
        editor.hold(shown(new), editor.at, int(rng.integers(12, 60)))
    return editor.clip("spliced", seed, float(rng.choice([18, 23, 28, 33])))


def shown(shot: np.ndarray) -> Callable[[int], Canvas]:
    """Return a shot as a function of the frame; it goes back where it ends, so that none is too short."""
    there_and_back = np.concatenate([shot, shot[-2:0:-1]])
    return lambda k: there_and_back[k % len(there_and_back)].astype(np.float32) / 255


def main(argv: Sequence[str] = ()) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--first-seed", type=int, default=0)
    options = parser.parse_args(argv)
    if not SHARED.is_dir():
        print(f"skipped: needs the clips in {SHARED}")
        return
    truths = [load_labels(path) for path in sorted((SHARED / "truth" / "shots").glob("*.json"))]
    films = [film for film in (list(shots(truth)) for truth in truths) if film]
    print(f"{sum(map(len, films))} shots of {len(films)} clips")
    totals: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.first_seed, options.first_seed + options.clips):
            _, path, truth = written(spliced(seed, films), folder)
            found = ours(path)
            score = matched(found, truth)
            totals["ours"] += score
            for peer in PEERS:
                totals[peer] += matched(theirs(path, peer, truth), truth)
            if sum(score[key] for key in ("cut_false", "cut_missed", "gradual_false", "gradual_missed")):
                print(f"\nclip {seed}: cuts {truth['cuts']}")
                print(*(f"  {each['form']} {each['start']}-{each['stop'] - 1}" for each in truth["gradual"]), sep="\n")
                print("  found:", *(f"{t.kind} {t.start}-{t.stop - (t.kind != 'cut')} {t.score:.2f}" for t in found))
    report(f"{options.clips} clips of real shots, more_transitions anew", totals)


if __name__ == "__main__":
    main(sys.argv[1:])
