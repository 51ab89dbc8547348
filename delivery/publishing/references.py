"""References to files in DASH manifests and HLS playlists: find them, and write others.

Only the texts are edited, so that everything else that the packager wrote is kept.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from urllib.parse import quote, unquote, urlsplit
from xml.sax.saxutils import escape, unescape

from delivery.errors import PublishError

__all__ = ["MANIFEST_SUFFIXES", "replace_references"]

#: Suffixes of the files that name other files.
MANIFEST_SUFFIXES = (".mpd", ".m3u8")
#: Characters of paths that need no escape in a reference.
_SAFE = "/"
#: Attributes of SegmentTemplate, SegmentURL and Initialization that name files (ISO 23009-1, 5.3.9).
_DASH = re.compile(r'(?<=\s)(?P<name>initialization|media|sourceURL)="(?P<value>[^"]*)"|(?<=<BaseURL>)(?P<base>[^<]*)')
_HLS_ATTRIBUTE = re.compile(r'(?<=[:,])URI="(?P<value>[^"]*)"')


def replace_references(path: str, text: str, replace: Callable[[str], str]) -> str:
    r"""Return a manifest or playlist with other references.

    Parameters
    ----------
    path : str
        Path of the manifest in its presentation.
    text : str
        Its content.
    replace : callable
        Takes the path of a file in the presentation and returns its new path; both may contain DASH identifiers such
        as `$Number%05d$`.

    Raises
    ------
    PublishError
        When a reference is not a path inside the presentation.

    Examples
    --------
    >>> replace_references("a.m3u8", '#EXTM3U\n#EXT-X-MAP:URI=\"v/init.mp4\"\nv/1.m4s\n', lambda p: f"x/{p}")
    '#EXTM3U\n#EXT-X-MAP:URI="x/v/init.mp4"\nx/v/1.m4s\n'
    """

    def convert(reference: str) -> str:
        return _relative(path, replace(_resolve(path, reference)))

    return _replace_dash(text, convert) if path.endswith(".mpd") else _replace_hls(text, convert)


def _replace_dash(text: str, convert: Callable[[str], str]) -> str:
    def write(match: re.Match[str]) -> str:
        value = match["base"] if match["base"] is not None else match["value"]
        new = escape(convert(unescape(value.strip())), {'"': "&quot;"})
        return new if match["base"] is not None else f'{match["name"]}="{new}"'

    return _DASH.sub(write, text)


def _replace_hls(text: str, convert: Callable[[str], str]) -> str:
    def write(match: re.Match[str]) -> str:
        # the URI of a key may be data: or skd:, which name no file
        value = match["value"]
        return match[0] if urlsplit(value).scheme else f'URI="{convert(value)}"'

    lines = text.splitlines()
    for n, line in enumerate(lines):
        if line.startswith("#EXT"):
            lines[n] = _HLS_ATTRIBUTE.sub(write, line)
        elif line.strip() and not line.startswith("#"):
            lines[n] = convert(line.strip())
    return "\n".join(lines) + "\n"


def _resolve(path: str, reference: str) -> str:
    """Return the path of a referenced file in the presentation."""
    parts = urlsplit(reference)
    if parts.scheme or parts.netloc or reference.startswith("/"):
        raise PublishError(f"{path}: refers to {reference}, which is not a file of the presentation")
    # a percent sign may belong to an identifier, such as $Number%05d$
    plain = parts.path if "$" in parts.path else unquote(parts.path)
    resolved = posixpath.normpath(posixpath.join(posixpath.dirname(path), plain))
    if resolved.startswith("../"):
        raise PublishError(f"{path}: refers to {reference}, which is outside the folder of the presentation")
    return resolved


def _relative(path: str, target: str) -> str:
    relative = posixpath.relpath(target, posixpath.dirname(path) or ".")
    return relative if "$" in relative else quote(relative, safe=_SAFE)
