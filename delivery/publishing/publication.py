"""The document beside a published presentation: which files each release has, so that they can be deleted later."""

from __future__ import annotations

import secrets
from typing import Literal

import msgspec

from delivery.errors import PublishError
from delivery.publishing.release import Release
from delivery.targets.media_types import headers_of
from delivery.targets.target import Target

__all__ = ["DOCUMENT", "Publication", "PublishedRelease", "new_publication", "read_publication", "write_publication"]

#: Name of the document at the target.
DOCUMENT = "shotladder-publication.json"
#: Version of its format.
FORMAT_VERSION = 1


class PublishedRelease(msgspec.Struct, frozen=True):
    """The files of one release at a target.

    Attributes
    ----------
    id : str
    state : {"uploading", "live", "replaced"}
    time : float
        When the state began, s since the epoch.
    media, playlists, manifests : tuple of str
        Paths of the files.
    """

    id: str
    state: Literal["uploading", "live", "replaced"]
    time: float
    media: tuple[str, ...]
    playlists: tuple[str, ...]
    manifests: tuple[str, ...]


class Publication(msgspec.Struct, frozen=True):
    """All releases of one presentation at a target; `writer` changes with each process that writes the document."""

    shotladder_publication: int
    title: str
    writer: str
    releases: tuple[PublishedRelease, ...]

    def with_release(self, release: Release, state: Literal["uploading", "live"], now: float) -> Publication:
        """Return the publication with a release in a state; with "live", the other releases are replaced."""
        entry = PublishedRelease(
            release.id,
            state,
            now,
            *(tuple(f.path for f in group) for group in (release.media, release.playlists, release.manifests)),
        )
        others = [each for each in self.releases if each.id != release.id]
        if state == "live":
            others = [
                each if each.state == "replaced" else msgspec.structs.replace(each, state="replaced", time=now)
                for each in others
            ]
        return msgspec.structs.replace(self, releases=(*others, entry))


def new_publication(title: str) -> Publication:
    """Return a publication without releases."""
    return Publication(FORMAT_VERSION, title, secrets.token_hex(8), ())


def read_publication(target: Target) -> Publication | None:
    """Return the publication at a target, or None if the target holds none.

    Raises
    ------
    PublishError
        When the document is damaged or of a newer version.
    """
    content = target.read(DOCUMENT)
    if content is None:
        return None
    try:
        found = msgspec.json.decode(content, type=Publication)
    except (msgspec.DecodeError, RecursionError) as error:
        raise PublishError(f"{target.location}/{DOCUMENT}: is damaged ({error})") from error
    if found.shotladder_publication > FORMAT_VERSION:
        raise PublishError(f"{target.location}/{DOCUMENT}: was written by a newer shotladder")
    paths = (path for each in found.releases for path in (*each.media, *each.playlists, *each.manifests))
    if any(path.startswith("/") or ".." in path.split("/") for path in paths):
        raise PublishError(f"{target.location}/{DOCUMENT}: is damaged (it names files outside the target)")
    return found


def write_publication(target: Target, publication: Publication) -> None:
    """Store the document."""
    target.put(msgspec.json.encode(publication), DOCUMENT, headers_of(DOCUMENT, is_immutable=False))
