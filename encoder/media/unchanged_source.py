"""Make sure that a job reads the file that was inspected."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from encoder.errors import SourceError
from encoder.media.container import is_url
from encoder.media.file_stamp import Stamp, read_stamp, written_part
from encoder.media.inspection import inspect
from encoder.media.source import Source

__all__ = ["inspect_exactly", "require_unchanged", "unchanged_source"]


_CHANGED = "the file has changed since it was inspected; run the command again"


@contextmanager
def unchanged_source(*sources: Source) -> Iterator[None]:
    """Check, before and after the statements of a `with` block, that they read the content that was inspected.

    Raises
    ------
    SourceError
        If a file has another content than at its inspection, or is exchanged during the block.
    """
    before = [require_unchanged(source) for source in sources]
    yield
    for source, stamp in zip(sources, before, strict=True):
        require_unchanged(source, stamp)


def require_unchanged(source: Source, since: Stamp | None = None) -> Stamp | None:
    """Check that the file of a source has the content that was inspected, and return the state of the file.

    Parameters
    ----------
    source : Source
    since : FileStamp or FileState, optional
        State of the file at an earlier check; the content must not have been written since then.

    Raises
    ------
    SourceError
        If the file has another content. A source at a URL is checked as far as its server states what identifies it.

    Notes
    -----
    The content is read again only if the state of the file differs from the state at the inspection, for example after
    a change of its attributes or on another machine that has a copy of the file.
    """
    if source.stamp is None:
        return None
    stamp = read_stamp(source.path)
    if stamp is None:
        reason = "its server does not answer" if is_url(source.path) else "the file was deleted or renamed"
        raise SourceError(f"{source.path}: cannot be opened ({reason})")
    is_rewritten = since is not None and written_part(stamp) != written_part(since)
    if is_rewritten or (stamp != source.stamp and not _has_content(source.path, stamp, _read_inspected_id(source))):
        raise SourceError(f"{source.path}: {_CHANGED}")
    return stamp


def inspect_exactly(source: Source) -> Source:
    """Inspect a source again by decoding every frame.

    Raises
    ------
    SourceError
        If the file has another content than at its first inspection.
    """
    exact = inspect(source.path, exact=True)
    if exact.content_id != _read_inspected_id(source):
        raise SourceError(f"{source.path}: {_CHANGED}")
    return exact


def _read_inspected_id(source: Source) -> str:
    """Return the hash of the content at the inspection, without what was decided later, such as a crop."""
    return source.content_id.partition("+")[0]


@lru_cache(32)
def _has_content(path: str, stamp: Stamp, content_id: str) -> bool:
    """Return whether a file in the state `stamp` has the content; the cache forgets a changed file."""
    try:
        return inspect(path).content_id == content_id
    except SourceError:
        return False
