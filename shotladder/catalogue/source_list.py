"""The sources of a catalogue: files, folders of videos, and lists with one line for each source."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from shotladder.reporter import Reporter
from shotladder_runtime.errors import ShotladderError

__all__ = [
    "ListedSource",
    "SourceListError",
    "check_names",
    "default_name",
    "is_catalogue",
    "list_sources",
    "read_list",
]

#: Suffixes of the files of a folder that count as videos: the containers that FFmpeg reads and people store videos in.
VIDEO_SUFFIXES = (
    *(".3g2", ".3gp", ".asf", ".avi", ".dv", ".f4v", ".flv", ".gxf", ".ivf", ".m2t", ".m2ts", ".m2v", ".m4v", ".mkv"),
    *(".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".nut", ".obu", ".ogm", ".ogv", ".rm", ".rmvb", ".ts", ".vob"),
    *(".webm", ".wmv", ".y4m"),
)


class SourceListError(ShotladderError, ValueError):
    """A list, a folder or the names of outputs of a catalogue are not usable."""


@dataclass(frozen=True, slots=True)
class ListedSource:
    """One source of a catalogue before its options are parsed.

    Attributes
    ----------
    words : tuple of str
        Arguments of `encode` for this source alone: the source, and options that override those of the catalogue.
    origin : str
        Where the source was named, for messages.
    folder : Path
        Folder that a relative path of the source belongs to.
    """

    words: tuple[str, ...]
    origin: str
    folder: Path


def is_catalogue(sources: Sequence[str], list_file: Path | None) -> bool:
    """Return whether a call names several sources, a folder or a list; none at all counts as well."""
    return list_file is not None or len(sources) != 1 or _is_folder(sources[0])


def list_sources(sources: Sequence[str], list_file: Path | None, reporter: Reporter) -> list[ListedSource]:
    """Return all sources: those of the command line, the videos of folders, the lines of a list.

    Raises
    ------
    SourceListError
        If a folder contains no video, or the list cannot be read.
    """
    found: list[ListedSource] = []
    for source in sources:
        paths = _list_videos(Path(source), reporter) if _is_folder(source) else [source]
        found += [ListedSource(("--", path), path, Path()) for path in paths]
    return found + (read_list(list_file) if list_file is not None else [])


def read_list(path: Path) -> list[ListedSource]:
    """Read a list: each line has the words of `encode` for one source; `#` begins a comment.

    Raises
    ------
    SourceListError
        If the file cannot be read, or a line has an open quotation mark.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise SourceListError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    found = []
    for number, line in enumerate(lines, 1):
        origin = f"{path}, line {number}"
        try:
            words = tuple(shlex.split(line, comments=True))
        except ValueError as error:
            raise SourceListError(f"{origin}: {str(error).lower()}") from error
        if words:
            found.append(ListedSource(words, origin, path.parent))
    if not found:
        raise SourceListError(f"{path}: contains no source; write one line for each source")
    return found


def default_name(source: str) -> str:
    """Return the name of an output: that of the source without its suffix.

    Examples
    --------
    >>> default_name("videos/first.part.mkv"), default_name("https://host/a.mp4?key=1")
    ('first.part', 'a')
    """
    path = urlsplit(source).path if "://" in source else source
    return PurePosixPath(path).stem or "video"


def check_names(names: Sequence[tuple[str, str]]) -> None:
    """Check the outputs of a catalogue, given as (origin, name), before any work.

    Raises
    ------
    SourceListError
        If a name leads out of the directory of the catalogue, is used twice, or is a part of another one's path.
    """
    taken: dict[PurePosixPath, str] = {}
    for origin, name in names:
        path = PurePosixPath(os.path.normpath(name))
        if path.is_absolute() or path.parts[:1] == ("..",) or not path.parts:
            raise SourceListError(f"{origin}: the output {name!r} is not inside the directory of the catalogue")
        if path in taken:
            raise SourceListError(
                f"{origin} and {taken[path]}: both outputs have the name {str(path)!r}; choose names with --list"
            )
        taken[path] = origin
    for path, origin in taken.items():
        above = next((parent for parent in path.parents if parent in taken), None)
        if above is not None:
            raise SourceListError(
                f"{origin}: the output {str(path)!r} is inside that of {taken[above]}, {str(above)!r}"
            )


def _is_folder(source: str) -> bool:
    return "://" not in source and Path(source).is_dir()


def _list_videos(folder: Path, reporter: Reporter) -> list[str]:
    """Return the videos in a folder by name, without its subfolders; report what is left out."""
    try:
        entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise SourceListError(f"{folder}: cannot be read ({error.strerror})") from error
    videos = [str(path) for path in entries if path.is_file() and path.suffix.lower() in VIDEO_SUFFIXES]
    if not videos:
        raise SourceListError(f"{folder}: the folder contains no video file; subfolders are not searched")
    for text in _describe_rest(entries):
        reporter.say(f"{folder}: {text}")
    return videos


def _describe_rest(entries: Sequence[Path]) -> Iterator[str]:
    folders = [path.name for path in entries if path.is_dir()]
    others = [path.name for path in entries if path.is_file() and path.suffix.lower() not in VIDEO_SUFFIXES]
    if folders:
        yield f"subfolders are not searched: {', '.join(folders)}"
    if others:
        yield f"files without a video suffix are left out: {', '.join(others)}"
