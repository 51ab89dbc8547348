"""Content types and cache headers of published files."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import NamedTuple

__all__ = ["Headers", "headers_of"]

#: Media types: RFC 8216 (section 10), ISO 23009-1 (annex C), RFC 8081 for WebVTT; JSON for the publication document.
_TYPES = {
    ".m3u8": "application/vnd.apple.mpegurl",
    ".mpd": "application/dash+xml",
    ".mp4": "video/mp4",
    ".m4s": "video/iso.segment",
    ".vtt": "text/vtt",
    ".json": "application/json",
    ".jpg": "image/jpeg",
}
_OTHER_TYPE = "application/octet-stream"
#: s for which caches keep files whose name contains their hash: a year, the usual maximum (RFC 9111 sets no limit).
_IMMUTABLE = "public, max-age=31536000, immutable"
#: s for which caches keep files that are replaced under the same name; chosen by hand: half a segment of 4 s.
_REPLACED = "public, max-age=2"


class Headers(NamedTuple):
    """Values of the HTTP headers Content-Type and Cache-Control."""

    content_type: str
    cache_control: str


def headers_of(path: str, *, is_immutable: bool) -> Headers:
    """Return the headers of a file.

    Examples
    --------
    >>> headers_of("manifest.mpd", is_immutable=False)
    Headers(content_type='application/dash+xml', cache_control='public, max-age=2')
    """
    kind = _TYPES.get(PurePosixPath(path).suffix.lower(), _OTHER_TYPE)
    if kind == "video/mp4" and path.startswith("audio/"):
        kind = "audio/mp4"
    return Headers(kind, _IMMUTABLE if is_immutable else _REPLACED)
