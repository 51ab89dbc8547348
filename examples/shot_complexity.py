"""Do a film's complexity measures foretell what its shots cost? Encodes every shot at one CRF and correlates.

`python -m examples.shot_complexity FILM`
"""

import sys
from dataclasses import fields

import av
import numpy as np
from scipy.stats import spearmanr

import encoder
import ladders


def main() -> None:
    """Print bits and the leading measures of every shot, then each measure's rank correlation with bits."""
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    source = encoder.inspect(sys.argv[1])
    shots = ladders.detect_shots(source)
    bits = [_bits(sys.argv[1], shot.start, shot.stop) for shot in shots]
    names = [field.name for field in fields(shots[0].complexity)]
    pooled = {name: [getattr(shot.complexity, name) for shot in shots] for name in names}
    values = {name: np.array([p.mean if p else np.nan for p in column]) for name, column in pooled.items()}
    print(f"{'first':>6}{'frames':>8}{'opens':>10}{'kbit/frame':>12}{'texture':>10}{'temporal':>10}{'grain':>10}")
    for k, shot in enumerate(shots):
        leading = "".join(f"{values[name][k]:10.2f}" for name in ("texture", "temporal", "grain"))
        print(f"{shot.start:6}{shot.frame_count:8}{shot.transition:>10}{bits[k] / 1000:12.1f}{leading}")
    print("\nSpearman's rank correlation with bits a frame, over the shots")
    for name, column in values.items():
        known = np.isfinite(column)
        rank = spearmanr(column[known], np.array(bits)[known]).statistic if known.sum() > 2 else float("nan")
        print(f"{name:<18}{rank:6.3f}")


def _bits(path: str, first: int, last: int) -> float:
    """Return the bits a frame of [first, last) as x264 `veryfast` makes them at CRF 26, one GOP."""
    coder = av.CodecContext.create("libx264", "w")
    size = 0
    with av.open(path) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number >= last:
                break
            if number >= first:
                if number == first:
                    coder.width, coder.height, coder.pix_fmt = frame.width, frame.height, frame.format.name
                    coder.time_base = frame.time_base
                    coder.options = {"crf": "26", "preset": "veryfast", "g": "100000"}
                frame.pict_type = 0
                size += sum(packet.size for packet in coder.encode(frame))
    return 8 * (size + sum(packet.size for packet in coder.encode(None))) / (last - first)


if __name__ == "__main__":
    main()
