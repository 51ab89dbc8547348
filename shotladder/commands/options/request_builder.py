"""The request of one run, built and checked from the options of `encode` and `ladder`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

import encoder
from ladders import AUTO, MODES, StoppingRule, TrafficModel
from shotladder.pipeline.encode_request import CaptionRequest, EncodeRequest, EncryptionRequest
from shotladder.pipeline.search_metric import choose_extra_metrics, choose_metric
from shotladder.pipeline.source.film_grain import can_synthesise_grain
from shotladder_runtime.tools import require_encoder, use_ffmpeg

__all__ = ["build_encode_request"]


def build_encode_request(source: str, output: Path, options: dict[str, Any]) -> EncodeRequest:
    """Build the request of one run.

    Parameters
    ----------
    source : str
        Path or URL of the video.
    output : Path
        Directory of the presentation.
    options : dict
        Values by parameter name: those of `ladder_options` and `execution_options`, and those of `encode` where it is
        the caller.

    Raises
    ------
    click.UsageError
        If options contradict each other.
    ShotladderError
        If ffmpeg lacks an encoder.
    """
    presets = _presets(options["codecs"], options["preset"])
    if AUTO in presets and options["expected_views"] is None:
        raise click.UsageError("--preset auto requires --expected-views")
    if options["ffmpeg"]:
        use_ffmpeg(Path(options["ffmpeg"]).resolve())
    if options["cluster"] and "://" not in source:
        # workers have other working directories
        source = os.path.abspath(source)  # noqa: PTH100 - links are kept
    for name in options["codecs"]:
        require_encoder(encoder.get_codec(name).encoder)
    return EncodeRequest(
        source=source,
        output=Path(os.path.abspath(output)),  # noqa: PTH100 - `..` is resolved, links are kept
        codecs=options["codecs"],
        ladder=options["ladder"],
        target=options["target_vmaf"],
        metric=choose_metric(options["metric"], options["target_vmaf"], options["target_xpsnr"]),
        rungs=options["rungs"],
        audience=_client_traces(options),
        min_bitrate=None if options["min_bitrate"] is None else 1000 * options["min_bitrate"],
        max_bitrate=_max_bitrate(options),
        max_height=options["max_height"],
        crop=options["crop"],
        shots=_shot_file(options),
        zones=_per_shot_only(options, "zones"),
        film_grain=_film_grain(options),
        segment=options["segment_duration"],
        buffer=_per_shot_only(options, "vbv_seconds"),
        max_jump=_per_shot_only(options, "max_quality_step"),
        presets=presets,
        tune=options["tune"],
        pooling=options["pooling"],
        effort=options["effort"],
        stop=StoppingRule.for_effort(options["effort"], options["probe_tolerance"], options["probe_budget"]),
        views=_traffic_model(options),
        compare=options.get("compare", False),
        engine=options["engine"],
        measure=choose_extra_metrics(options["measure"].split(",") if options.get("measure") else ()),
        audio=options.get("audio", ()),
        loudness=_loudness(options),
        subtitles=options.get("subtitles", False),
        captions=_captions(options),
        encryption=_encryption(options),
        single_file=options.get("single_file", False),
        thumbnails=options.get("thumbnails"),
        dynamic_hdr=options.get("dynamic_hdr", True),
        overwrite=options.get("overwrite", False),
        workers=options["workers"],
        cluster=options["cluster"],
        store=options["store"],
        log=options["log"],
        metrics_port=options["metrics"],
    )


def _film_grain(options: dict[str, Any]) -> str:
    """Return the film grain; the codec of a ladder file is not known yet."""
    choice = str(options.get("film_grain", "none"))
    if choice != "none" and options["ladder"] in MODES and not can_synthesise_grain(options["codecs"]):
        raise click.UsageError("--film-grain requires a codec that can synthesise it, such as --codec av1")
    return choice


def _loudness(options: dict[str, Any]) -> float | None:
    loudness: float | None = options.get("loudness")
    if loudness is not None and not set(options["audio"]) - {"copy"}:
        raise click.UsageError("--loudness requires an --audio codec that encodes audio")
    return loudness


def _captions(options: dict[str, Any]) -> CaptionRequest | None:
    model, language = options.get("captions"), options.get("captions_language")
    if model is None:
        for name in ("captions_language", "captions_translate"):
            if options.get(name):
                raise click.UsageError(f"--{name.replace('_', '-')} requires --captions")
        return None
    return CaptionRequest(model, language, options["captions_translate"])


def _encryption(options: dict[str, Any]) -> EncryptionRequest | None:
    if not options.get("encrypt"):
        for name in ("protection_scheme", "keys", "hls_key_uri", "clear_lead"):
            if options.get(name) is not None:
                raise click.UsageError(f"--{name.replace('_', '-')} requires --encrypt")
        return None
    scheme, key_uri = options["protection_scheme"] or encoder.PROTECTION_SCHEMES[0], options["hls_key_uri"]
    if key_uri is not None and scheme != "cbcs":
        raise click.BadParameter("requires --protection-scheme cbcs (FairPlay)", param_hint="--hls-key-uri")
    if key_uri is not None and not key_uri.isprintable():
        raise click.BadParameter("contains characters that a playlist cannot hold", param_hint="--hls-key-uri")
    keys = encoder.load_keys(options["keys"]) if options["keys"] else None
    return EncryptionRequest(scheme, keys, key_uri, options["clear_lead"] or 0.0)


def _presets(codecs: Sequence[str], value: str | None) -> tuple[str, ...]:
    """Return the preset of each codec; the value is one name for all, or CODEC=NAME for some."""
    presets = {name: encoder.get_codec(name).preset for name in codecs}
    for part in value.split(",") if value else ():
        name, found, preset = part.rpartition("=")
        if found and name not in presets:
            raise click.BadParameter(f"{part!r} names a codec that --codec does not list", param_hint="--preset")
        presets |= {name: preset} if found else dict.fromkeys(presets, preset)
    for name, preset in presets.items():
        known = (*encoder.get_codec(name).presets, AUTO)
        if preset not in known:
            raise click.BadParameter(
                f"unknown preset {preset!r} for {name} (choose from {', '.join(known)})", param_hint="--preset"
            )
    return tuple(presets.values())


def _client_traces(options: dict[str, Any]) -> tuple[Path, ...]:
    if options["client_traces"] and (options["ladder"] == "fixed" or options["ladder"] not in MODES):
        raise click.BadParameter(
            "cannot be combined with a fixed ladder or a ladder file", param_hint="--client-traces"
        )
    return tuple(options["client_traces"])


def _max_bitrate(options: dict[str, Any]) -> float | None:
    """Return the maximum bitrate of the top rung, bits/s; the bitrates of a fixed ladder and of a file are given."""
    value, lowest = options["max_bitrate"], options["min_bitrate"]
    if value is None:
        return None
    if options["ladder"] == "fixed" or options["ladder"] not in MODES:
        raise click.BadParameter("cannot be combined with a fixed ladder or a ladder file", param_hint="--max-bitrate")
    if lowest is not None and lowest > value:
        raise click.BadParameter(f"is below --min-bitrate {lowest:g}", param_hint="--max-bitrate")
    return float(1000 * value)


def _shot_file(options: dict[str, Any]) -> Path | None:
    if options["shots"] is not None and options["ladder"] not in MODES:
        raise click.BadParameter("cannot be combined with a ladder file, which has chunks", param_hint="--shots")
    path: Path | None = options["shots"]
    return path


def _traffic_model(options: dict[str, Any]) -> TrafficModel | None:
    if options["expected_views"] is None:
        if options["gb_per_cpu_hour"] is not None:
            raise click.UsageError("--gb-per-cpu-hour requires --expected-views")
        return None
    if options["ladder"] not in MODES:
        raise click.BadParameter(
            "cannot be combined with a ladder file, which needs no probe encodes", param_hint="--expected-views"
        )
    views = TrafficModel(options["expected_views"])
    return views if options["gb_per_cpu_hour"] is None else replace(views, gb_per_cpu_hour=options["gb_per_cpu_hour"])


def _per_shot_only(options: dict[str, Any], name: str) -> Any:
    """Return an option that constrains per-shot ladders; the other modes cannot satisfy it."""
    value = options[name]
    if value is not None and options["ladder"] != "per-shot":
        raise click.BadParameter("requires --ladder per-shot", param_hint=f"--{name.replace('_', '-')}")
    return value
