"""The target for a URL or a path."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from delivery.errors import TargetError
from delivery.targets.folder_target import FolderTarget
from delivery.targets.fsspec_target import FsspecTarget
from delivery.targets.http_target import HttpTarget
from delivery.targets.target import Target
from shotladder_runtime.passwords import without_password

__all__ = ["open_target"]

#: Protocols whose addresses begin with the name of a bucket.
_BUCKETS = frozenset({"s3", "s3a", "gs", "gcs"})
#: Names of buckets: those of GCS, which include those of S3 (Cloud Storage, "Bucket names").
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")


def open_target(url: str | Path) -> Target:
    """Return the target for a folder, an HTTP address or a URL of an fsspec protocol; connects to nothing.

    Raises
    ------
    TargetError
        If it is not a URL.

    Examples
    --------
    >>> open_target("https://user:secret@origin.example/show/").location
    'https://origin.example/show'
    """
    text = str(url)
    if "://" not in text:
        return FolderTarget(Path(text))
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise TargetError(f"{without_password(text)}: is not a URL ({without_password(str(error))})") from None
    scheme = parts.scheme.lower()
    if scheme in ("file", "local"):
        return FolderTarget(Path(unquote(parts.path)))
    if scheme in _BUCKETS and not _BUCKET.fullmatch(parts.netloc.rpartition("@")[2]):
        raise TargetError(
            f"{without_password(text)}: does not begin with the name of a bucket (3 to 222 lowercase letters, digits,"
            f" '.', '-' and '_'), as in {scheme}://bucket/show"
        )
    return HttpTarget(text) if scheme in ("http", "https") else FsspecTarget(text)
