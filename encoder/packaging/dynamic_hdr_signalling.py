"""State in the DASH manifest which representations have HDR10+ metadata, which the packager does not."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

__all__ = ["HDR10_PLUS_BRAND", "state_hdr10_plus"]

#: CMAF brand of HDR10+ (SCTE 215-1-1; HLS names it in SUPPLEMENTAL-CODECS).
HDR10_PLUS_BRAND = "cdm4"
#: Property of the kind of dynamic metadata (DASH-IF Interoperability Points 4.3, 10.4).
_PROPERTY = '<SupplementalProperty schemeIdUri="http://dashif.org/metadata/hdr" value="SMPTE2094-40"/>'


def state_hdr10_plus(manifest: Path, renditions: Collection[str]) -> None:
    """Add the property of HDR10+ to the representations of some renditions.

    Parameters
    ----------
    manifest : Path
        DASH manifest.
    renditions : collection of str
        Ids of the renditions, which are the names of their folders or files.
    """
    if not renditions:
        return
    parts = re.split(r"(?=<Representation )", manifest.read_text())
    for n, part in enumerate(parts):
        if any(re.search(rf"video/(trick-)?{re.escape(name)}[./]", part) for name in renditions):
            # the schema has the properties before the addresses of the segments
            parts[n] = re.sub(r"(?=<(?:BaseURL|Segment))", _PROPERTY, part, count=1)
    manifest.write_text("".join(parts))
