"""The vocabulary of the command's options, each said once."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import click

import encoder
import vmaf
from ladders import AUTO, MODES, POOLINGS, StoppingRule, TrafficModel
from shotladder.pipeline.encode_request import EncodeRequest, EncryptionRequest
from shotladder_runtime.store import Store
from shotladder_runtime.tools import require_encoder

__all__ = [
    "audio_options",
    "encryption_options",
    "json_flag",
    "ladder_options",
    "quiet_flag",
    "request_from",
    "store_option",
]

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

json_flag = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
quiet_flag = click.option("--quiet", "-q", is_flag=True, help="No progress, no talk.")


class StorePlace(click.ParamType[Store]):
    """A folder, or a URL."""

    name = "store"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Show what one may say."""
        return "FOLDER|URL"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Store:
        """Take a store as it is, or the place of one."""
        return value if isinstance(value, Store) else Store.at(value)


store_option = click.option(
    "--store",
    type=StorePlace(),
    default=Store.default,
    help="Where artefacts are: a folder, or a URL that fsspec knows [the user's cache].",
)


class LadderChoice(click.ParamType[str]):
    """A mode, or the file of a ladder."""

    name = "ladder"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Show what one may say."""
        return f"[{'|'.join(MODES)}|FILE]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Take a mode, or a file that is there."""
        if value not in MODES and not Path(value).is_file():
            self.fail(f"{value!r} is neither one of {', '.join(MODES)} nor a file", param, ctx)
        return str(value)


class AudioCodecs(click.ParamType[tuple[str, ...]]):
    """Codecs of sound between commas, or none."""

    name = "codecs"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Split it."""
        names = tuple(dict.fromkeys(str(value).split(",")))
        known = (*encoder.AUDIO_CODECS, "copy")
        if names == ("none",):
            return ()
        for name in names:
            if name not in known:
                self.fail(f"{name!r} is none of {', '.join(known)}; or say none", param, ctx)
        return names


class Seconds(click.ParamType[Fraction]):
    """A positive number of seconds, kept exact."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Fraction:
        """Read it."""
        try:
            seconds = Fraction(value)
        except (ValueError, ZeroDivisionError):
            self.fail(f"{value!r} is not a number of seconds", param, ctx)
        if not Fraction(1, 2) <= seconds <= 60:
            self.fail(f"{value!r}: a segment lasts from 0.5 to 60 s", param, ctx)
        return seconds


class CodecList(click.ParamType[tuple[str, ...]]):
    """Codecs with commas between them."""

    name = "codecs"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Show what one may say."""
        return f"[{'|'.join(encoder.load_codecs())}],..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Take names of the table, each once."""
        names = tuple(str(value).split(","))
        for name in names:
            if name not in encoder.load_codecs():
                self.fail(f"{name!r} is none of {', '.join(encoder.load_codecs())}", param, ctx)
        if len(set(names)) < len(names):
            self.fail(f"{value!r} names a codec twice", param, ctx)
        return names


_OPTIONS = (
    click.option(
        "--codec",
        "codecs",
        type=CodecList(),
        default="h264",
        show_default=True,
        help="One or several, each with a ladder of its own.",
    ),
    click.option(
        "--ladder",
        type=LadderChoice(),
        default="per-shot",
        show_default=True,
        help="How bits are shared, or a ladder's file.",
    ),
    click.option("--target-vmaf", type=click.FloatRange(1, 100), help="Of the top rung [93 up to 1080p, 95 above]."),
    click.option("--rungs", type=click.IntRange(1, 20), help="How many; by default as many as the rates span."),
    click.option(
        "--audience",
        multiple=True,
        metavar="TRACES",
        type=click.Path(exists=True, path_type=Path),
        help="Place the rungs for viewers on these networks (files, folders; may be repeated).",
    ),
    click.option("--max-height", type=click.IntRange(32), help="No rung is taller."),
    click.option(
        "--segment", type=Seconds(), default="4", show_default=True, help="Length aimed at, half to 1.5 times."
    ),
    click.option(
        "--buffer",
        metavar="SECONDS",
        type=click.FloatRange(0.1, 60),
        help="Of a decoder's buffer at twice a rung's average rate: no shot may run it empty [as large as need be].",
    ),
    click.option(
        "--max-jump",
        metavar="VMAF",
        type=click.FloatRange(1, 100),
        help="How far a rung's shot may be from its neighbours in quality [as far as bits are best spent].",
    ),
    click.option(
        "--preset",
        metavar="NAME|CODEC=NAME,...",
        help="The encoder's; auto chooses it by --views [the codec's default].",
    ),
    click.option("--tune", type=click.Choice(["visual", "metric"]), default="visual", show_default=True),
    click.option(
        "--pooling",
        type=click.Choice(list(POOLINGS)),
        default="mean",
        show_default=True,
        help="How the VMAF of frames makes that of a rung; bad moments weigh more in the harmonic mean.",
    ),
    click.option(
        "--remaining-loss",
        metavar="PERCENT",
        type=click.FloatRange(0, 100),
        default=StoppingRule().loss,
        show_default=True,
        help="Stop trial encodes once more of them are expected to save no more of the bits.",
    ),
    click.option(
        "--probe-budget",
        metavar="SECONDS",
        type=click.FloatRange(0, min_open=True),
        help="CPU time that the trial encodes of a codec may take, about [as long as they are worth it].",
    ),
    click.option(
        "--views",
        metavar="COUNT",
        type=click.FloatRange(0, min_open=True),
        help="How often the film will be watched: shots get longer or other encodes where that saves more traffic than"
        " it costs time [all shots as the preset has them].",
    ),
    click.option(
        "--cpu-hour",
        metavar="GIGABYTES",
        type=click.FloatRange(0),
        help=f"With --views: traffic that costs as much as a CPU core for an hour [{TrafficModel(1).cpu_hour:g}].",
    ),
    click.option(
        "--engine",
        type=click.Choice(["native", "libvmaf"]),
        default=vmaf.DEFAULT_ENGINE,
        show_default=True,
        help="What measures VMAF.",
    ),
    click.option(
        "--workers", type=click.IntRange(1), default=os.cpu_count() or 1, show_default=True, help="Jobs at a time."
    ),
    click.option("--cluster", metavar="ADDRESS", help="Let the workers of this Dask scheduler do the jobs."),
    store_option,
    click.option(
        "--ffmpeg", type=click.Path(exists=True, dir_okay=False), help="Use this ffmpeg instead of the bundled one."
    ),
)


def ladder_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that a ladder and an encode share."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_ENCRYPTION_OPTIONS = (
    click.option("--encrypt", is_flag=True, help="Encrypt pictures and sound (CENC) for every DRM system."),
    click.option(
        "--protection-scheme",
        type=click.Choice(encoder.PROTECTION_SCHEMES),
        help="[cbcs]; cenc is for old devices, and not for Apple's.",
    ),
    click.option(
        "--keys",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help='JSON: {"keys": [{"label": "VIDEO", "key_id": HEX, "key": HEX}, {"label": "AUDIO", ...}]} [new ones].',
    ),
    click.option("--hls-key-uri", metavar="URI", help="Where FairPlay asks for its key [skd://KEYID]."),
    click.option("--clear-lead", type=click.FloatRange(0), help="Seconds at the start left in the clear [0]."),
)


_AUDIO_OPTIONS = (
    click.option(
        "--audio",
        type=AudioCodecs(),
        default="aac,eac3",
        show_default=True,
        help="aac (stereo), eac3 or ac3 (5.1, where the source has it), opus (both; in HLS only where it is all there"
        " is), copy (the source's own AC-3 or E-AC-3, untouched); none leaves out sound and text.",
    ),
    click.option("--no-audio", "audio", flag_value="none", type=AudioCodecs(), help="The same as --audio none."),
)


def audio_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of sound."""
    for option in reversed(_AUDIO_OPTIONS):
        command = option(command)
    return command


def encryption_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of encryption."""
    for option in reversed(_ENCRYPTION_OPTIONS):
        command = option(command)
    return command


def _encryption(options: dict[str, Any]) -> EncryptionRequest | None:
    if not options.get("encrypt"):
        for name in ("protection_scheme", "keys", "hls_key_uri", "clear_lead"):
            if options.get(name) is not None:
                raise click.UsageError(f"--{name.replace('_', '-')} goes with --encrypt")
        return None
    scheme, key_uri = options["protection_scheme"] or encoder.PROTECTION_SCHEMES[0], options["hls_key_uri"]
    if key_uri is not None and (scheme != "cbcs" or not key_uri.isprintable()):
        raise click.BadParameter("is for FairPlay, which takes cbcs alone", param_hint="--hls-key-uri")
    keys = encoder.load_keys(options["keys"]) if options["keys"] else None
    return EncryptionRequest(scheme, keys, key_uri, options["clear_lead"] or 0.0)


def _presets(codecs: Sequence[str], said: str | None) -> tuple[str, ...]:
    """Return the preset of each codec: one name for all, or some as CODEC=NAME and the others' defaults."""
    presets = {name: encoder.get_codec(name).preset for name in codecs}
    for part in said.split(",") if said else ():
        name, found, preset = part.rpartition("=")
        if found and name not in presets:
            raise click.BadParameter(f"{part!r}: {name!r} is not among --codec", param_hint="--preset")
        presets |= {name: preset} if found else dict.fromkeys(presets, preset)
    for name, preset in presets.items():
        known = (*encoder.get_codec(name).presets, AUTO)
        if preset not in known:
            raise click.BadParameter(f"{preset!r} of {name} is none of {', '.join(known)}", param_hint="--preset")
    return tuple(presets.values())


def _audience(options: dict[str, Any]) -> tuple[Path, ...]:
    if options["audience"] and (options["ladder"] == "fixed" or options["ladder"] not in MODES):
        raise click.BadParameter("places rungs, which this --ladder does not leave open", param_hint="--audience")
    return tuple(options["audience"])


def _views(options: dict[str, Any]) -> TrafficModel | None:
    if options["views"] is None:
        if options["cpu_hour"] is not None:
            raise click.UsageError("--cpu-hour goes with --views")
        return None
    if options["ladder"] not in MODES:
        raise click.BadParameter("refines shots by trials, and this --ladder is made", param_hint="--views")
    views = TrafficModel(options["views"])
    return views if options["cpu_hour"] is None else replace(views, cpu_hour=options["cpu_hour"])


def _of_per_shot(options: dict[str, Any], name: str) -> Any:
    """Return an option that other ladders cannot keep to."""
    value = options[name]
    if value is not None and options["ladder"] != "per-shot":
        raise click.BadParameter("goes with --ladder per-shot", param_hint=f"--{name.replace('_', '-')}")
    return value


def request_from(source: str, output: Path, options: dict[str, Any]) -> EncodeRequest:
    """Build the request from the options that `ladder_options` adds, and `audio` and `overwrite`."""
    presets = _presets(options["codecs"], options["preset"])
    if AUTO in presets and options["views"] is None:
        raise click.UsageError("--preset auto goes with --views")
    if options["ffmpeg"]:
        os.environ["SHOTLADDER_FFMPEG"] = str(Path(options["ffmpeg"]).resolve())
    if options["cluster"] and "://" not in source:
        # workers have other working folders
        source = os.path.abspath(source)  # noqa: PTH100 - links are kept
    for name in options["codecs"]:
        require_encoder(encoder.get_codec(name).encoder)
    return EncodeRequest(
        source=source,
        output=Path(os.path.abspath(output)),  # noqa: PTH100 - `..` is resolved, links are kept
        codecs=options["codecs"],
        ladder=options["ladder"],
        target=options["target_vmaf"],
        rungs=options["rungs"],
        audience=_audience(options),
        max_height=options["max_height"],
        segment=options["segment"],
        buffer=_of_per_shot(options, "buffer"),
        max_jump=_of_per_shot(options, "max_jump"),
        presets=presets,
        tune=options["tune"],
        pooling=options["pooling"],
        stop=StoppingRule(options["remaining_loss"], options["probe_budget"]),
        views=_views(options),
        compare=options.get("compare", False),
        engine=options["engine"],
        audio=options.get("audio", ()),
        encryption=_encryption(options),
        single_file=options.get("single_file", False),
        overwrite=options.get("overwrite", False),
        workers=options["workers"],
        cluster=options["cluster"],
        store=options["store"],
    )
