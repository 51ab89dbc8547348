"""What overrides of single chunks save, chunk by chunk: more B-frames, longer decisions, lighter deblocking.

Claim: what an override saves differs so much from shot to shot that choosing for each beats the best one for all.
Real encodes of some chunks of each source, evenly spaced over it, at one size and four quantisers, plain and with every
override of the codec's row; BD-rate (VMAF 30 to 97, each fifth frame) against plain, and CPU seconds of encoding
(decoding and scaling included) against plain.

Run as ``python -m benchmarks.overrides [FILM ...] [--codec C] [--preset P] [--tune T] [--chunks N]``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import numpy as np

import encoder
import vmaf
from encoder import get_codec
from ladders import EncodeSettings, Prober, analyse_shots, bd_rate, candidate_sizes
from ladders.probing.probe_results import ProbePoint
from ladders.probing.sampling import evenly_spaced
from shotladder_runtime.store import Store

CLIPS = Path(__file__).resolve().parents[2] / "shared" / "clips"
FILMS = ("bbb_480p_30s_51.mp4", "goldeneye_vfr_drop3.mp4", "envivio_a_720p25_48s.mp4", "psd_testvideo_720p_24s.mp4")
#: Where in the encoder's range of quantisers.
SHARES = (0.25, 0.42, 0.59, 0.76)
BAND = (30.0, 97.0)
#: Frames of a chunk that are encoded, at most.
LONGEST = 60


def saved(path: Path, encoding: EncodeSettings, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Print the table of a source; return BD-rates (%) by chunk and override, and CPU seconds of plain and refined."""
    source = encoder.inspect(path)
    vmaf.warm_up(source.bit_depth)
    chunks, _ = encoder.plan_chunks(source, [shot.start for shot in analyse_shots(source).shots], Fraction(4))
    picked = [chunks[n] for n in evenly_spaced(count, len(chunks))]
    short = [encoder.Chunk(c.start, min(c.stop, c.start + LONGEST), (c.start,), c.shots[:1]) for c in picked]
    heights = sorted(candidate_sizes(source.display_size).items())
    size = heights[len(heights) // 2][1]
    codec = get_codec(encoding.codec)
    names = ("", *encoding.other_overrides)
    rates, seconds = np.zeros((len(short), len(names))), np.zeros(len(names))
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as executor:
        prober = Prober(source, tuple(short), encoding, Store(Path(folder)), executor, frame_stride=5)
        for n in range(len(short)):
            curves = []
            for k, name in enumerate(names):
                before = prober.cost.encode_cpu_seconds
                points = [ProbePoint(n, size, codec.quantiser_at(share), override=name) for share in SHARES]
                prober.run(points)
                seconds[k] += prober.cost.encode_cpu_seconds - before
                curves.append(
                    [(p.bits, p.quality) for p in map(prober.results.like(points[0]).__getitem__, _places(points))]
                )
                rates[n, k] = bd_rate(curves[0], curves[-1], band=BAND).percent
    print(f"{path.name}, {size[0]}x{size[1]}, {encoding.codec} {encoding.preset}, tuned for {encoding.tune}")
    print(f"  {'frames':>16s}  " + "  ".join(f"{name:>10.26s}" for name in names[1:]))
    for chunk, row in zip(short, rates, strict=True):
        print(f"  {chunk.start:7d} to {chunk.stop:5d}  " + "  ".join(f"{x:+10.1f}" for x in row[1:]), flush=True)
    return rates, seconds


def _places(points: Sequence[ProbePoint]) -> list[float]:
    return sorted(point.quantiser for point in points)


def main(arguments: Sequence[str] = ()) -> None:
    """Print the tables of films, and what is best over all of them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("films", nargs="*", type=Path)
    parser.add_argument("--codec", default="h264")
    parser.add_argument("--preset")
    parser.add_argument("--tune", default="visual")
    parser.add_argument("--chunks", type=int, default=4)
    chosen = parser.parse_args(arguments)
    preset = chosen.preset or get_codec(chosen.codec).preset
    encoding = EncodeSettings(chosen.codec, preset, chosen.tune, effort="")
    films = chosen.films or [CLIPS / name for name in FILMS if (CLIPS / name).exists()]
    if not films:
        print("no source: name one, or put the clips next to this checkout")
        return
    found = [saved(film, encoding, chosen.chunks) for film in films]
    rates, seconds = np.concatenate([r for r, _ in found]), sum(s for _, s in found)
    for k, name in enumerate(encoding.other_overrides, 1):
        times = seconds[k] / seconds[0]
        print(
            f"{name:28s} all chunks {rates[:, k].mean():+6.2f} %, from {rates[:, k].min():+.1f} to"
            f" {rates[:, k].max():+.1f}; {times:.2f} times the CPU seconds"
        )
    print(f"{'the best one for each chunk':28s} all chunks {rates.min(axis=1).mean():+6.2f} %")


if __name__ == "__main__":
    main(sys.argv[1:])
