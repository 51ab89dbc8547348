"""Delete what is published: replaced releases, or everything; what names a file is deleted before the file."""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec

from delivery.errors import PublishError
from delivery.publishing.publication import (
    DOCUMENT,
    Publication,
    PublishedRelease,
    read_publication,
    write_publication,
)
from delivery.targets.target import Target
from shotladder_runtime.progress import Progress, progress_callback

__all__ = ["delete_replaced", "unpublish"]


def delete_replaced(target: Target, publication: Publication, age: float) -> tuple[Publication, tuple[str, ...]]:
    """Delete the files of releases that were replaced `age` seconds ago or earlier and that no other release has.

    Returns
    -------
    publication : Publication
        What remains; the document at the target is up to date.
    deleted : tuple of str
        Paths.
    """
    limit = time.time() - age
    gone = [each for each in publication.releases if each.state == "replaced" and each.time <= limit]
    kept = [each for each in publication.releases if each not in gone]
    if not gone:
        return publication, ()
    needed = {path for each in kept for path in (*each.media, *each.playlists, *each.manifests)}
    paths = [path for path in _order(gone) if path not in needed]
    for path in paths:
        target.delete(path)
    remaining = msgspec.structs.replace(publication, releases=tuple(kept))
    write_publication(target, remaining)
    target.delete_leftovers(paths)
    return remaining, tuple(paths)


def unpublish(target: Target, progress: bool | Progress | None = None) -> tuple[str, ...]:
    """Delete everything that was published to a target, in the reverse order; other files remain.

    Raises
    ------
    PublishError
        When nothing is published there.
    """
    publication = read_publication(target)
    if publication is None:
        raise PublishError(f"{target.location}: holds no published presentation")
    report = progress_callback(progress, "unpublish")
    paths = _order(publication.releases)
    for n, path in enumerate(paths):
        target.delete(path)
        report(n + 1, len(paths))
    target.delete(DOCUMENT)
    target.delete_leftovers([*paths, DOCUMENT])
    return tuple(paths)


def _order(releases: Sequence[PublishedRelease]) -> list[str]:
    """Return the paths of releases: master playlist, DASH manifest, media playlists, media."""
    manifests = [path for each in releases for path in reversed(each.manifests)]
    playlists = [path for each in releases for path in reversed(each.playlists)]
    media = [path for each in releases for path in reversed(each.media)]
    return list(dict.fromkeys((*manifests, *playlists, *media)))
