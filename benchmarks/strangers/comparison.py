"""Compare what this project and ffmpeg read of the same file."""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import encoder
import vmaf
from shotladder_runtime.errors import ProcessError, ShotladderError
from shotladder_runtime.process import run
from shotladder_runtime.tools import ffmpeg_path

__all__ = ["Reading", "main", "read_with_ffmpeg"]

#: Pixels of all frames together above which a video is not scored; chosen by hand, about a minute of CPU time.
MAX_PIXELS = 150_000_000
#: VMAF of equal frames is 97.4 or more: the motion feature of a still frame is 0 (vmaf_v0.6.1).
EQUAL_FRAMES = 97.0


@dataclass(frozen=True)
class Reading:
    """Number of frames, duration (s), and size of an upright frame in square pixels, both even."""

    frames: int
    duration: Fraction
    size: tuple[int, int]


def read_with_ffmpeg(path: Path, stream: str) -> Reading | None:
    """Return what ffmpeg decodes of a stream, such as `0` or `v:0`; None if it decodes no frame."""
    argv = (
        ffmpeg_path(),
        "-v",
        "error",
        "-nostdin",
        "-i",
        str(path),
        "-map",
        f"0:{stream}",
        "-fps_mode",
        "passthrough",
    )
    try:
        text = run((*argv, "-c:v", "rawvideo", "-f", "framecrc", "-")).stdout.decode()
    except ProcessError:
        return None
    # #tb 0: 1/25, #dimensions 0: 320x240, #sar 0: 1/1; stream, dts, pts, duration, size, CRC
    header = dict(re.findall(r"^#(\w+) 0: (.+)$", text, re.MULTILINE))
    rows = [[int(cell) for cell in line.split(",")[2:4]] for line in text.splitlines() if line[:1].isdigit()]
    if not rows or "dimensions" not in header:
        return None
    begin, end = min(pts for pts, _ in rows), max(pts + length for pts, length in rows)
    width, height = map(Fraction, header["dimensions"].split("x"))
    # 0/1 is an unknown ratio
    ratio = Fraction(header.get("sar", "1")) or Fraction(1)
    size = (width * ratio, height) if ratio > 1 else (width, height / ratio)
    even = (2 * max(1, round(side / 2)) for side in size)
    return Reading(len(rows), (end - begin) * Fraction(header["tb"]), (next(even), next(even)))


def find_differences(path: Path, max_pixels: int) -> Iterator[str]:
    """Yield what differs; nothing for a file of which ffmpeg decodes no frame."""
    try:
        source = encoder.inspect(str(path))
    except ShotladderError as error:
        if (other := read_with_ffmpeg(path, "v:0")) is not None:
            yield f"refused, ffmpeg decodes {other.frames} frames: {error}"
        return
    other = read_with_ffmpeg(path, str(source.stream_index))
    if other is None:
        yield f"{source.frame_count} frames, ffmpeg decodes none"
        return
    if source.frame_count != other.frames:
        yield f"{source.frame_count} frames, ffmpeg {other.frames}"
    # containers and decoders round the duration of the last frame
    if abs(source.duration - other.duration) > other.duration / other.frames / 2 + Fraction(1, 1000):
        yield f"{float(source.duration):.3f} s, ffmpeg {float(other.duration):.3f} s"
    if source.display_size != other.size:
        yield f"size {source.display_size}, ffmpeg {other.size}"
    if source.width * source.height * source.frame_count <= max_pixels:
        yield from _score(source, other)


def _score(source: encoder.Source, other: Reading) -> Iterator[str]:
    """Yield what the score of a lossless copy by ffmpeg shows."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.mkv"
        argv = (ffmpeg_path(), "-v", "error", "-nostdin", "-i", source.path, "-map", f"0:{source.stream_index}")
        try:
            run((*argv, "-fps_mode", "passthrough", "-c:v", "ffv1", str(copy)))
            (scores,) = vmaf.score(source, copy)
        except ShotladderError as error:
            yield f"score of a lossless copy: {error}"
            return
    if len(scores.vmaf) != other.frames:
        yield f"{len(scores.vmaf)} frames scored, ffmpeg {other.frames}"
    if min(scores.vmaf) < EQUAL_FRAMES:
        yield f"VMAF of a lossless copy: {min(scores.vmaf):.1f} to {max(scores.vmaf):.1f}"


def main(argv: Sequence[str] = ()) -> int:
    """Run the benchmark and print its results; return 1 if a file differs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.strangers")
    parser.add_argument("folder", type=Path, nargs="?", help="Folder with videos; it is searched recursively.")
    parser.add_argument("--max-pixels", type=int, default=MAX_PIXELS, help="Pixels of the largest video to score.")
    options = parser.parse_args(argv)
    if options.folder is None:
        print("no folder is given: python -m benchmarks.strangers FOLDER")
        return 0
    files = differing = 0
    begun = time.monotonic()
    for path in sorted(path for path in options.folder.rglob("*") if path.is_file()):
        files += 1
        try:
            differences = list(find_differences(path, options.max_pixels))
        except Exception as error:  # the benchmark counts exceptions that the project does not expect
            differences = [f"uncaught {type(error).__name__}: {error}"]
        differing += bool(differences)
        for text in differences:
            print(f"{path.relative_to(options.folder)}: {' '.join(text.split())}", flush=True)
    print(f"{files} files, {differing} differ; {time.monotonic() - begun:.0f} s")
    return 1 if differing else 0
