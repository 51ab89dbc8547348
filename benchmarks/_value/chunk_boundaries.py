"""What is lost by encoding every chunk in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import encoder
import ladders
from encoder import Chunk, Source
from ladders import Ladder, Rung
from shotladder_runtime.jobs import LocalExecutor
from shotladder_runtime.store import Store

#: Nominal height of both encodes, and their quantisers.
HEIGHT = 432
QUANTISERS = (22.0, 28.0, 34.0)


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


def compare(source: Source, codec: str) -> dict[str, Any]:
    """Encode the chunks of `shotladder encode`, and the whole with key frames at the same frames, at equal quantisers.

    Chunks lose the lookahead across their boundaries; both have the same number of key frames.
    """
    chunks, _ = encoder.plan_chunks(source, [shot.start for shot in ladders.detect_shots(source)], Fraction(4))
    keys = tuple(key for chunk in chunks for key in chunk.keyframes)
    whole = (Chunk(0, source.frame_count, keys, tuple(range(len(chunks)))),)
    sizes = ladders.candidate_sizes(source.display_size, HEIGHT)
    both = [measure(source, each, next(iter(sizes.values())), codec, QUANTISERS) for each in (whole, chunks)]
    return {"whole": both[0], "chunks": both[1], "bd_rate": ladders.bd_rate(*both).percent, "count": len(chunks)}


def show(result: dict[str, Any]) -> None:
    """Print both curves."""
    print(
        f"    {result['count']} chunks against one encode with the same key frames: BD-rate {result['bd_rate']:+.2f} %"
    )
    for quantiser, (bits, vmaf), (chunk_bits, chunk_vmaf) in zip(
        QUANTISERS, result["whole"], result["chunks"], strict=True
    ):
        print(f"      quantiser {quantiser:g}: whole {bits / 1e6:.3f} Mbit, VMAF {vmaf:.2f};", end=" ")
        print(f"chunks {chunk_bits / 1e6:.3f} Mbit, VMAF {chunk_vmaf:.2f}")
