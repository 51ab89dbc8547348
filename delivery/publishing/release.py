"""A release: the files of a presentation under the names that they are published with, in their order.

Players of an older release go on while a newer one is published, because a name never gets another content: each folder
of segments, each file of byte ranges and each media playlist has a hash of its content in its name. Only the DASH
manifest and the HLS master playlist keep their names.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from delivery.errors import PublishError
from delivery.publishing.references import MANIFEST_SUFFIXES, replace_references
from delivery.targets.media_types import Headers, headers_of

__all__ = ["Release", "ReleaseFile", "make_release"]

#: Hexadecimal digits of a hash in a name: 48 bits, among which 10,000 releases of one folder collide with p < 1e-6.
HASH_DIGITS = 12
#: Files of a presentation that players do not read; `encode` writes them.
_NOT_FOR_PLAYERS = ("presentation.json", "report.html")
#: Tag that only a master playlist has (RFC 8216, 4.3.4.2).
_MASTER_TAG = re.compile(r"^#EXT-X-STREAM-INF:", re.MULTILINE)
_TEMPLATE = re.compile(r'(?<=\s)media="([^"]*\$(?:Number|Time)[^"]*)"')


class _Title(msgspec.Struct):
    """What is read of `presentation.json`."""

    title: str | None = None


@dataclass(frozen=True, slots=True)
class ReleaseFile:
    """A file to publish.

    Attributes
    ----------
    path : str
        Path below the target.
    content : Path or bytes
        The file on this machine, or its content.
    size : int
        Bytes.
    headers : Headers
    """

    path: str
    content: Path | bytes
    size: int
    headers: Headers


@dataclass(frozen=True, slots=True)
class Release:
    """A presentation as it is published.

    Attributes
    ----------
    id : str
        Hash of all names and contents.
    title : str
        That of `presentation.json`, or else the name of the folder.
    source : Path
        The folder.
    media, playlists, manifests : tuple of ReleaseFile
        Init and media segments; HLS media playlists; the DASH manifest and the HLS master playlist. They are published
        in this order.
    skipped : tuple of str
        Files of the folder that are not published.
    """

    id: str
    title: str
    source: Path
    media: tuple[ReleaseFile, ...]
    playlists: tuple[ReleaseFile, ...]
    manifests: tuple[ReleaseFile, ...]
    skipped: tuple[str, ...]

    @property
    def files(self) -> tuple[ReleaseFile, ...]:
        """All files in the order of publishing."""
        return self.media + self.playlists + self.manifests

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def make_release(
    folder: Path,
    *,
    select: Callable[[str], bool] | None = None,
    edit: Callable[[str, str], str] | None = None,
) -> Release:
    """Return the release of the presentation in a folder.

    Parameters
    ----------
    folder : Path
        Contains a DASH manifest (.mpd), an HLS master playlist (.m3u8), or both, and what they name.
    select : callable, optional
        Takes the path of a media file and returns whether to publish it; the release then has no manifests, and only
        the playlists whose files are all selected. By default everything.
    edit : callable, optional
        Takes name and text of a manifest and returns the text to publish.

    Raises
    ------
    PublishError
        When the folder contains no manifest, or a manifest names a file that does not exist.
    """
    texts = _read_manifests(folder)
    masters = [path for path, text in texts.items() if path.endswith(".mpd") or _MASTER_TAG.search(text)]
    if not masters:
        raise PublishError(f"{folder}: contains no DASH manifest and no HLS master playlist")
    media, units = _find_media(folder, texts)
    hashes = {path: _hash_file(folder / path) for path in media}
    names = _name_media(media, units, hashes)
    used: set[str] = set()
    renamed = dict(names)
    playlists = []
    for path in sorted(set(texts) - set(masters)):
        references: set[str] = set()
        text = replace_references(path, texts[path], _renamer(folder, path, names, units, references))
        used |= references
        content = text.encode()
        stem, suffix = posixpath.splitext(path)
        renamed[path] = f"{stem}.{hashlib.sha256(content).hexdigest()[:HASH_DIGITS]}{suffix}"
        if select is None or all(select(each) for each in references):
            playlists.append(_make_file(renamed[path], content, is_immutable=True))
    manifests = []
    for path in sorted(masters, key=lambda name: (not name.endswith(".mpd"), name)):
        text = replace_references(path, texts[path], _renamer(folder, path, renamed, units, used))
        manifests.append(_make_file(path, (edit(path, text) if edit else text).encode(), is_immutable=False))
    kept = [path for path in media if (select is None or select(path)) and (path in used or _unit(path, units) in used)]
    files = tuple(_make_file(names[path], folder / path, is_immutable=True) for path in kept)
    skipped = tuple(path for path in media if path not in used and _unit(path, units) not in used)
    if select is not None:
        manifests = []
    return Release(
        _hash_release(files, [*playlists, *manifests]),
        _read_title(folder),
        folder,
        files,
        tuple(playlists),
        tuple(manifests),
        (*skipped, *(name for name in _NOT_FOR_PLAYERS if (folder / name).is_file())),
    )


def _read_manifests(folder: Path) -> dict[str, str]:
    if not folder.is_dir():
        raise PublishError(f"{folder}: is not a folder")
    found = {}
    for file in sorted(folder.rglob("*")):
        if file.suffix in MANIFEST_SUFFIXES and file.is_file():
            try:
                found[file.relative_to(folder).as_posix()] = file.read_text("utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise PublishError(f"{file}: cannot be read ({error})") from error
    return found


def _read_title(folder: Path) -> str:
    try:
        title = msgspec.json.decode((folder / "presentation.json").read_bytes(), type=_Title).title
    except (OSError, msgspec.DecodeError, RecursionError):
        title = None
    return title or folder.resolve().name


def _find_media(folder: Path, texts: Mapping[str, str]) -> tuple[list[str], set[str]]:
    """Return the other files of a presentation, and the folders of segments that a DASH template names."""
    media = [
        file.relative_to(folder).as_posix()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.suffix not in MANIFEST_SUFFIXES
    ]
    units = set()
    for path, text in texts.items():
        if path.endswith(".mpd"):
            for template in _TEMPLATE.findall(text):
                parent = posixpath.normpath(posixpath.join(posixpath.dirname(path), posixpath.dirname(template)))
                if "$" in parent:
                    raise PublishError(f"{folder / path}: the name of a folder contains an identifier: {template}")
                units.add(parent)
    return [path for path in media if path not in _NOT_FOR_PLAYERS and not path.startswith(".")], units


def _unit(path: str, units: set[str]) -> str:
    """Return what shares a hash with a file: its folder of segments, or the file itself."""
    parent = posixpath.dirname(path) or "."
    return parent if parent in units else path


def _name_media(media: Sequence[str], units: set[str], hashes: Mapping[str, str]) -> dict[str, str]:
    """Return the published path of each media file, and of each folder of segments."""
    members: dict[str, list[str]] = {}
    for path in media:
        members.setdefault(_unit(path, units), []).append(path)
    names = {}
    for unit, paths in members.items():
        together = "".join(f"{path}\0{hashes[path]}\n" for path in paths)
        version = hashlib.sha256(together.encode()).hexdigest()[:HASH_DIGITS]
        for path in paths:
            parent, name = posixpath.split(path)
            names[path] = posixpath.join(parent, version, name)
        if unit in units:
            names[unit] = posixpath.normpath(posixpath.join(unit, version))
    return names


def _renamer(
    folder: Path, path: str, names: Mapping[str, str], units: set[str], used: set[str]
) -> Callable[[str], str]:
    """Return the function that gives the published path of a reference, and adds the reference to `used`."""

    def rename(reference: str) -> str:
        parent, name = posixpath.split(reference)
        if "$" in name and (parent or ".") in units and (parent or ".") in names:
            used.add(parent or ".")
            return posixpath.join(names[parent or "."], name)
        if reference not in names:
            raise PublishError(f"{folder / path}: names {reference}, which does not exist")
        used.add(reference)
        return names[reference]

    return rename


def _make_file(path: str, content: Path | bytes, *, is_immutable: bool) -> ReleaseFile:
    size = len(content) if isinstance(content, bytes) else content.stat().st_size
    return ReleaseFile(path, content, size, headers_of(path, is_immutable=is_immutable))


def _hash_file(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise PublishError(f"{file}: cannot be read ({error.strerror})") from error


def _hash_release(media: Sequence[ReleaseFile], documents: Sequence[ReleaseFile]) -> str:
    digest = hashlib.sha256()
    for file in (*media, *documents):
        digest.update(f"{file.path}\0".encode())
        if isinstance(file.content, bytes):
            digest.update(file.content)
    return digest.hexdigest()[:HASH_DIGITS]
