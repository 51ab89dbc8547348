"""Measure the CPU time and the memory of encode jobs by codec and preset; --write replaces the table of the product.

    python -m benchmarks.scale.encode_needs [--write] [--frames 40] [--presets all]

Each codec encodes a generated clip (a fractal with noise) at two sizes with its default preset and its preset of fast
probes, or with all presets. Time is per pixel of the large size without decoding. Memory is a line through both sizes:
bytes of a process, and bytes per pixel.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import encoder
from encoder import Chunk, ChunkJob, get_codec
from encoder.encode.job_needs import TABLE_FILE
from ladders import EncodeSettings
from ladders.probing.search import SHIFT_FRACTION
from shotladder_runtime import process
from shotladder_runtime.store import Store
from shotladder_runtime.tools import ffmpeg_path

CODECS = ("h264", "hevc", "vp9", "av1")
SIZES = ((480, 270), (1920, 1080))


def make_clip(path: Path, size: tuple[int, int], frames: int) -> encoder.Source:
    """Write a clip with motion and noise."""
    graph = f"mandelbrot=size={size[0]}x{size[1]}:rate=24:start_scale=0.3,noise=alls=6:allf=t"
    words = ["-f", "lavfi", "-i", graph, "-frames:v", frames, "-c:v", "libx264", "-preset", "ultrafast", "-crf", 12]
    process.run([str(word) for word in (ffmpeg_path(), *process.QUIET, *words, "-pix_fmt", "yuv420p", path)])
    return encoder.inspect(path)


def measure(source: encoder.Source, codec: str, preset: str, folder: Path) -> tuple[float, int]:
    """Return the CPU seconds and the peak memory (bytes) of one encode."""
    settings = EncodeSettings(codec=codec, preset=preset)
    size = (source.width, source.height)
    quantiser = get_codec(codec).quantiser_at(SHIFT_FRACTION)
    chunk = Chunk(0, source.frame_count, (0,), (0,))
    with tempfile.TemporaryDirectory(dir=folder) as store:
        job = ChunkJob(source, chunk, (settings.rendition(size),), (quantiser,), Store(Path(store) / "store"))
        with process.record_usage() as usages:
            encoder.encode_chunk(job)
    return sum(usage.cpu_seconds for usage in usages), max(usage.peak_memory for usage in usages)


def measure_decoding(source: encoder.Source) -> float:
    """Return the CPU seconds of decoding a clip."""
    words = [ffmpeg_path(), *process.QUIET, "-threads", "1", "-i", source.path, "-f", "null", "-"]
    return process.run([str(word) for word in words]).cpu_seconds


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="Replace the table.")
    parser.add_argument("--frames", type=int, default=40, help="Frames of a clip.")
    parser.add_argument("--presets", choices=("two", "all"), default="two", help="Presets that are measured.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = [make_clip(folder / f"{size[0]}.mp4", size, options.frames) for size in SIZES]
        pixels = [source.width * source.height for source in clips]
        decoding = measure_decoding(clips[1]) / options.frames / pixels[1]
        table = {"decode": decoding, "codecs": {}}
        print(f"decoding {1e9 * decoding:.2f} ns a pixel")
        for codec in CODECS:
            row = get_codec(codec)
            pair = dict.fromkeys((row.preset, row.fast_preset_for(row.preset) or row.preset))
            encode, lines = {}, []
            for preset in row.presets if options.presets == "all" else pair:
                (_, small), (seconds, large) = (measure(source, codec, preset, folder) for source in clips)
                encode[preset] = max(seconds / options.frames / pixels[1] - decoding, 1e-10)
                slope = max(large - small, 0) / (pixels[1] - pixels[0])
                lines.append((slope, max(small - slope * pixels[0], 0)))
                print(f"{codec} {preset}: {1e9 * encode[preset]:.1f} ns a pixel, {large / 1e6:.0f} MB", flush=True)
            slope, base = max(lines)
            table["codecs"][codec] = {
                "encode": encode,
                "memory_base": round(base),
                "memory_per_pixel": round(slope, 1),
            }
    if options.write:
        TABLE_FILE.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
