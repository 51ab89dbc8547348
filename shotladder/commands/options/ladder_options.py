"""The options that define a ladder, its encoder and its execution; `encode` and `ladder` share them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from shotladder.commands.options.grouped_command import combine_options, complete_list, option
from shotladder.commands.options.library_values import (
    DEFAULT_ENGINE,
    EFFORT_TOLERANCES,
    ENGINES,
    GB_PER_CPU_HOUR,
    LADDER_MODES,
    POOLINGS,
    SEARCH_METRICS,
    VIDEO_CODECS,
    XPSNR_TARGET,
)

__all__ = ["SegmentDuration", "ladder_options"]

#: Shortest and longest target duration of a segment, s; players expect segments of 1 to 10 s, so this only stops typos.
SEGMENT_DURATION = (Fraction(1, 2), Fraction(60))
_TOLERANCES = ", ".join(f"{value:g}" for value in EFFORT_TOLERANCES.values())


class CropChoice(click.ParamType[str]):
    """`auto`, `none`, or a rectangle."""

    name = "crop"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Return the choices."""
        return "[auto|none|WIDTH:HEIGHT:X:Y]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text, if it is valid."""
        if value not in ("auto", "none"):
            from encoder.media.black_bars import parse_crop

            try:
                parse_crop(value)
            except ValueError as error:
                self.fail(str(error), param, ctx)
        return str(value)


class LadderMode(click.ParamType[str]):
    """A bit allocation mode, or the path of a ladder file."""

    name = "ladder"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Return the modes and FILE."""
        return f"[{'|'.join(LADDER_MODES)}|FILE]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return a mode, or the path of an existing file."""
        if value not in LADDER_MODES and not Path(value).is_file():
            self.fail(
                f"unknown mode or missing file {value!r} (choose from {', '.join(LADDER_MODES)}, FILE)", param, ctx
            )
        return str(value)


class SegmentDuration(click.ParamType[Fraction]):
    """A positive number of seconds, kept exact."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Fraction:
        """Return the duration, s."""
        try:
            seconds = Fraction(value)
        except (ValueError, ZeroDivisionError):
            self.fail(f"{value!r} is not a number of seconds", param, ctx)
        if not SEGMENT_DURATION[0] <= seconds <= SEGMENT_DURATION[1]:
            self.fail(f"{value!r} is not between 0.5 and 60 seconds", param, ctx)
        return seconds


class VideoCodecs(click.ParamType[tuple[str, ...]]):
    """Comma-separated names of video codecs."""

    name = "codecs"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Return the names of the codecs that need no table of the user."""
        return f"[{'|'.join(VIDEO_CODECS)}],..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Return known names without repetition."""
        names = tuple(str(value).split(","))
        unknown = [name for name in names if name not in VIDEO_CODECS]
        if unknown:
            import encoder

            known = encoder.load_codecs()
            for name in unknown:
                if name not in known:
                    self.fail(f"unknown codec {name!r} (choose from {', '.join(known)})", param, ctx)
        if len(set(names)) < len(names):
            self.fail(f"{value!r} contains a codec twice", param, ctx)
        return names

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the codecs that continue the last one of a list."""
        return complete_list(VIDEO_CODECS, incomplete)


_LADDER = (
    option(
        "Ladder",
        "--ladder",
        type=LadderMode(),
        default="per-shot",
        show_default=True,
        help="Bit allocation mode, or a ladder JSON file from `shotladder ladder`.",
    ),
    option(
        "Ladder",
        "--target-vmaf",
        metavar="VMAF",
        type=click.FloatRange(1, 100),
        help="Target mean VMAF of the top rung. Default: 93 up to 1080p, 95 above.",
    ),
    option(
        "Ladder",
        "--metric",
        type=click.Choice(SEARCH_METRICS),
        default="vmaf",
        show_default=True,
        help="Metric of probe encodes, bit allocation and target; rungs are measured by VMAF as well, without a"
        " comparison with a fixed ladder.",
    ),
    option(
        "Ladder",
        "--target-xpsnr",
        metavar="DB",
        type=click.FloatRange(21, 60),
        help=f"Target XPSNR of luma of the top rung, in dB; requires `--metric xpsnr`. Default: {XPSNR_TARGET:g}.",
    ),
    option(
        "Ladder",
        "--rungs",
        metavar="COUNT",
        type=click.IntRange(1, 20),
        help="Number of rungs. Default: derived from the bitrate range.",
    ),
    option(
        "Ladder",
        "--min-bitrate",
        metavar="KBITPS",
        type=click.FloatRange(10, 100_000),
        help="Bitrate of the lowest rung in kbit/s, if the video needs as much. Default: 120.",
    ),
    option(
        "Ladder",
        "--max-bitrate",
        metavar="KBITPS",
        type=click.FloatRange(10, 1_000_000),
        help="Maximum bitrate of the top rung in kbit/s, even if it does not reach the target VMAF. Default: no limit.",
    ),
    option(
        "Ladder",
        "--max-height",
        metavar="PIXELS",
        type=click.IntRange(32),
        help="Maximum height of a rung in pixels. Default: the height of the source.",
    ),
    option(
        "Ladder",
        "--crop",
        type=CropChoice(),
        default="none",
        show_default=True,
        help="Remove the black bars that are in every frame (auto), keep WIDTH:HEIGHT:X:Y of the upright frame in"
        " pixels, or nothing (none).",
    ),
    option(
        "Ladder",
        "--shots",
        metavar="FILE",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Read the shots from a file that `shotladder shots --json` wrote, edited or not. Default: detect them.",
    ),
    option(
        "Ladder",
        "--zones",
        metavar="FILE",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Read limits of VMAF and quantiser for times, frames or shots from a TOML or CSV file; requires"
        " `--ladder per-shot`. Default: no limits.",
    ),
    option(
        "Ladder",
        "--client-traces",
        multiple=True,
        metavar="TRACES",
        type=click.Path(exists=True, path_type=Path),
        help="Choose rung bitrates by simulating playback over these network traces (files or directories;"
        " repeatable). Default: a prior distribution of throughput.",
    ),
    option(
        "Ladder",
        "--vbv-seconds",
        metavar="SECONDS",
        type=click.FloatRange(0.1, 60),
        help="Decoder (VBV) buffer in seconds at twice the average bitrate of the rung; allocations that underflow it"
        " are rejected. Default: unlimited.",
    ),
    option(
        "Ladder",
        "--max-quality-step",
        metavar="VMAF",
        type=click.FloatRange(1, 100),
        help="Maximum VMAF difference between consecutive shots of a rung. Default: unlimited.",
    ),
    option(
        "Ladder",
        "--pooling",
        type=click.Choice(POOLINGS),
        default="mean",
        show_default=True,
        help="Temporal pooling of per-frame VMAF; the harmonic mean gives low-quality frames more weight.",
    ),
    option(
        "Ladder",
        "--effort",
        type=click.Choice(list(EFFORT_TOLERANCES)),
        default="balanced",
        show_default=True,
        help="Trade CPU time for bits: the number of probe encodes, and encoder settings in addition to the preset.",
    ),
    option(
        "Ladder",
        "--probe-tolerance",
        metavar="PERCENT",
        type=click.FloatRange(0, 100),
        help="Stop probing when further probe encodes are expected to save less than this percentage of the bitrate."
        f" Default: {_TOLERANCES} by --effort.",
    ),
    option(
        "Ladder",
        "--probe-budget",
        metavar="SECONDS",
        type=click.FloatRange(0, min_open=True),
        help="Approximate limit of CPU time for probe encodes, in seconds per codec. Default: unlimited.",
    ),
    option(
        "Ladder",
        "--expected-views",
        metavar="COUNT",
        type=click.FloatRange(0, min_open=True),
        help="Expected number of views; shots get slower encoder settings where the saved traffic is worth more than"
        " the CPU time. Default: all shots use the preset.",
    ),
    option(
        "Ladder",
        "--gb-per-cpu-hour",
        metavar="GIGABYTES",
        type=click.FloatRange(0),
        help="Traffic in gigabytes that costs as much as one CPU-core hour; requires --expected-views."
        f" Default: {GB_PER_CPU_HOUR:g}.",
    ),
)

_ENCODER = (
    option(
        "Encoder",
        "--codec",
        "codecs",
        type=VideoCodecs(),
        default="h264",
        show_default=True,
        help="Comma-separated video codecs; each gets its own ladder.",
    ),
    option(
        "Encoder",
        "--preset",
        metavar="NAME|CODEC=NAME,...",
        help="Encoder preset for all codecs, or one for each codec; `auto` minimises the total cost for"
        " --expected-views. Default: the default preset of each codec.",
    ),
    option(
        "Encoder",
        "--tune",
        type=click.Choice(["visual", "metric"]),
        default="visual",
        show_default=True,
        help="Keep the psychovisual tools of the encoder (`visual`), or disable them for higher VMAF and PSNR"
        " (`metric`).",
    ),
    option(
        "Encoder",
        "--segment-duration",
        type=SegmentDuration(),
        metavar="SECONDS",
        default="4",
        show_default=True,
        help="Target segment duration in seconds; segments last between 0.5 and 1.5 times this value.",
    ),
    option(
        "Encoder",
        "--engine",
        type=click.Choice(ENGINES),
        default=DEFAULT_ENGINE,
        show_default=True,
        help="VMAF implementation: the built-in kernels (`native`), or the libvmaf filter of ffmpeg.",
    ),
)


#: Add the options of the groups Ladder and Encoder.
ladder_options = combine_options(*_LADDER, *_ENCODER)
