"""Make one valid file of each format with the project's own commands, ffmpeg and text."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from encoder import new_keys, save_keys
from shotladder_runtime.process import run
from shotladder_runtime.tools import ffmpeg_path
from vmaf.models import embedded_models

__all__ = ["SUBTITLES", "make_corpus"]

SUBTITLES = """1
00:00:00,100 --> 00:00:00,900
HELLO <b>there</b>

2
00:00:01,000 --> 00:00:01,800
SECOND {\\an8}cue
"""
CODECS = """[h264_fuzz]
encoder = "libx264"
family = "h264"
pixel_formats = ["yuv420p"]
quantisers = [14, 46]
step = 0.25
rate_halving = 6
presets = ["p1", "p4", "p7"]
preset = "p4"
fast_preset = "p1"
quantiser_setting = ["cq", "{}"]
settings = [["rc", "vbr"], ["b:v", "0"], ["g", "100000"]]
passes = 1
"""
#: One valid trace of each format.
TRACES = {
    "sabre.json": json.dumps(
        [{"duration_ms": 1000 + n, "bandwidth_kbps": 900 + n, "latency_ms": 50} for n in range(9)]
    ),
    "pensieve.log": "".join(f"{n} {1.5 + n % 3}\n" for n in range(20)),
    "mahimahi.trace": "".join(f"{n * 7}\n" for n in range(1, 200)),
    "oboe.txt": "".join(f"{n * 1000} {800 + 10 * n}\n" for n in range(20)),
    "times.csv": "time_s,mbps\n" + "".join(f"{n},{2 + n % 4}\n" for n in range(20)),
    "durations.csv": "duration_s;kbps;latency_ms\n" + "".join(f"1.5;{700 + n};30\n" for n in range(20)),
    "irish.csv": "Timestamp,State,DL_bitrate\n" + "".join(f"2019.12.16_13.40.{n:02},D,{900 + n}\n" for n in range(20)),
    "puffer.csv": "time (ns GMT),session_id,index,delivery_rate,min_rtt\n"
    + "".join(f"{15 * 10**17 + n * 2 * 10**9},s,0,{200_000 + n},30000\n" for n in range(20)),
    "fcc.csv": "unit_id,dtime,target,threads,bytes_sec_interval\n"
    + "".join(f"7,2019-01-01 00:00:{n:02},host,3,{300_000 + n}\n" for n in range(20)),
}
#: Words of each command.
COMMON = ("video.mkv", "--store", "store", "--preset", "ultrafast", "--rungs", "2", "--target-vmaf", "80", "--quiet")


def make_corpus(folder: Path, run_command: Callable[[Sequence[str], Path], object] | None = None) -> None:
    """Write the valid files to an empty folder.

    Parameters
    ----------
    folder : Path
    run_command : callable, optional
        Runs the command with words in a folder; by default in a new process.
    """
    run_command = run_command or _run_command
    (folder / "subtitles.srt").write_text(SUBTITLES)
    inputs = ("-f", "lavfi", "-i", "testsrc2=s=96x64:r=25:d=2", "-f", "lavfi", "-i", "sine=d=2")
    inputs += ("-i", str(folder / "subtitles.srt"), "-map", "0", "-map", "1", "-map", "2", "-shortest")
    coding = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-c:a", "aac", "-b:a", "32k")
    for name, subtitles in (("video.mkv", "srt"), ("video.mp4", "mov_text")):
        run((ffmpeg_path(), "-v", "error", *inputs, *coding, "-c:s", subtitles, str(folder / name)))
    for output, options in (("segments", ()), ("single", ("--single-file",))):
        run_command(("encode", "-o", output, *options, *COMMON), folder)
    run_command(("ladder", "-o", "ladder.json", *COMMON), folder)
    save_keys(new_keys(), folder / "keys.json")
    (folder / "codecs.toml").write_text(CODECS)
    (folder / "model.json").write_text(embedded_models(ffmpeg_path())["vmaf_v0.6.1"])
    for name, text in TRACES.items():
        (folder / name).write_text(text)


def _run_command(words: Sequence[str], folder: Path) -> None:
    argv = (sys.executable, "-m", "shotladder.cli", *words)
    subprocess.run(argv, cwd=folder, check=True, stdout=subprocess.DEVNULL)
