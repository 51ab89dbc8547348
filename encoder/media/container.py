"""Open a source with FFmpeg's libraries or command: nothing but what the user named, and with time limits.

FFmpeg by itself follows playlists, scripts and patterns that a file of any name may hold, to other files and hosts.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import av

from encoder.errors import SourceError
from shotladder_runtime.regular_file import explain_unreadable

__all__ = [
    "ThroughputGuard",
    "input_arguments",
    "input_options",
    "is_playlist",
    "is_url",
    "list_protocols",
    "open_container",
]

#: Seconds in which a server must deliver what opening a source needs, and each packet after that (chosen by hand).
TIME_LIMIT = 10
#: Bytes per second that a server must deliver on average after `TIME_LIMIT`: the bitrate of audio (chosen by hand).
MIN_THROUGHPUT = 16_000
#: Protocols of a local file.
FILE_PROTOCOLS = ("file",)
#: Protocols of a URL; the last three are what HTTP itself uses.
URL_PROTOCOLS = ("http", "https", "tcp", "tls", "httpproxy")
#: Protocols that playlists use in addition: encrypted segments, and keys within the playlist.
PLAYLIST_PROTOCOLS = ("crypto", "data")
#: Endings of the names of playlists.
PLAYLISTS = (".m3u8", ".m3u", ".mpd")
#: Demuxers of playlists.
PLAYLIST_FORMATS = frozenset({"hls", "dash"})
#: Demuxers that read other files, hosts, devices or scripts, or that show text as video.
REFUSED_FORMATS = frozenset({
    "alsa", "aqtitle", "avisynth", "concat", "decklink", "fbdev", "ffmetadata", "hds", "iec61883", "image2",
    "image2pipe", "imf", "jack", "kmsgrab", "lavfi", "libcdio", "oss", "pulse", "rtp", "rtsp", "sap", "sbg", "sdp",
    "sndio", "tty", "vapoursynth", "video4linux2,v4l2", "vobsub", "webm_dash_manifest", "xcbgrab",
})  # fmt: skip


def is_url(name: str) -> bool:
    """Return whether a source is a URL, and not a path."""
    return "://" in name


def list_protocols(name: str) -> tuple[str, ...]:
    """Return the protocols that FFmpeg may use for a source.

    Raises
    ------
    SourceError
        If it is a URL of another protocol.
    """
    if is_url(name) and urlsplit(name).scheme.lower() not in ("http", "https"):
        raise SourceError(f"{name}: cannot be opened as video (only files and http or https URLs can be a source)")
    protocols = URL_PROTOCOLS if is_url(name) else FILE_PROTOCOLS
    if not is_playlist(name):
        return protocols
    # a local playlist may name hosts, but a host's playlist never a local file
    return tuple(dict.fromkeys((*protocols, *URL_PROTOCOLS, *PLAYLIST_PROTOCOLS)))


@cache
def _list_formats(playlist: bool) -> str:
    formats = av.formats_available - REFUSED_FORMATS - (frozenset() if playlist else PLAYLIST_FORMATS)
    return ",".join(sorted(formats))


def is_playlist(name: str) -> bool:
    """Return whether a source may be a playlist, by its name."""
    path = urlsplit(name).path if is_url(name) else name
    return path.lower().endswith(PLAYLISTS)


def input_options(name: str) -> dict[str, str]:
    """Return the options of FFmpeg that restrict what a source may be.

    Parameters
    ----------
    name : str
        Absolute path, or URL.
    """
    options = {
        "protocol_whitelist": ",".join(list_protocols(name)),
        "format_whitelist": _list_formats(is_playlist(name)),
    }
    if _is_remote(name):
        # microseconds without any data
        options["rw_timeout"] = str(TIME_LIMIT * 1_000_000)
    return options


def _is_remote(name: str) -> bool:
    """Return whether reading a source may wait for a server."""
    return is_url(name) or is_playlist(name)


def input_arguments(name: str) -> list[str]:
    """Return `input_options` as arguments of ffmpeg, which stand before the input."""
    return [word for option, value in input_options(name).items() for word in (f"-{option}", value)]


@contextmanager
def open_container(name: str, options: Mapping[str, str] | None = None) -> Iterator[Any]:
    """Open a source with PyAV.

    Parameters
    ----------
    name : str
        Absolute path, or URL.
    options : mapping of str to str, optional
        Options of the container and its decoders.

    Yields
    ------
    av.container.InputContainer
        Its tags hold bytes that are not UTF-8 as lone surrogates (`surrogateescape`).

    Raises
    ------
    SourceError
        If it cannot be opened, is not a regular file, or is endless.
    """
    allowed = input_options(name)
    if not is_url(name) and (reason := explain_unreadable(name)):
        raise SourceError(f"{name}: {reason}")
    start = time.monotonic()
    try:
        container = av.open(
            name,
            options=dict(options or {}),
            container_options=allowed,
            metadata_errors="surrogateescape",
            timeout=TIME_LIMIT if _is_remote(name) else None,
        )
    except (av.FFmpegError, OSError, ValueError) as error:
        is_late = _is_remote(name) and time.monotonic() - start >= TIME_LIMIT
        reason = f"the server does not deliver within {TIME_LIMIT} s" if is_late else _explain(error)
        raise SourceError(f"{name}: cannot be opened as video ({reason})") from error
    with container:
        _refuse_endless(container, name)
        yield container


def _explain(error: Exception) -> str:
    """Return why FFmpeg does not open a source."""
    if getattr(error, "errno", None) == errno.EINVAL:
        # the demuxer is not among the allowed ones
        endings = f"{PLAYLISTS[0]} or {PLAYLISTS[-1]}"
        kinds = "an image, a playlist, a script or text"
        return f"it is {kinds}; only a playlist whose name ends in {endings} can be a source"
    return getattr(error, "strerror", None) or str(error)


def _refuse_endless(container: Any, name: str) -> None:
    if container.format.name in PLAYLIST_FORMATS:
        if not container.duration:
            raise SourceError(f"{name}: is a live playlist, which has no end; record it to a file first")
    elif is_url(name) and container.size <= 0:
        raise SourceError(f"{name}: the server does not state the size of the file; download it first")


class ThroughputGuard:
    """Raises an error if a server delivers too slowly.

    Parameters
    ----------
    name : str
        Absolute path, or URL. Files have no limit.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._is_limited = _is_remote(name)
        self._start = time.monotonic()
        self._bytes = 0

    def add(self, size: int) -> None:
        """Count bytes that arrived.

        Raises
        ------
        SourceError
            If the average since the start is too low.
        """
        self._bytes += size
        if not self._is_limited:
            return
        passed = time.monotonic() - self._start
        if passed > TIME_LIMIT and self._bytes < MIN_THROUGHPUT * passed:
            raise SourceError(
                f"{self._name}: the server delivers {self._bytes / passed / 1000:.1f} kB/s; download the file first"
            )
