"""What a web player downloads of a presentation: manifests, init segments and media segments, with their bitrates."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element

import m3u8
import numpy as np
from numpy.typing import NDArray

from abr.errors import PresentationError
from abr.presentations.dash_manifest import parse_mpd
from abr.presentations.dash_periods import Period, read_periods
from abr.presentations.dash_segments import read_durations, read_initialization
from abr.presentations.dash_timeline import integer
from abr.presentations.presentation import Audio, Presentation, Rung

__all__ = ["WebTitle", "as_web_title", "load_web_title"]

Floats = NDArray[np.float64]

#: The DASH manifest of an output directory.
MANIFEST = "manifest.mpd"

# Sizes of what the presentation does not describe, bytes; those of `shotladder encode` for H.264 and AAC, 2026-11-30.

#: init segment
INIT_SIZE = 880.0
#: DASH manifest: fixed part, part of each track, and of each of its segments
MANIFEST_SIZE, MANIFEST_TRACK_SIZE, MANIFEST_SEGMENT_SIZE = 900.0, 450.0, 30.0
#: HLS multivariant playlist: fixed part and part of each variant
MASTER_SIZE, MASTER_VARIANT_SIZE = 300.0, 200.0
#: HLS media playlist: fixed part and part of each segment
PLAYLIST_SIZE, PLAYLIST_SEGMENT_SIZE = 200.0, 44.0


class _Representation(NamedTuple):
    """One Representation of the manifest: its `bandwidth`, the elements that it inherits from, and its period."""

    bandwidth: float
    chain: list[Element]
    period: Period


@dataclass(frozen=True, slots=True, eq=False)
class WebTitle:
    """A packaged presentation as web players see it; all sizes are in bytes, all bitrates in bit/s.

    Attributes
    ----------
    presentation : Presentation
        Durations, sizes and VMAF of the segments; the bitrates of its rungs are those of the DASH manifest.
    dash_bitrates : ndarray
        `bandwidth` of every Representation.
    hls_bitrates, hls_average_bitrates : ndarray
        BANDWIDTH and AVERAGE-BANDWIDTH of every variant, audio included.
    audio_bitrate : float
        `bandwidth` of the audio Representation; 0 without audio.
    init_sizes : ndarray
        Size of every init segment of the video.
    audio_init_size : float
    manifest_size, master_size, audio_playlist_size : float
        Sizes of `manifest.mpd`, of the HLS multivariant playlist and of the audio playlist.
    playlist_sizes : ndarray
        Size of every video playlist.
    """

    presentation: Presentation
    dash_bitrates: Floats
    hls_bitrates: Floats
    hls_average_bitrates: Floats
    audio_bitrate: float
    init_sizes: Floats
    audio_init_size: float
    manifest_size: float
    master_size: float
    playlist_sizes: Floats
    audio_playlist_size: float


def load_web_title(folder: str | Path) -> WebTitle:
    """Return the output directory of `shotladder encode` as web players see it.

    Raises
    ------
    PresentationError
        When a file is missing or does not describe the others.
    """
    folder = Path(folder)
    try:
        document = json.loads((folder / "presentation.json").read_text())
        manifest = (folder / MANIFEST).read_text()
        master = (folder / "master.m3u8").read_text()
        return _read(folder, document, manifest, master)
    except (OSError, ValueError, KeyError, IndexError, RecursionError) as error:
        raise PresentationError(f"{folder}: is not an output directory of `shotladder encode` ({error})") from error


def _read(folder: Path, document: dict[str, Any], manifest: str, master: str) -> WebTitle:
    found = _read_representations(str(folder / MANIFEST), manifest)
    tracks = sorted(document["video"], key=lambda track: found[track["init"]].bandwidth)
    audio = document["audio"][0] if document["audio"] else None

    def size(name: str) -> float:
        return float((folder / name).stat().st_size)

    rungs = tuple(
        Rung(track["id"], int(found[track["init"]].bandwidth), track["width"], track["height"]) for track in tracks
    )
    presentation = Presentation(
        document.get("title", folder.name),
        rungs,
        np.array([segment["duration"] for segment in document["segments"]]),
        np.array([[size(segment["url"]) for segment in track["segments"]] for track in tracks], np.int64).T,
        np.array([[segment["vmaf"] for segment in track["segments"]] for track in tracks]).T,
        audio=audio
        and Audio(
            _exact_durations(found[audio["init"]], len(audio["segments"])),
            np.array([size(segment["url"]) for segment in audio["segments"]], np.int64),
        ),
    )
    by_playlist = _read_variants(master)
    variants = [by_playlist[track["playlist"]] for track in tracks]
    return WebTitle(
        presentation,
        np.array([rung.bitrate for rung in rungs], np.float64),
        np.array([peak for peak, _ in variants]),
        np.array([average for _, average in variants]),
        found[audio["init"]].bandwidth if audio else 0.0,
        np.array([size(track["init"]) for track in tracks]),
        size(audio["init"]) if audio else 0.0,
        size(MANIFEST),
        size("master.m3u8"),
        np.array([size(track["playlist"]) for track in tracks]),
        size(audio["playlist"]) if audio else 0.0,
    )


def _read_representations(path: str, manifest: str) -> dict[str, _Representation]:
    """Return the Representations with an init segment, by its address."""
    root = parse_mpd(path, manifest)
    found = {}
    for period in read_periods(root):
        for adaptation in period.element.findall("AdaptationSet"):
            for element in adaptation.findall("Representation"):
                chain = [root, period.element, adaptation, element]
                if init := read_initialization(chain):
                    found[init] = _Representation(float(integer(element.attrib, "bandwidth", minimum=1)), chain, period)
    return found


def _exact_durations(representation: _Representation, count: int) -> Floats:
    """Return the durations of the segments as the manifest has them, s; `presentation.json` rounds them."""
    durations = read_durations(representation.chain, representation.period.seconds)
    if len(durations) != count:
        raise ValueError(f"{MANIFEST} has {len(durations)} audio segments, presentation.json {count}")
    return np.array(durations)


def _read_variants(master: str) -> dict[str, tuple[float, float]]:
    """Return BANDWIDTH and AVERAGE-BANDWIDTH of every variant, bit/s, by its playlist."""
    variants = [(variant.uri, variant.stream_info) for variant in m3u8.loads(master).playlists]
    return {uri: (float(info.bandwidth), float(info.average_bandwidth or info.bandwidth)) for uri, info in variants}


def as_web_title(presentation: Presentation) -> WebTitle:
    """Return a presentation as web players see it, with the usual sizes of manifests and init segments.

    The bitrates in the manifests are those of the largest segment of a rung, as Shaka Packager writes them.

    Parameters
    ----------
    presentation : Presentation
        With or without audio.
    """
    seconds = presentation.durations[:, None]
    peaks = np.maximum((8 * presentation.sizes / seconds).max(axis=0), presentation.bitrates)
    averages = 8 * presentation.sizes.sum(axis=0) / presentation.duration
    audio = presentation.audio
    audio_peak = float((8 * audio.sizes / audio.durations).max()) if audio is not None else 0.0
    audio_average = float(8 * audio.sizes.sum() / audio.durations.sum()) if audio is not None else 0.0
    segments, rungs = presentation.sizes.shape
    audio_segments = len(audio.sizes) if audio is not None else 0
    tracks = rungs + (audio is not None)
    return WebTitle(
        presentation,
        peaks,
        peaks + audio_peak,
        averages + audio_average,
        audio_peak,
        np.full(rungs, INIT_SIZE),
        INIT_SIZE if audio is not None else 0.0,
        MANIFEST_SIZE + MANIFEST_TRACK_SIZE * tracks + MANIFEST_SEGMENT_SIZE * (segments * rungs + audio_segments),
        MASTER_SIZE + MASTER_VARIANT_SIZE * rungs,
        np.full(rungs, PLAYLIST_SIZE + PLAYLIST_SEGMENT_SIZE * segments),
        PLAYLIST_SIZE + PLAYLIST_SEGMENT_SIZE * audio_segments,
    )
