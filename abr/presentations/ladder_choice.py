"""Choose the streams of a manifest that make one ladder; what is left out is noted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from abr.presentations.presentation import Rung

__all__ = ["VideoStream", "choose_ladder", "count_nouns"]


class VideoStream(NamedTuple):
    """A Representation or a variant with video.

    Attributes
    ----------
    rung : Rung
    codec : str
        Codec of the video, "" when it is not stated.
    dynamic_range : str
        SDR, PQ or HLG.
    view : str
        What else keeps streams apart, such as the role of an adaptation set; "" for the main video.
    place : object
        Where the reader finds the segments.
    frame_rate : str
        As the manifest writes it.
    """

    rung: Rung
    codec: str
    dynamic_range: str
    view: str
    place: Any
    frame_rate: str = ""

    @property
    def ladder(self) -> tuple[str, str, str]:
        """What all streams of a ladder have in common."""
        return self.codec, self.dynamic_range, self.view


def choose_ladder(streams: Sequence[VideoStream], *, prefer_longest: bool) -> tuple[list[VideoStream], tuple[str, ...]]:
    """Return the streams of one ladder without duplicates, and notes of what is left out.

    A player stays within one codec and one dynamic range. Streams of the same bitrate, size and frame rate are
    redundant (RFC 8216, 6.2.4): they have the same content at another server, or with other audio.

    Parameters
    ----------
    streams : sequence of VideoStream
        At least one, in the order of the manifest.
    prefer_longest : bool
        Choose the ladder with most rungs, the first of equal ones. By default that of the first stream.
    """
    # a stream that states no codec has that of the others
    known = {stream.codec for stream in streams if stream.codec}
    if len(known) == 1:
        streams = [stream._replace(codec=next(iter(known))) for stream in streams]
    ladders: dict[tuple[str, str, str], list[VideoStream]] = {}
    seen: set[Any] = set()
    repeated = 0
    for stream in streams:
        rung = stream.rung
        ladder = ladders.setdefault(stream.ladder, [])
        same = (stream.ladder, rung.bitrate, rung.width, rung.height, stream.frame_rate)
        if same in seen or stream.place in seen:
            repeated += 1
        else:
            seen |= {same, stream.place}
            ladder.append(stream)
    chosen = max(ladders, key=lambda key: len(ladders[key])) if prefer_longest else streams[0].ladder
    notes = [
        f"left out: {count_nouns(len(ladder), 'rung')} of {_describe(key)}; the ladder of {_describe(chosen)} is read"
        for key, ladder in ladders.items()
        if key != chosen
    ]
    if repeated:
        notes.append(f"left out: {count_nouns(repeated, 'redundant stream')} with the bitrate and size of a rung")
    return ladders[chosen], tuple(notes)


def count_nouns(count: int, noun: str) -> str:
    """Return a number with its noun, such as `2 rungs`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _describe(ladder: tuple[str, str, str]) -> str:
    codec, dynamic_range, view = ladder
    return " ".join(part for part in (codec or "unstated codec", dynamic_range, view) if part)
