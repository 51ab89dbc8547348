"""Choose the video stream of a source."""

from __future__ import annotations

from typing import Any

import av

from encoder.errors import SourceError

__all__ = ["choose_video"]

_Disposition = av.stream.Disposition
#: Streams that are video to FFmpeg, but pictures that belong to another stream.
_PICTURES = _Disposition.attached_pic | _Disposition.timed_thumbnails


def choose_video(container: Any, name: str, empty: frozenset[int] = frozenset()) -> tuple[Any, tuple[str, ...]]:
    """Return the main video stream of an open PyAV container, and a note on each that is left out.

    The stream that is flagged as default is the main one; among several or none, the largest, then the first.

    Parameters
    ----------
    container : av.container.InputContainer
    name : str
        Path or URL, for messages.
    empty : frozenset of int
        Streams that are known to hold no packet.

    Raises
    ------
    SourceError
        If there is no video, or none with a decoder.
    """
    videos = [stream for stream in container.streams.video if not stream.disposition & _PICTURES]
    if not videos:
        raise SourceError(f"{name}: holds no video")
    decodable = [stream for stream in videos if stream.codec_context is not None and stream.index not in empty]
    if not decodable:
        raise SourceError(f"{name}: FFmpeg has no decoder for its video")
    flagged = [stream for stream in decodable if stream.disposition & _Disposition.default]
    chosen = max(flagged or decodable, key=lambda s: (s.codec_context.width * s.codec_context.height, -s.index))
    others = (stream for stream in videos if stream is not chosen)
    return chosen, tuple(f"video track {_describe(stream, empty)}" for stream in others)


def _describe(stream: Any, empty: frozenset[int]) -> str:
    context = stream.codec_context
    kind = "unknown codec" if context is None else f"{context.width}x{context.height}"
    reason = ", because it is empty" if stream.index in empty else ""
    return f"{stream.index} ({kind}) is left out{reason}"
