"""CPU seconds of chunked encodes against one plain ffmpeg command that makes the same renditions.

    python -m benchmarks.encode_cost [--clip FILE] [--seconds 12] [--codec h264,...] [--preset CODEC=NAME,...]

Ours: the chunks of the plan, each in a process that decodes its frames once and encodes all renditions of it. Plain:
one ffmpeg that decodes the source once from its start and encodes the same sizes with the same settings, quantisers and
key frames. Both count user and system time of the processes; nothing is measured or probed.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av

import encoder
import ladders
from encoder import Chunk, ChunkJob, Rendition, Source
from encoder.encode.chunks import encoder_options
from encoder.encode.filters import make_frame_filters, number_frames
from shotladder_runtime import process
from shotladder_runtime.store import Store
from shotladder_runtime.tools import ffmpeg_path

CLIP = Path(__file__).resolve().parents[2] / "shared" / "clips" / "envivio_a_720p25_48s.mp4"
#: The plain command has one pass.
ONE_PASS = [name for name, codec in encoder.load_codecs().items() if codec.passes == 1]
#: Where the renditions stand in the encoder's range of quantisers, tallest first.
SHARES = (0.3, 0.45, 0.6)


def ours(source: Source, chunks: Sequence[Chunk], rungs: tuple[Rendition, ...], crfs: tuple[float, ...]) -> float:
    """Encode chunk by chunk."""
    with tempfile.TemporaryDirectory() as folder:
        return sum(encoder.encode_chunk(ChunkJob(source, c, rungs, crfs, Store(Path(folder)))) for c in chunks)


def plain(source: Source, chunks: Sequence[Chunk], rungs: tuple[Rendition, ...], crfs: tuple[float, ...]) -> float:
    """Encode the whole by one command."""
    codec = encoder.get_codec(rungs[0].codec)
    keys = "+".join(f"eq(n,{key})" for chunk in chunks for key in chunk.keyframes)
    copies = "".join(f"[c{n}]" for n in range(len(rungs)))
    graph = [f"[0:{source.stream_index}]trim=end_frame={chunks[-1].stop},{','.join(map(str, number_frames(source)))}"]
    graph[0] += f",split={len(rungs)}{copies}"
    for n, rung in enumerate(rungs):
        graph.append(f"[c{n}]{','.join(map(str, make_frame_filters(source, (rung.width, rung.height), codec)))}[o{n}]")
    with tempfile.TemporaryDirectory() as folder:
        argv = [ffmpeg_path(), "-v", "error", "-nostdin", "-y", "-threads", "1", "-i", source.path]
        argv += ["-filter_threads", "1", "-filter_complex_threads", "1", "-filter_complex", ";".join(graph)]
        paths = [Path(folder) / f"{n}.mp4" for n in range(len(rungs))]
        for n, (rung, crf, path) in enumerate(zip(rungs, crfs, paths, strict=True)):
            options = encoder_options(rung, crf, source)
            argv += ["-map", f"[o{n}]", "-force_key_frames", f"expr:{keys}"]
            argv += [word for key, value in options.items() for word in (f"-{key}", value)] + [str(path)]
        seconds = process.run(argv).cpu_seconds
        for path in paths:
            with av.open(str(path)) as container:
                assert sum(p.size > 0 for p in container.demux(video=0)) == chunks[-1].stop
    return seconds


def main(argv: Sequence[str] = ()) -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip", type=Path, default=CLIP)
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--codec", help="of one pass", default=",".join(ONE_PASS))
    parser.add_argument("--preset", default="", help="CODEC=NAME,...; by default those for production")
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args(list(argv))
    presets = dict(word.split("=") for word in options.preset.split(",") if word)
    source = encoder.inspect(options.clip)
    planned, _ = encoder.plan_chunks(source, [shot.start for shot in ladders.detect_shots(source)], Fraction(4))
    chunks = [chunk for chunk in planned if source.time(chunk.start) < options.seconds]
    sizes = list(ladders.candidate_sizes(source.display_size).values())[: 2 * len(SHARES) : 2]
    print(f"{options.clip.name}: {chunks[-1].stop} frames in {len(chunks)} chunks; sizes {sizes}")
    print(f"{'codec':6} {'preset':10} {'chunks':>8} {'plain':>8}  ratio   (CPU s, best of {options.rounds})")
    for name in options.codec.split(","):
        codec = encoder.get_codec(name)
        preset = presets.get(name, codec.preset)
        rungs = tuple(Rendition("", name, *size, preset) for size in sizes)
        crfs = tuple(codec.quantiser_at(share) for share, _ in zip(SHARES, sizes, strict=False))
        rounds = [
            (ours(source, chunks, rungs, crfs), plain(source, chunks, rungs, crfs)) for _ in range(options.rounds)
        ]
        a, b = (min(times) for times in zip(*rounds, strict=True))
        print(f"{name:6} {preset:10} {a:8.2f} {b:8.2f}  {a / b:.3f}", flush=True)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
