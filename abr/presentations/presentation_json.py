"""Read presentations from JSON: `presentation.json` of shotladder, versions 1 and 2, and Sabre's movie files.

The structs below hold only the keys that replay needs; all others are ignored. None of the keys that version 2
renames is among them, so both versions have the same structs.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from abr.errors import PresentationDocumentError
from abr.fetch import stem
from abr.presentations.presentation import Audio, Presentation, Rung, SourceFile
from shotladder_runtime.json_document import check_finite, check_structure, parse_json

__all__ = ["describe_missing_vmaf", "read_json"]

#: bytes of a segment, bit/s and s; chosen by hand, they keep sums exact
MAX_BYTES = 2.0**50
MAX_BITRATE = 1e12
MAX_SECONDS = 366 * 86_400.0
#: rows and columns of a frame; chosen by hand
MAX_SIDE = 1 << 20

Bytes = Annotated[float, Meta(gt=0, le=MAX_BYTES)]
Bitrate = Annotated[float, Meta(gt=0, le=MAX_BITRATE)]
Seconds = Annotated[float, Meta(gt=0, le=MAX_SECONDS)]
Side = Annotated[int, Meta(ge=0, le=MAX_SIDE)]


class _Segment(Struct):
    duration: Seconds


class _VideoSegment(Struct):
    bytes: Bytes
    vmaf: float | None = None
    ssim_db: float | None = None


class _Video(Struct):
    id: str
    average_bitrate: Bitrate
    segments: list[_VideoSegment]
    codec: str | None = None
    width: Side | None = None
    height: Side | None = None


class _AudioSegment(Struct):
    duration: Seconds
    bytes: Bytes


class _AudioTrack(Struct):
    #: absent when the segments were not measured
    segments: list[_AudioSegment] | None = None


class _Source(Struct):
    name: str | None = None
    bytes: Bytes | None = None


class _PresentationDocument(Struct):
    segments: list[_Segment]
    video: list[_Video]
    version: Literal[1, 2] = 1
    title: str | None = None
    audio: list[_AudioTrack] | None = None
    source: _Source | None = None


class _SabreMovie(Struct):
    segment_duration_ms: Annotated[float, Meta(gt=0, le=MAX_SECONDS * 1000)]
    bitrates_kbps: list[Annotated[float, Meta(ge=0.001, le=MAX_BITRATE / 1000)]]
    segment_sizes_bits: list[list[Annotated[float, Meta(gt=0, le=8 * MAX_BYTES)]]]


def read_json(path: str, text: str) -> Presentation:
    """Read `presentation.json` or a Sabre movie; the key `segment_sizes_bits` identifies the latter.

    Parameters
    ----------
    path : str
        Path or URL, for messages and as the title of a document without one.
    text : str
        The document.

    Raises
    ------
    PresentationError
        When the document does not have the structure of a presentation; the message names file and location.
    """
    value = parse_json(text, path, error=PresentationDocumentError)
    if isinstance(value, dict) and "segment_sizes_bits" in value:
        return _read_sabre(path, value)
    return _read_presentation(path, value)


def _read_presentation(path: str, value: Any) -> Presentation:
    document = check_structure(value, _PresentationDocument, path, error=PresentationDocumentError)
    # a player stays within the ladder of one codec
    codecs = list(dict.fromkeys(rendition.codec for rendition in document.video))
    notes: tuple[str, ...] = ()
    if len(codecs) > 1:
        notes = (f"the presentation has ladders of {', '.join(map(str, codecs))}; only the first is used",)
    ladder = []
    for n, rendition in enumerate(document.video):
        if rendition.codec == codecs[0]:
            _check_rendition(path, n, rendition, len(document.segments))
            ladder.append(rendition)
    ladder.sort(key=lambda rendition: rendition.average_bitrate)
    rungs = tuple(Rung(r.id, int(r.average_bitrate), r.width, r.height) for r in ladder)
    segments = range(len(document.segments))
    vmaf = _score_table([[r.segments[n].vmaf for r in ladder] for n in segments])
    return Presentation(
        document.title or stem(path),
        rungs,
        np.array([segment.duration for segment in document.segments]),
        np.array([[int(r.segments[n].bytes) for r in ladder] for n in segments]),
        vmaf,
        _score_table([[r.segments[n].ssim_db for r in ladder] for n in segments]),
        notes + describe_missing_vmaf(vmaf, rungs),
        _read_audio(document.audio or []),
        _read_source(document.source),
    )


def _check_rendition(path: str, index: int, rendition: _Video, segments: int) -> None:
    """Raise when a rendition has another number of segments than the title, or a number that is not finite."""
    location = f"$.video[{index}]"
    if len(rendition.segments) != segments:
        raise PresentationDocumentError(
            path, f"{location}.segments", f"{rendition.id} has {len(rendition.segments)} segments, expected {segments}"
        )
    check_finite(rendition.average_bitrate, path, f"{location}.average_bitrate", error=PresentationDocumentError)
    for n, segment in enumerate(rendition.segments):
        check_finite(segment.bytes, path, f"{location}.segments[{n}].bytes", error=PresentationDocumentError)


def _read_audio(tracks: list[_AudioTrack]) -> Audio | None:
    """Return the first track, when its segments were measured."""
    segments = tracks[0].segments if tracks else None
    if not segments:
        return None
    return Audio(np.array([s.duration for s in segments]), np.array([s.bytes for s in segments]))


def _read_source(source: _Source | None) -> SourceFile | None:
    if source is None or source.name is None:
        return None
    return SourceFile(source.name, None if source.bytes is None else int(source.bytes))


def _score_table(scores: list[list[float | None]]) -> NDArray[np.float64] | None:
    """Return scores of shape (segments, rungs), NaN where one is missing; None when all are missing."""
    table = np.array(scores, dtype=np.float64)  # numpy converts None to NaN
    return None if np.isnan(table).all() else table


def _read_sabre(path: str, value: Any) -> Presentation:
    movie = check_structure(value, _SabreMovie, path, error=PresentationDocumentError)
    rates = [
        int(check_finite(kbps, path, f"$.bitrates_kbps[{n}]", error=PresentationDocumentError) * 1000)
        for n, kbps in enumerate(movie.bitrates_kbps)
    ]
    for n, sizes in enumerate(movie.segment_sizes_bits):
        if len(sizes) != len(rates):
            raise PresentationDocumentError(
                path,
                f"$.segment_sizes_bits[{n}]",
                f"{len(sizes)} sizes, expected one for each of {len(rates)} bitrates",
            )
        for rung, bits in enumerate(sizes):
            check_finite(bits, path, f"$.segment_sizes_bits[{n}][{rung}]", error=PresentationDocumentError)
    return Presentation(
        stem(path),
        tuple(Rung(f"{rate // 1000}k", rate) for rate in rates),
        np.full(len(movie.segment_sizes_bits), movie.segment_duration_ms / 1000),
        (np.array(movie.segment_sizes_bits) + 7) // 8,
    )


def describe_missing_vmaf(vmaf: NDArray[np.float64] | None, rungs: tuple[Rung, ...]) -> tuple[str, ...]:
    """Return a note that says where VMAF is missing, when only some segments have one."""
    missing = np.argwhere(np.isnan(vmaf)) if vmaf is not None else np.zeros((0, 2))
    if not len(missing):
        return ()
    segment, rung = missing[0]
    return (
        f"{len(missing)} segments have no VMAF (the first is segment {segment} of rung {rungs[rung].id}); sessions "
        f"that play one of them have no VMAF either",
    )
