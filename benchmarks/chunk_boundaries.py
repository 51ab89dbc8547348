"""What is lost by encoding every chunk in a process of its own.

    python -m benchmarks.chunk_boundaries VIDEO... [--codec h264] [--height 432] [--quantisers 22,28,34]

The chunks of `shotladder encode` against one encode of the whole video with key frames at the same frames, at equal
quantisers and settings. Printed: bits and mean VMAF of both, and the BD-rate of the chunks against the whole. Chunks
lose the lookahead across their boundaries; both have the same number of key frames.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import encoder
import ladders
from encoder import Chunk, Source
from ladders import Ladder, Rung
from shotladder_runtime.jobs import LocalExecutor
from shotladder_runtime.store import Store


def measure(
    source: Source, chunks: tuple[Chunk, ...], size: tuple[int, int], codec: str, quantisers: Sequence[float]
) -> list[tuple[float, float]]:
    """Return bits and mean VMAF of the video at each quantiser."""
    settings = ladders.EncodeSettings(codec, encoder.get_codec(codec).preset)
    rungs = tuple(Rung(*size, (q,) * len(chunks), 1, 0.0) for q in quantisers)
    names = (settings.default_override(),) * len(chunks)
    ladder = Ladder(
        "per-title", codec, settings.preset, "visual", 93.0, source.content_id, chunks, (), rungs, overrides=names
    )
    with TemporaryDirectory() as folder, LocalExecutor(os.cpu_count() or 1) as executor:
        prober = ladders.Prober(source, chunks, settings, Store(Path(folder) / "store"), executor)
        finals = ladders.encode_final_chunks(prober, ladder)
    return [
        (float(sum(chunk.bits for chunk in row)), settings.pool(finals.vmaf(n))) for n, row in enumerate(finals.chunks)
    ]


def main(argv: Sequence[str] = ()) -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="*", type=Path)
    parser.add_argument("--codec", default="h264")
    parser.add_argument("--height", type=int, default=432)
    parser.add_argument("--quantisers", default="22,28,34")
    chosen = parser.parse_args(list(argv))
    quantisers = [float(q) for q in chosen.quantisers.split(",")]
    for path in chosen.videos:
        source = encoder.inspect(path)
        chunks, _ = encoder.plan_chunks(source, [shot.start for shot in ladders.detect_shots(source)], Fraction(4))
        keys = tuple(key for chunk in chunks for key in chunk.keyframes)
        whole = (Chunk(0, source.frame_count, keys, tuple(range(len(chunks)))),)
        size = ladders.candidate_sizes(source.display_size, chosen.height)
        size = next(iter(size.values()))
        both = [measure(source, each, size, chosen.codec, quantisers) for each in (whole, chunks)]
        print(f"{path.name}: {len(chunks)} chunks, {len(keys)} key frames")
        for q, (bits, vmaf), (chunk_bits, chunk_vmaf) in zip(quantisers, *both, strict=True):
            print(f"  quantiser {q:g}: whole {bits / 1e6:.3f} Mbit, VMAF {vmaf:.2f};", end=" ")
            print(f"chunks {chunk_bits / 1e6:.3f} Mbit, VMAF {chunk_vmaf:.2f}")
        print(f"  BD-rate of the chunks {ladders.bd_rate(*both).percent:+.2f} %")


if __name__ == "__main__":
    main(sys.argv[1:])
