"""Compare the scores of the native engine with those of libvmaf on every shared clip and a low-bitrate encode of it.

Claim: the VMAF of every frame equals libvmaf's to 1e-4, and every feature to 1e-6 (libvmaf prints six digits). The
output lists the clips that the native engine hands to libvmaf, because they are interlaced or HDR.

Run as ``python -m benchmarks.vmaf_agreement [CLIP...]``.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

import encoder
import vmaf
from shotladder_runtime import process
from shotladder_runtime.errors import ShotladderError
from shotladder_runtime.tools import ffmpeg_path

CLIPS = Path(__file__).resolve().parents[2] / "shared/clips"
FRAMES = 12


def encode_low_bitrate(source: encoder.Source, folder: Path) -> Path:
    """Encode the first frames at half size and a low bitrate."""
    width, height = (max(64, side // 4 * 2) for side in source.display_size)
    target = folder / "worse.mp4"
    argv = ["-v", "error", "-nostdin", "-y", "-i", source.path, "-map", f"0:{source.stream_index}"]
    argv += ["-vf", f"scale={width}:{height}:flags=bicubic,setsar=1,setpts=N/25/TB", "-frames:v", str(FRAMES)]
    argv += ["-c:v", "libx264", "-crf", "38", "-preset", "veryfast", "-fps_mode", "passthrough"]
    process.run([ffmpeg_path(), *argv, str(target)])
    return target


def compare(path: Path, folder: Path) -> dict[str, float] | None:
    """Return the largest difference of one clip in each series; None if the native engine handed it to libvmaf."""
    source = encoder.inspect(path)
    rendition = encoder.inspect(encode_low_bitrate(source, folder))
    frames = (0, min(source.frame_count, rendition.frame_count))
    native, libvmaf = (
        vmaf.score(source, rendition, engine=engine, frames=frames, match_times=False, metrics=("neg",))[0]
        for engine in ("native", "libvmaf")
    )
    if native.engine != "native":
        return None
    series = libvmaf.series
    return {name: float(np.abs(values - native.series[name]).max()) for name, values in series.items()}


def main() -> float:
    """Print the largest differences of every clip and return the largest difference of VMAF."""
    named = [Path(name) for name in sys.argv[1:] if Path(name).is_file()]
    clips = named or sorted(p for p in CLIPS.rglob("*") if p.is_file() and p.parent.name != "broken")
    largest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for path in clips:
            try:
                found = compare(path, Path(folder))
            except ShotladderError as error:
                print(f"{path.name:45s} refused: {error}")
                continue
            if found is None:
                print(f"{path.name:45s} left to libvmaf")
                continue
            scores = max(found["vmaf"], found["vmaf_neg"])
            features = max(value for name, value in found.items() if not name.startswith("vmaf"))
            largest = max(largest, scores)
            print(f"{path.name:45s} VMAF {scores:.1e}  features {features:.1e}", flush=True)
    print(f"largest difference of VMAF: {largest:.1e}")
    return largest


if __name__ == "__main__":
    main()
