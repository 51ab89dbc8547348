"""Encodes of both sides: the fixed ladder as services run it, and the ladder that `shotladder encode` leaves."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import encoder
from benchmarks._value.cache import REPOSITORY
from encoder import Source
from encoder.encode.filters import make_frame_filters, number_frames
from ladders import APPLE_LADDERS, candidate_sizes
from shotladder_runtime import process
from shotladder_runtime.tools import ffmpeg_path

#: Seconds of a segment, and so of a closed GOP of the fixed ladder; the default of `shotladder encode`.
GOP_SECONDS = 4
#: VBV peak as a multiple of the bitrate (Apple's authoring specification, item 1.27) and buffer in seconds at the peak.
PEAK = 2
BUFFER_SECONDS = 2


def anchor_rungs(source: Source, codec: str) -> list[tuple[tuple[int, int], int]]:
    """Return Apple's rungs up to the size of the source: size and bitrate.

    A source between two of Apple's heights has a top rung of its own size, at the lowest bitrate of the taller height.
    """
    own = max(candidate_sizes(source.display_size))
    rungs = [rung for rung in APPLE_LADDERS[codec] if rung[0] <= own]
    taller = [rung for rung in APPLE_LADDERS[codec] if rung[0] > own]
    if taller and not any(height == own for height, _ in rungs):
        rungs.append((own, taller[0][1]))
    return [(_scaled(source, Fraction(height, own)), rate) for height, rate in rungs]


def _scaled(source: Source, factor: Fraction) -> tuple[int, int]:
    width, height = (max(2, 2 * round(length * factor / 2)) for length in source.display_size)
    return width, height


def rate_control(codec: str, preset: str, bitrate: int, number: int, log: Path) -> list[str]:
    """Return the options of one pass of one rung, as services write them."""
    peak, buffer = PEAK * bitrate, PEAK * BUFFER_SECONDS * bitrate
    words = ["-b:v", str(bitrate)]
    if codec == "h264":
        words += ["-c:v", "libx264", "-preset", preset, "-maxrate", str(peak), "-bufsize", str(buffer)]
        words += ["-pass", str(number), "-passlogfile", str(log), "-flags", "+cgop", "-sc_threshold", "0"]
    elif codec == "hevc":
        params = f"pass={number}:stats={log}.x265:open-gop=0:scenecut=0:keyint=-1:min-keyint=1"
        params += f":vbv-maxrate={peak // 1000}:vbv-bufsize={buffer // 1000}:log-level=error"
        words += ["-c:v", "libx265", "-preset", preset, "-forced-idr", "1", "-x265-params", params]
    elif codec == "vp9":
        words += ["-c:v", "libvpx-vp9", "-deadline", "good", "-cpu-used", preset, "-maxrate", str(peak)]
        words += ["-bufsize", str(buffer), "-pass", str(number), "-passlogfile", str(log), "-row-mt", "1"]
    else:
        # the wrapper of FFmpeg has no VBV with a target bitrate
        words += ["-c:v", "libsvtav1", "-preset", preset]
    return words


def make_anchor(source: Source, codec: str, preset: str, folder: Path) -> dict[str, Any]:
    """Encode the fixed ladder: one ffmpeg process per pass decodes once and encodes all rungs."""
    rungs = anchor_rungs(source, codec)
    row = encoder.get_codec(codec)
    copies = "".join(f"[c{n}]" for n in range(len(rungs)))
    graph = [f"[0:{source.stream_index}]{_join(number_frames(source))},split={len(rungs)}{copies}"]
    for n, (size, _) in enumerate(rungs):
        graph.append(f"[c{n}]{_join(make_frame_filters(source, size, row))}[o{n}]")
    gop = max(1, round(GOP_SECONDS * source.frame_count / float(source.duration)))
    paths = [folder / f"{n}.mp4" for n in range(len(rungs))]
    cpu = 0.0
    passes = 1 if codec == "av1" else 2
    for number in range(1, passes + 1):
        argv = [ffmpeg_path(), *process.QUIET, "-y", "-i", source.path, "-filter_complex", ";".join(graph)]
        for n, ((_, bitrate), path) in enumerate(zip(rungs, paths, strict=True)):
            argv += ["-map", f"[o{n}]", "-force_key_frames", f"expr:not(mod(n,{gop}))", "-g", "100000"]
            argv += rate_control(codec, preset, bitrate, number, path.with_suffix(""))
            argv += ["-f", "null", os.devnull] if number < passes else [str(path)]
        cpu += process.run(argv).cpu_seconds
    return {"cpu": cpu, "files": [str(path) for path in paths], "names": [f"{s[1]}p {r // 1000}k" for s, r in rungs]}


def _join(filters: Sequence[Any]) -> str:
    return ",".join(map(str, filters))


def make_ours(source: Source, mode: str, options: Sequence[str], folder: Path) -> dict[str, Any]:
    """Run `shotladder encode` with an empty store; join the segments of each rung to one file."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as store:
        argv = [sys.executable, "-m", "shotladder.cli", "encode", source.path, "-o", str(folder / "out"), "--quiet"]
        argv += ["--ladder", mode, "--audio", "none", "--store", f"{store}/store", *options]
        subprocess.run(argv, check=True, cwd=REPOSITORY, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    document = json.loads((folder / "out" / "presentation.json").read_text())
    files = []
    for rung in document["video"]:
        urls = [segment["url"] for segment in rung["segments"]]
        path = folder / f"{rung['id']}.mp4"
        first = (folder / "out" / urls[0]).parent
        with path.open("wb") as joined:
            for part in [next(first.glob("init*")), *(folder / "out" / url for url in urls)]:
                joined.write(part.read_bytes())
        files.append(str(path))
    shutil.rmtree(folder / "out" / "video", ignore_errors=True)
    return {
        "cpu": cpu,
        "files": files,
        "names": [rung["id"] for rung in document["video"]],
        "cost": document["cost"],
        "presentation": str(folder / "out" / "presentation.json"),
    }
