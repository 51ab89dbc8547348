"""The videos of all trials: three tiny shots with sound, and another video of the same form."""

from __future__ import annotations

from pathlib import Path

from shotladder_runtime.process import QUIET, run
from shotladder_runtime.tools import ffmpeg_path

#: Frames of each shot, at 24 frames/s.
SHOT_FRAMES = 24
#: Sources of FFmpeg, one per shot.
SHOTS = ("testsrc2=s=128x72:r=24", "mandelbrot=s=128x72:r=24", "life=s=128x72:r=24:seed={seed}:life_color=#ffcc00")


def make_source(path: Path, seed: int = 3) -> Path:
    """Write a video of 128x72 with three shots; another seed gives another third shot."""
    inputs: list[str] = []
    for shot in SHOTS:
        inputs += ["-f", "lavfi", "-i", shot.format(seed=seed)]
    inputs += ["-f", "lavfi", "-i", f"sine=f=440:d={SHOT_FRAMES * len(SHOTS) / 24:g}"]
    parts = [
        f"[{n}]trim=end_frame={SHOT_FRAMES},format=yuv420p,setsar=1,setpts=N/24/TB[{n}v]" for n in range(len(SHOTS))
    ]
    joined = "".join(f"[{n}v]" for n in range(len(SHOTS))) + f"concat=n={len(SHOTS)}[v]"
    encoding = ["-c:v", "libx264", "-crf", "12", "-preset", "veryfast", "-threads", "1", "-c:a", "aac"]
    graph = ["-filter_complex", ";".join([*parts, joined]), "-map", "[v]", "-map", f"{len(SHOTS)}"]
    run([ffmpeg_path(), *QUIET, "-y", *inputs, *graph, *encoding, str(path)])
    return path
