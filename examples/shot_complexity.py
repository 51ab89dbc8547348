"""Correlate the complexity measures of shots with their coding cost: the bits of every shot at one CRF.

`python -m examples.shot_complexity VIDEO`
"""

import sys
from dataclasses import fields

import av
import numpy as np
from scipy.stats import spearmanr

import encoder
import ladders


def main() -> None:
    """Print the bits and the main measures of every shot, then the rank correlation of each measure with the bits."""
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    source = encoder.inspect(sys.argv[1])
    shots = ladders.detect_shots(source)
    bits = [_bits_per_frame(sys.argv[1], shot.start, shot.stop) for shot in shots]
    names = [field.name for field in fields(shots[0].complexity)]
    pooled = {name: [getattr(shot.complexity, name) for shot in shots] for name in names}
    values = {name: np.array([p.mean if p else np.nan for p in column]) for name, column in pooled.items()}
    print(f"{'start':>6}{'frames':>8}{'transition':>12}{'kbit/frame':>12}{'texture':>10}{'temporal':>10}{'grain':>10}")
    for k, shot in enumerate(shots):
        leading = "".join(f"{values[name][k]:10.2f}" for name in ("texture", "temporal", "grain"))
        print(f"{shot.start:6}{shot.frame_count:8}{shot.transition:>12}{bits[k] / 1000:12.1f}{leading}")
    print("\nSpearman's rank correlation with bits per frame, over the shots")
    for name, column in values.items():
        known = np.isfinite(column)
        rank = spearmanr(column[known], np.array(bits)[known]).statistic if known.sum() > 2 else float("nan")
        print(f"{name:<18}{rank:6.3f}")


def _bits_per_frame(path: str, start: int, stop: int) -> float:
    """Return the bits per frame of frames [start, stop), encoded by x264 `veryfast` at CRF 26 as one GOP."""
    coder = av.CodecContext.create("libx264", "w")
    size = 0
    with av.open(path) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number >= stop:
                break
            if number >= start:
                if number == start:
                    coder.width, coder.height, coder.pix_fmt = frame.width, frame.height, frame.format.name
                    coder.time_base = frame.time_base
                    coder.options = {"crf": "26", "preset": "veryfast", "g": "100000"}
                frame.pict_type = 0
                size += sum(packet.size for packet in coder.encode(frame))
    return 8 * (size + sum(packet.size for packet in coder.encode(None))) / (stop - start)


if __name__ == "__main__":
    main()
