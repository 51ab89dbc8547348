"""Number the adaptation sets and representations of a DASH manifest in their order.

The packager numbers them as its threads open the tracks. Their order in the manifest is that of its arguments, but
their identifiers differ between two runs on the same files.
"""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["number_identifiers"]

#: Properties whose values are identifiers of adaptation sets, separated by commas (DASH-IF IOP 4.3, 3.2.9 and 3.8).
_REFERENCES = (
    r'(schemeIdUri="(?:http://dashif\.org/guidelines/trickmode|urn:mpeg:dash:adaptation-set-switching:2016)" value=")'
    r'([0-9,]+)(")'
)


def number_identifiers(manifest: Path) -> None:
    """Give the adaptation sets and the representations of a manifest of one period the numbers of their order."""
    text = manifest.read_text()
    text, _ = _number(text, "Representation")
    text, numbers = _number(text, "AdaptationSet")

    def renumber(match: re.Match[str]) -> str:
        named = (numbers.get(each, each) for each in match[2].split(","))
        return f"{match[1]}{','.join(sorted(named, key=int))}{match[3]}"

    manifest.write_text(re.sub(_REFERENCES, renumber, text))


def _number(text: str, element: str) -> tuple[str, dict[str, str]]:
    """Return the text with new identifiers of these elements, and the new identifier for each old one."""
    pattern = re.compile(rf'(<{element} id=")([0-9]+)(")')
    numbers = {match[2]: str(n) for n, match in enumerate(pattern.finditer(text))}
    return pattern.sub(lambda match: f"{match[1]}{numbers[match[2]]}{match[3]}", text), numbers
