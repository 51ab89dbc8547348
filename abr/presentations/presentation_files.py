"""Reading presentations: ours, DASH, HLS, Sabre's JSON, Pensieve's chunk sizes; recognised by content."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abr.errors import PresentationError
from abr.fetch import is_url, read_text, stem
from abr.presentations.presentation import Audio, Presentation, Rung

__all__ = ["as_presentation", "load_presentation"]

#: of Pensieve's clip, bits/s, lowest first
PENSIEVE_RATES = (300_000, 750_000, 1_200_000, 1_850_000, 2_850_000, 4_300_000)
PENSIEVE_CHUNK = 4.0


def load_presentation(path: str | Path, *, audio: bool = False) -> Presentation:
    """Read a presentation.

    Parameters
    ----------
    path : path or URL
        `presentation.json` or the folder that holds it; an `.mpd`; an `.m3u8`; Sabre's JSON; a folder of
        `video_size_0..`, one chunk's bytes a line, with VMAF in `video1..` beside or in `../vmaf`. All but folders
        also by HTTP. Where there are several codecs the first one's ladder is taken: a player keeps to one.
    audio : bool
        Read the first audio of a manifest too, whose sizes may take a request each; `presentation.json` tells them
        in any case.

    Raises
    ------
    PresentationError
        When it cannot be read; the message names the file and the value.
    """
    place = str(path)
    if not is_url(place) and Path(path).is_dir():
        return _folder(Path(path))
    text = read_text(place, PresentationError)
    head = text.lstrip()
    if head.startswith("<"):
        from abr.presentations.dash_manifest import read_mpd

        return read_mpd(place, text, audio)
    if head.startswith("#EXTM3U"):
        from abr.presentations.hls_manifest import read_hls

        return read_hls(place, text, audio)
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise PresentationError(f"{place}:{error.lineno}: neither a manifest nor JSON: {error.msg}") from error
    try:
        if isinstance(document, dict) and "segment_sizes_bits" in document:
            return _sabre(place, document)
        return _ours(place, document)
    except KeyError as error:
        raise PresentationError(f"{place}: not a presentation: it has no {error}") from error
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        if isinstance(error, PresentationError):
            raise
        raise PresentationError(f"{place}: not a presentation: {type(error).__name__}: {error}") from error


def as_presentation(presentation: Presentation | str | Path) -> Presentation:
    """Return a presentation as it is, or read it from a path or URL.

    Parameters
    ----------
    presentation : Presentation, path or URL
        A path or URL is read by `load_presentation`.

    Raises
    ------
    PresentationError
        When the argument is of another type, or cannot be read.
    """
    if isinstance(presentation, Presentation):
        return presentation
    if isinstance(presentation, str | Path):
        return load_presentation(presentation)
    raise PresentationError(f"expected a Presentation, a path or a URL, got {type(presentation).__name__}")


def _ours(path: str, document: dict[str, Any]) -> Presentation:
    segments, video = document["segments"], document["video"]
    # a player keeps to the ladder of one codec
    codecs = list(dict.fromkeys(rung.get("codec") for rung in video))
    video = [rung for rung in video if rung.get("codec") == codecs[0]]
    order = sorted(range(len(video)), key=lambda i: video[i]["average_bitrate"])
    rungs = tuple(
        Rung(video[i]["id"], int(video[i]["average_bitrate"]), video[i].get("width"), video[i].get("height"))
        for i in order
    )
    for i in order:
        if len(video[i]["segments"]) != len(segments):
            raise PresentationError(
                f"{path}: {video[i]['id']} has {len(video[i]['segments'])} segments, the title has {len(segments)}"
            )
    notes: tuple[str, ...] = ()
    if len(codecs) > 1:
        notes = (f"ladders of {', '.join(map(str, codecs))}; the first one is taken",)
    sizes = np.array([[_bytes(path, video[i], n) for i in order] for n in range(len(segments))])
    vmaf = _table(video, order, "vmaf", len(segments))
    return Presentation(
        str(document.get("title") or stem(path)),
        rungs,
        np.array([float(segment["duration"]) for segment in segments]),
        sizes,
        vmaf,
        _table(video, order, "ssim_db", len(segments)),
        notes + _unscored(vmaf, rungs),
        _audio(document.get("audio") or []),
    )


def _audio(tracks: list[dict[str, Any]]) -> Audio | None:
    """Return the first track, if its segments have been measured."""
    segments = tracks[0].get("segments") if tracks else None
    if not segments:
        return None
    return Audio(
        np.array([float(segment["duration"]) for segment in segments]), np.array([s["bytes"] for s in segments])
    )


def _bytes(path: str, rendition: dict[str, Any], segment: int) -> int:
    size = rendition["segments"][segment].get("bytes")
    if not isinstance(size, int | float) or isinstance(size, bool) or not size > 0:
        told = "has no size" if size is None else f"has {size!r} bytes"
        raise PresentationError(f"{path}: segment {segment} of {rendition['id']} {told}")
    return int(size)


def _table(video: list[dict[str, Any]], order: list[int], name: str, segments: int) -> Any:
    values = [[video[i]["segments"][n].get(name) for i in order] for n in range(segments)]
    table = np.array(values, dtype=np.float64)  # None becomes NaN
    return None if np.isnan(table).all() else table


def _sabre(path: str, document: dict[str, Any]) -> Presentation:
    rates = [int(kbps * 1000) for kbps in document["bitrates_kbps"]]
    bits = np.array(document["segment_sizes_bits"])
    seconds = document["segment_duration_ms"] / 1000
    return Presentation(
        stem(path),
        tuple(Rung(f"{rate // 1000}k", rate) for rate in rates),
        np.full(len(bits), seconds),
        (bits + 7) // 8,
    )


def _folder(path: Path) -> Presentation:
    ours = path / "presentation.json"
    if ours.is_file():
        return load_presentation(ours)
    files = sorted(path.glob("video_size_*"))
    if not files:
        raise PresentationError(f"{path}: neither presentation.json nor video_size_0.. in this folder")
    # some number the rungs from the top, some from the bottom
    columns = [_numbers(file, rows=None) for file in files]
    for file, column in zip(files, columns, strict=True):
        if len(column) != len(columns[0]):
            raise PresentationError(f"{file}: {len(column)} chunks; {files[0].name} has {len(columns[0])}")
    sizes = np.column_stack(sorted(columns, key=np.sum))
    if len(files) == len(PENSIEVE_RATES):
        rates = list(PENSIEVE_RATES)
    else:
        rates = [int(rate) for rate in 8 * sizes.mean(axis=0) / PENSIEVE_CHUNK]
    vmaf = None
    for folder in (path, path.parent / "vmaf"):
        tables = sorted(folder.glob("video[1-9]*"))
        if len(tables) == len(files):
            scores = [_numbers(table, rows=len(sizes)) for table in tables]
            vmaf = np.column_stack(sorted(scores, key=np.nansum))
            break
    rungs = tuple(Rung(f"{rate // 1000}k", rate) for rate in rates)
    durations = np.full(len(sizes), PENSIEVE_CHUNK)
    return Presentation(path.name, rungs, durations, sizes.astype(np.int64), vmaf, notes=_unscored(vmaf, rungs))


def _unscored(vmaf: NDArray[np.float64] | None, rungs: tuple[Rung, ...]) -> tuple[str, ...]:
    """Say where VMAF is missing from a presentation that has it elsewhere."""
    missing = np.argwhere(np.isnan(vmaf)) if vmaf is not None else np.zeros((0, 2))
    if not len(missing):
        return ()
    segment, rung = missing[0]
    return (
        f"no VMAF of {len(missing)} segments, the first segment {segment} of rung {rungs[rung].id}; sessions that play "
        f"one have no VMAF either",
    )


def _numbers(path: Path, rows: int | None) -> NDArray[np.float64]:
    values = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip():
            continue
        try:
            values.append(float(line.split()[0]))
        except ValueError as error:
            raise PresentationError(f"{path}:{number}: {line.strip()[:60]!r} is not a number") from error
    if rows is not None and len(values) != rows:
        raise PresentationError(f"{path}: {len(values)} values for {rows} chunks")
    return np.array(values)
