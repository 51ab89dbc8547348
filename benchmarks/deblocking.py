"""Effect of skipping the decoder's loop filter on shots and complexity: never, as the scan does, and always.

    python -m benchmarks.deblocking [--generated 33] [FILE ...]

For every shared clip (or FILE) and some generated ones: CPU seconds of the whole analysis against those without
skipping, how many transitions are the same to the frame, and by how much the mean of each measure of a shot moves,
median and most over all shots, as a share of its value with everything filtered.
"""

from __future__ import annotations

import argparse
import collections
import resource
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from unittest import mock

import numpy as np

import encoder
import ladders
from encoder.media.frames import choose_loop_filter_skip
from ladders.complexity.complexity_meter import COMPLEXITY_COLUMNS
from shotladder_runtime.errors import ShotladderError
from training.clips import variants

CLIPS = Path(__file__).resolve().parents[2] / "shared" / "clips"
MODES = {"none": lambda codec: "none", "ours": choose_loop_filter_skip, "all": lambda codec: "all"}
#: Added to a value before changes are divided by it: otherwise any change of a black video would be large.
LEAST = 0.01


def analyse_shots(source: encoder.Source, mode: str) -> tuple[ladders.Analysis, float]:
    """Find shots with a way to skip the filter; return them and the CPU seconds that took."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    with mock.patch("encoder.media.frames.choose_loop_filter_skip", MODES[mode]):
        analysis = ladders.analyse_shots(source)
    after = resource.getrusage(resource.RUSAGE_SELF)
    return analysis, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def moved(one: ladders.Analysis, other: ladders.Analysis) -> dict[str, list[float]]:
    """Return by how much each measure of each shot that both have moves."""
    found = collections.defaultdict(list)
    theirs = {(shot.start, shot.stop): shot for shot in other.shots}
    for shot in one.shots:
        against = theirs.get((shot.start, shot.stop))
        for name, a, b in zip(
            COMPLEXITY_COLUMNS, astuple(shot.complexity), astuple(against.complexity) if against else (), strict=False
        ):
            if a and b:
                found[name].append(abs(a[0] - b[0]) / (abs(a[0]) + LEAST))
    return found


def main(argv: Sequence[str] = ()) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*")
    parser.add_argument("--generated", type=int, default=33)
    options = parser.parse_args(argv)
    if not options.files and not CLIPS.is_dir():
        print(f"skipped clips: {CLIPS} does not exist")
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(f) for f in options.files] or [p for p in sorted(CLIPS.glob("*.*")) if p.is_file()]
        files += [
            variants.write_clip(Path(folder) / f"generated{seed}.mp4", variants.generate(seed))
            for seed in range(options.generated)
        ]
        totals = {mode: collections.defaultdict(list) for mode in MODES}
        print(f"{'':40s} none s   ours/none  same of   all/none  same of")
        for path in files:
            try:
                source = encoder.inspect(path)
            except ShotladderError as error:
                print(f"skipped: {error}", file=sys.stderr)
                continue
            full, base = analyse_shots(source, "none")
            line = f"{path.name:40s} {base:6.2f}"
            for mode in ("ours", "all"):
                found, spent = analyse_shots(source, mode)
                same = {(t.kind, t.start, t.stop) for t in full.transitions}
                kept = len(same & {(t.kind, t.start, t.stop) for t in found.transitions})
                line += f"   {spent / base:8.2f}  {kept:4d} {max(len(same), len(found.transitions)):3d}"
                for name, values in moved(full, found).items():
                    totals[mode][name] += values
            print(line)
    print(f"{'measure':20s} ours: median   most    all: median   most")
    for name in COMPLEXITY_COLUMNS:
        ours, everything = (totals[mode][name] for mode in ("ours", "all"))
        print(
            f"{name:20s} {np.median(ours):12.4f} {max(ours):6.3f} {np.median(everything):14.4f} {max(everything):6.3f}"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
