"""The delivered ladders against the fixed ladder that services run today, every frame of both measured.

    python -m benchmarks.value VIDEO... [--codec h264] [--preset NAME] [--tune visual] [--modes per-title,per-shot]
                               [--expected-views N] [--efforts balanced,fast] [--our-presets medium,faster]
                               [--anchor-presets slow,slower] [--plot FILE.png] [--audit] [--viewers]
                               [--chunk-boundaries] [--results FILE.json]

The fixed ladder ("anchor") has Apple's rungs up to the size of the source, the same encoder, preset and scaler, two
passes (one for SVT-AV1, whose ffmpeg wrapper has no second pass), closed GOPs of a segment's length, and a VBV of twice
the rung's bitrate with a buffer of two seconds at that rate. Our ladders are those that `shotladder encode` leaves with
default settings and an empty store. Both sides are measured on every frame by VMAF, VMAF-NEG and PSNR-Y (the built-in
engine, which equals libvmaf) and by ffmpeg's XPSNR.

Printed for each video and mode: BD-rate over VMAF 60 to 95 by the mean, the harmonic mean and the 5th percentile of
frames, by VMAF-NEG in the same range, by PSNR-Y and XPSNR over their common range; the saving at the VMAF of each
delivered rung, read from the anchor's curve (piecewise cubic in log bitrate); CPU seconds of both sides, comparison and
measurement of `encode` included, and of each stage. Negative is a saving. `--anchor-presets`, `--our-presets` and
`--efforts` add points of another price, and `--plot` draws BD-rate over CPU time. Encodes and scores are kept in the
cache folder, under the hash of everything that made them, so that a repeated run does only what changed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import abr
import encoder
import ladders
from benchmarks._value import audit, chunk_boundaries, viewers
from benchmarks._value.cache import cached, code_digest, described
from benchmarks._value.encodes import BUFFER_SECONDS, GOP_SECONDS, PEAK, anchor_rungs, make_anchor, make_ours
from benchmarks._value.measurements import METRICS, at_equal_cpu, bd_rates, measure, saving_at
from benchmarks._value.plot import draw
from ladders import APPLE_LADDERS
from shotladder_runtime.tools import ffmpeg_version

#: Effort of `shotladder encode` without options.
DEFAULT_EFFORT = "balanced"


def compare(path: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    """Make and measure both sides of one video."""
    source = encoder.inspect(path)
    preset = chosen.preset or encoder.get_codec(chosen.codec).preset
    key = {"source": source.content_id, "codec": chosen.codec, "preset": preset, "tune": "visual"}
    key |= {"ffmpeg": ffmpeg_version(), "peak": PEAK, "buffer": BUFFER_SECONDS, "gop": GOP_SECONDS}
    with_rungs = {**key, "rungs": anchor_rungs(source, chosen.codec)}
    anchor = cached("anchor", with_rungs, lambda folder: make_anchor(source, chosen.codec, preset, folder))
    points = cached("frame scores", described(anchor["files"]), lambda _: measure(source, anchor["files"]))
    result: dict[str, Any] = {"video": path.name, "anchor": {**anchor, "points": points}, "modes": {}}
    slower = [{"cpu": anchor["cpu"], "bd_rate": 0.0}]
    for name in filter(None, chosen.anchor_presets.split(",")):
        at = {**with_rungs, "preset": name}
        other = cached("anchor", at, lambda folder, name=name: make_anchor(source, chosen.codec, name, folder))
        scored = cached(
            "frame scores", described(other["files"]), lambda _, other=other: measure(source, other["files"])
        )
        slower.append({"preset": name, "cpu": other["cpu"], "bd_rate": bd_rates(points, scored)["mean"]})
    result["slower_presets"] = slower
    options = ["--codec", chosen.codec, "--preset", preset, "--tune", chosen.tune]
    if chosen.expected_views:
        options += ["--expected-views", str(chosen.expected_views)]
    for name, mode, more in _variants(chosen, preset):
        mine = {**key, "mode": mode, "options": options + more, "code": code_digest()}
        ours = cached(
            "ours", mine, lambda folder, mode=mode, more=more: make_ours(source, mode, options + more, folder)
        )
        scored = cached("frame scores", described(ours["files"]), lambda _, ours=ours: measure(source, ours["files"]))
        rungs = [saving_at(points, point) for point in scored]
        if chosen.viewers:
            fixed = viewers.fixed_presentation(source, anchor["files"], [point["frames"] for point in points])
            ours["viewers"] = viewers.replay(fixed, abr.load_presentation(ours["presentation"]))
        figures = {"bd_rate": bd_rates(points, scored), "rungs": rungs, "cpu_ratio": ours["cpu"] / anchor["cpu"]}
        figures["bd_rate_at_equal_cpu"] = at_equal_cpu(figures["bd_rate"]["mean"], ours["cpu"], slower)
        result["modes"][name] = {**ours, "points": scored, **figures}
    if chosen.audit:
        settings = ladders.EncodeSettings(chosen.codec, preset, chosen.tune)
        request = ladders.LadderRequest(encoding=settings).with_mode("per-shot")
        shots = [shot.start for shot in ladders.detect_shots(source)]
        audit_key = {**key, "options": options, "code": code_digest()}
        result["audit"] = cached("audit", audit_key, lambda _: audit.audit(source, shots, request))
    if chosen.chunk_boundaries:
        boundary_key = {"source": source.content_id, "codec": chosen.codec, "ffmpeg": ffmpeg_version()}
        result["chunk_boundaries"] = cached(
            "boundaries", boundary_key, lambda _: chunk_boundaries.compare(source, chosen.codec)
        )
    return result


def _variants(chosen: argparse.Namespace, preset: str) -> list[tuple[str, str, list[str]]]:
    """Return name, mode and additional options of each of our ladders: every mode, effort and preset that is given."""
    variants = []
    for mode in filter(None, chosen.modes.split(",")):
        for effort in filter(None, chosen.efforts.split(",")):
            for ours in filter(None, chosen.our_presets.split(",")) if chosen.our_presets else (preset,):
                words, more = [mode], []
                if effort != DEFAULT_EFFORT:
                    words, more = [*words, f"effort {effort}"], [*more, "--effort", effort]
                if ours != preset:
                    words, more = [*words, f"preset {ours}"], [*more, "--preset", ours]
                variants.append((", ".join(words), mode, more))
    return variants


def show(result: Mapping[str, Any]) -> None:
    """Print the table of one video."""
    anchor = result["anchor"]
    print(f"\n{result['video']}: fixed ladder, {anchor['cpu']:.0f} CPU s")
    _rows(anchor, [None] * len(anchor["points"]))
    if "audit" in result:
        audit.show(result["audit"])
    if "chunk_boundaries" in result:
        chunk_boundaries.show(result["chunk_boundaries"])
    for mode, ours in result["modes"].items():
        print(f"  {mode}, {ours['cpu']:.0f} CPU s, {ours['cpu_ratio']:.2f} times the fixed ladder's")
        stages = {key.removesuffix("_cpu_seconds"): value for key, value in ours["cost"].items() if key != "probes"}
        stages["other"] = ours["cpu"] - sum(stages.values())
        print("    CPU s: " + ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in stages.items()))
        _rows(ours, ours["rungs"])
        if "viewers" in ours:
            viewers.show(ours["viewers"])
        for each in result["slower_presets"][1:]:
            saved = _percent(each["bd_rate"])
            print(f"    fixed ladder at preset {each['preset']}: {each['cpu']:.0f} CPU s, BD-rate {saved} %")
        if ours["bd_rate_at_equal_cpu"] is not None:
            print(f"    BD-rate against the fixed ladder at equal CPU time {ours['bd_rate_at_equal_cpu']:+.1f} %")
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
    parser.add_argument("--efforts", default=DEFAULT_EFFORT, help="of ours: fast,balanced,thorough")
    parser.add_argument("--our-presets", default="", help="of ours, if other than that of the fixed ladder")
    parser.add_argument("--plot", type=Path, help="PNG file that shows BD-rate over CPU time (needs matplotlib)")
    parser.add_argument("--anchor-presets", default="", help="slower presets of the fixed ladder: slow,slower")
    parser.add_argument("--audit", action="store_true", help="encode the predicted curves at every size")
    parser.add_argument("--chunk-boundaries", action="store_true", help="compare chunks with one encode of the whole")
    parser.add_argument("--viewers", action="store_true", help="replay both ladders on the shared network traces")
    parser.add_argument("--results", type=Path, help="JSON file for all figures")
    chosen = parser.parse_args(list(argv))
    if not chosen.videos:
        print("value needs videos: python -m benchmarks.value VIDEO...")
        return
    results = []
    for path in chosen.videos:
        results.append(compare(path, chosen))
        show(results[-1])
    for mode in results[0]["modes"] if len(results) > 1 else ():
        rates = [r["modes"][mode]["bd_rate"]["mean"] for r in results]
        known = [rate for rate in rates if rate is not None]
        print(f"\n{mode}: median BD-rate by mean VMAF {np.median(known):+.1f} %, worst {max(known):+.1f} %")
    if chosen.plot:
        draw(results, chosen.plot)
    if chosen.results:
        chosen.results.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
