"""The delivered ladders against the fixed ladder that services run today, every frame of both measured.

    python -m benchmarks.value VIDEO... [--codec h264] [--preset NAME] [--tune visual] [--modes per-title,per-shot]
                               [--expected-views N] [--results FILE.json]

The fixed ladder ("anchor") has Apple's rungs up to the size of the source, the same encoder, preset and scaler, two
passes (one for SVT-AV1, whose ffmpeg wrapper has no second pass), closed GOPs of a segment's length, and a VBV of twice
the rung's bitrate with a buffer of two seconds at that rate. Our ladders are those that `shotladder encode` leaves with
default settings and an empty store. Both sides are measured on every frame by VMAF, VMAF-NEG and PSNR-Y (the built-in
engine, which equals libvmaf) and by ffmpeg's XPSNR.

Printed for each video and mode: BD-rate over VMAF 60 to 95 by the mean, the harmonic mean and the 5th percentile of
frames, by VMAF-NEG in the same range, by PSNR-Y and XPSNR over their common range; the saving at the VMAF of each
delivered rung, read from the anchor's curve (piecewise cubic in log bitrate); CPU seconds of both sides, comparison and
measurement of `encode` included. Negative is a saving. Encodes and scores are kept in the cache folder, under the hash
of everything that made them, so that a repeated run does only what changed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from scipy.interpolate import PchipInterpolator

import encoder
import vmaf
from encoder import Source
from encoder.encode.filters import make_frame_filters, number_frames
from ladders import APPLE_LADDERS, NoOverlapError, bd_rate, candidate_sizes
from shotladder_runtime import process
from shotladder_runtime.tools import ffmpeg_path, ffmpeg_version

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "shotladder-benchmarks" / "value"
REPOSITORY = Path(__file__).resolve().parents[1]
#: Range of VMAF over which BD-rates are integrated: below nobody watches by choice, above nobody sees a difference.
BAND = (60.0, 95.0)
#: Seconds of a segment, and so of a closed GOP of the fixed ladder; the default of `shotladder encode`.
GOP_SECONDS = 4
#: VBV peak as a multiple of the bitrate (Apple's authoring specification, item 1.27) and buffer in seconds at the peak.
PEAK = 2
BUFFER_SECONDS = 2
#: Metrics of a rendition, as columns of the tables.
METRICS = ("mean", "harmonic", "p5", "neg", "psnr_y", "xpsnr_y")

Point = dict[str, Any]


def cached(kind: str, key: Mapping[str, Any], make: Callable[[Path], Any]) -> Any:
    """Return the JSON that `make` returns; its files are kept in the folder that it is given."""
    name = hashlib.blake2b(json.dumps({"kind": kind, **key}, sort_keys=True).encode(), digest_size=16).hexdigest()
    folder = CACHE / kind / name
    if not (folder / "result.json").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        result = make(folder)
        part = folder / "result.json.part"
        part.write_text(json.dumps(result))
        part.replace(folder / "result.json")
    return json.loads((folder / "result.json").read_text())


def code_digest() -> str:
    """Return a hash of all that `shotladder encode` runs."""
    digest = hashlib.blake2b(digest_size=16)
    for package in ("encoder", "ladders", "shotladder", "shotladder_runtime", "vmaf"):
        for path in sorted((REPOSITORY / package).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def anchor_rungs(source: Source, codec: str) -> list[tuple[tuple[int, int], int]]:
    """Return Apple's rungs up to the size of the source: size and bitrate."""
    sizes = candidate_sizes(source.display_size)
    own = max(sizes)
    return [(sizes[min(height, own)], rate) for height, rate in APPLE_LADDERS[codec] if min(height, own) in sizes][
        : sum(height <= own for height, _ in APPLE_LADDERS[codec]) or 1
    ]


def rate_control(codec: str, preset: str, tune: str, bitrate: int, number: int, log: Path) -> list[str]:
    """Return the options of one pass of one rung, as services write them."""
    peak, buffer = PEAK * bitrate, PEAK * BUFFER_SECONDS * bitrate
    words = ["-b:v", str(bitrate)]
    metric = tune == "metric"
    if codec == "h264":
        words += ["-c:v", "libx264", "-preset", preset, "-maxrate", str(peak), "-bufsize", str(buffer)]
        words += ["-pass", str(number), "-passlogfile", str(log), "-flags", "+cgop", "-sc_threshold", "0"]
        words += ["-x264-params", "aq-mode=0:psy=0"] if metric else []
    elif codec == "hevc":
        params = f"pass={number}:stats={log}.x265:open-gop=0:scenecut=0:keyint=infinite"
        params += f":vbv-maxrate={peak // 1000}:vbv-bufsize={buffer // 1000}:log-level=error"
        params += ":aq-mode=0:psy-rd=0:psy-rdoq=0" if metric else ""
        words += ["-c:v", "libx265", "-preset", preset, "-x265-params", params]
    elif codec == "vp9":
        words += ["-c:v", "libvpx-vp9", "-deadline", "good", "-cpu-used", preset, "-maxrate", str(peak)]
        words += ["-bufsize", str(buffer), "-pass", str(number), "-passlogfile", str(log), "-row-mt", "1"]
    else:
        words += ["-c:v", "libsvtav1", "-preset", preset, "-maxrate", str(peak), "-bufsize", str(buffer)]
    return words


def make_anchor(source: Source, codec: str, preset: str, tune: str, folder: Path) -> dict[str, Any]:
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
            argv += rate_control(codec, preset, tune, bitrate, number, path.with_suffix(""))
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
    return {"cpu": cpu, "files": files, "names": [rung["id"] for rung in document["video"]], "cost": document["cost"]}


def measure(source: Source, files: Sequence[str]) -> list[Point]:
    """Measure every frame of each file."""
    scores = vmaf.score(source, files, metrics=("neg", "psnr"))
    points = []
    for path, score in zip(files, scores, strict=True):
        with av.open(path) as container:
            size = sum(packet.size for packet in container.demux(video=0))
        points.append(
            {
                "bitrate": 8 * size / float(source.duration),
                "mean": score.mean,
                "harmonic": score.harmonic_mean,
                "p5": score.p5,
                "neg": float(np.mean(score.vmaf_neg)),
                "psnr_y": float(np.mean(np.minimum(score.psnr_y, 60.0))),
                "xpsnr_y": xpsnr(source, path),
            }
        )
    return points


def xpsnr(source: Source, path: str) -> float | None:
    """Return ffmpeg's XPSNR of luma, dB; None for sources that need more than scaling before a comparison."""
    if source.display_size != (source.width, source.height) or source.interlaced or source.bit_depth != 8:
        return None
    width, height = source.display_size
    graph = f"[1:v]setpts=N/25/TB,scale={width}:{height}:flags=bicubic,format=yuv420p[d];"
    graph += f"[0:{source.stream_index}]setpts=N/25/TB,format=yuv420p[r];[d][r]xpsnr"
    argv = [ffmpeg_path(), "-nostdin", "-v", "info", "-i", source.path, "-i", path, "-lavfi", graph]
    tail = process.run([*argv, "-fps_mode", "passthrough", "-f", "null", "-"]).stderr
    found = re.search(r"XPSNR\s+y: *([\d.]+)", tail)
    return float(found[1]) if found else None


def rising(points: Sequence[Point], metric: str) -> list[tuple[float, float]]:
    """Return (bitrate, quality) of the points that no cheaper point equals or beats."""
    kept: list[tuple[float, float]] = []
    for point in sorted(points, key=lambda each: each["bitrate"]):
        quality = point[metric]
        if quality is not None and (not kept or quality > kept[-1][1]):
            kept.append((point["bitrate"], quality))
    return kept


def saving_at(anchor: Sequence[Point], point: Point, metric: str = "mean") -> float | None:
    """Return the change of bits in percent against the anchor at equal quality; None beyond the range of the anchor."""
    curve = rising(anchor, metric)
    qualities = [quality for _, quality in curve]
    if len(curve) < 2 or not qualities[0] <= point[metric] <= qualities[-1]:
        return None
    logs = PchipInterpolator(qualities, np.log([bitrate for bitrate, _ in curve]))
    return float(100 * (point["bitrate"] / np.exp(logs(point[metric])) - 1))


def bd_rates(anchor: Sequence[Point], test: Sequence[Point]) -> dict[str, float | None]:
    """Return BD-rates in percent by metric; None where the curves have too little in common."""
    found: dict[str, float | None] = {}
    for metric in METRICS:
        band = None if metric in ("psnr_y", "xpsnr_y") else BAND
        try:
            found[metric] = bd_rate(rising(anchor, metric), rising(test, metric), band=band).percent
        except (NoOverlapError, ValueError):
            found[metric] = None
    return found


def compare(path: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    """Make and measure both sides of one video."""
    source = encoder.inspect(path)
    preset = chosen.preset or encoder.get_codec(chosen.codec).preset
    key = {"source": source.content_id, "codec": chosen.codec, "preset": preset, "tune": chosen.tune}
    key |= {"ffmpeg": ffmpeg_version(), "peak": PEAK, "buffer": BUFFER_SECONDS, "gop": GOP_SECONDS}
    anchor = cached("anchor", key, lambda folder: make_anchor(source, chosen.codec, preset, chosen.tune, folder))
    points = cached("scores", {"files": anchor["files"]}, lambda _: measure(source, anchor["files"]))
    result: dict[str, Any] = {"video": path.name, "anchor": {**anchor, "points": points}, "modes": {}}
    options = ["--codec", chosen.codec, "--preset", preset, "--tune", chosen.tune]
    if chosen.expected_views:
        options += ["--expected-views", str(chosen.expected_views)]
    for mode in chosen.modes.split(","):
        mine = {**key, "mode": mode, "options": options, "code": code_digest()}
        ours = cached("ours", mine, lambda folder, mode=mode: make_ours(source, mode, options, folder))
        scored = cached("scores", {"files": ours["files"]}, lambda _, ours=ours: measure(source, ours["files"]))
        rungs = [saving_at(points, point) for point in scored]
        figures = {"bd_rate": bd_rates(points, scored), "rungs": rungs, "cpu_ratio": ours["cpu"] / anchor["cpu"]}
        result["modes"][mode] = {**ours, "points": scored, **figures}
    return result


def show(result: Mapping[str, Any]) -> None:
    """Print the table of one video."""
    anchor = result["anchor"]
    print(f"\n{result['video']}: fixed ladder, {anchor['cpu']:.0f} CPU s")
    _rows(anchor, [None] * len(anchor["points"]))
    for mode, ours in result["modes"].items():
        print(f"  {mode}, {ours['cpu']:.0f} CPU s, {ours['cpu_ratio']:.2f} times the fixed ladder's")
        _rows(ours, ours["rungs"])
        print("    BD-rate %: " + ", ".join(f"{name} {_percent(value)}" for name, value in ours["bd_rate"].items()))


def _rows(side: Mapping[str, Any], rungs: Sequence[float | None]) -> None:
    for name, point, saving in zip(side["names"], side["points"], rungs, strict=True):
        figures = " ".join(f"{metric} {point[metric]:6.2f}" for metric in METRICS if point[metric] is not None)
        more = "" if saving is None else f"  bits at equal VMAF {saving:+.1f} %"
        print(f"    {name:18} {point['bitrate'] / 1000:8.0f} kbit/s  {figures}{more}")


def _percent(value: float | None) -> str:
    return "none" if value is None else f"{value:+.1f}"


def main(argv: Sequence[str] = ()) -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="*", type=Path)
    parser.add_argument("--codec", default="h264", choices=sorted(APPLE_LADDERS))
    parser.add_argument("--preset", help="of both sides; the default of `shotladder encode` if absent")
    parser.add_argument("--tune", default="visual", choices=("visual", "metric"))
    parser.add_argument("--modes", default="per-title,per-shot")
    parser.add_argument("--expected-views", type=int)
    parser.add_argument("--results", type=Path, help="JSON file for all figures")
    chosen = parser.parse_args(list(argv))
    if not chosen.videos:
        print("value needs videos: python -m benchmarks.value VIDEO...")
        return
    results = []
    for path in chosen.videos:
        results.append(compare(path, chosen))
        show(results[-1])
    for mode in chosen.modes.split(",") if len(results) > 1 else ():
        rates = [r["modes"][mode]["bd_rate"]["mean"] for r in results]
        known = [rate for rate in rates if rate is not None]
        print(f"\n{mode}: median BD-rate by mean VMAF {np.median(known):+.1f} %, worst {max(known):+.1f} %")
    if chosen.results:
        chosen.results.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
