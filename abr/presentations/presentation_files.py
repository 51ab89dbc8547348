"""Load a presentation from a path or URL; the format is recognised by the content.

JSON is checked by msgspec (`presentation_json`). HLS playlists are parsed by m3u8, which knows every tag of RFC 8216
and is the parser most used in Python. DASH manifests are parsed by the XML parser of the standard library: a manifest
is small, replay needs few of its attributes, and the DASH libraries in Python do not resolve the sizes of segments.
"""

from __future__ import annotations

import os
from pathlib import Path

from abr.errors import PresentationError
from abr.fetch import is_url, read_document
from abr.presentations.presentation import Presentation
from shotladder_runtime.errors import DocumentError
from shotladder_runtime.printable_text import printable

__all__ = ["as_presentation", "load_presentation"]

#: largest manifest or JSON document, bytes; chosen by hand: a 10 h video in 4 s segments with 12 rungs of 3 codecs, at
#: 120 bytes for each segment of a rung, is 39 MB
MAX_DOCUMENT_BYTES = 256 << 20


def load_presentation(path: str | Path, *, audio: bool = False) -> Presentation:
    """Read a presentation.

    Parameters
    ----------
    path : path or URL
        `presentation.json` or the folder that contains it; an `.mpd`; an `.m3u8`; Sabre's JSON; a folder of
        `video_size_0..` with the bytes of one chunk on each line, and VMAF in `video1..` in it or in `../vmaf`. All
        except folders may be HTTP addresses. Of several codecs, the ladder of the first one is read, because a
        player stays within one codec.
    audio : bool
        Also read the first audio track of a manifest, whose sizes may need a request for each segment. The audio of
        `presentation.json` is always read.

    Returns
    -------
    Presentation

    Raises
    ------
    PresentationError
        When it cannot be read; the message names the file and the value. For JSON it is a
        `PresentationDocumentError`, which has the file and the location as attributes.
    """
    name = os.fspath(path)
    try:
        return _load(name, audio)
    except PresentationError as error:
        # values check themselves, and do not know the file
        if printable(name) in str(error) or isinstance(error, DocumentError):
            raise
        raise PresentationError(f"{name}: {error}") from error


def _load(name: str, audio: bool) -> Presentation:
    if not is_url(name) and "\0" not in name and Path(name).is_dir():
        document = Path(name) / "presentation.json"
        if document.is_file():
            name = str(document)
        else:
            from abr.presentations.pensieve_folder import read_pensieve_folder

            return read_pensieve_folder(Path(name))
    manifest = read_document(name, PresentationError, MAX_DOCUMENT_BYTES)
    head = manifest.text.lstrip()[:8]
    # imported when needed, because m3u8 and the XML parser make `import abr` slower
    if head.startswith("<"):
        from abr.presentations.dash_manifest import read_mpd

        return read_mpd(name, manifest, audio)
    if head.startswith("#EXTM3U"):
        from abr.presentations.hls_manifest import read_hls

        return read_hls(name, manifest, audio)
    from abr.presentations.presentation_json import read_json

    return read_json(name, manifest.text)


def as_presentation(presentation: Presentation | str | Path, *, audio: bool = False) -> Presentation:
    """Return a presentation as it is, or read it from a path or URL.

    Parameters
    ----------
    presentation : Presentation, path or URL
        A path or URL is read by `load_presentation`.
    audio : bool
        As for `load_presentation`.

    Raises
    ------
    PresentationError
        When the argument is of another type, or cannot be read.
    """
    if isinstance(presentation, Presentation):
        return presentation
    if isinstance(presentation, str | os.PathLike):
        return load_presentation(presentation, audio=audio)
    raise PresentationError(f"expected a Presentation, a path or a URL, got {type(presentation).__name__}")
