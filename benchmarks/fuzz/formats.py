"""The formats that are read, each with its valid files, the kind of its structure, and its reader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

import abr
import encoder
import ladders
import shotladder
from encoder.codecs.codec_file import read_codec_file
from shotladder_runtime.store import Store
from vmaf import models

__all__ = ["FORMATS", "Format"]

#: Frames that are decoded of a video that can be opened; chosen by hand.
DECODED = 5


@dataclass(frozen=True)
class Format:
    """A format.

    Attributes
    ----------
    seeds : tuple of str
        Patterns of valid files of the corpus. A changed file stands beside the file that it was made from.
    structure : str
        A key of `MUTATORS`.
    read : callable
        Reads a file as the commands do, and uses what it read.
    """

    seeds: tuple[str, ...]
    structure: str
    read: Callable[[Path], object]

    def list_seeds(self, corpus: Path) -> list[Path]:
        """Return the valid files, sorted."""
        return sorted(path for pattern in self.seeds for path in corpus.glob(pattern))


def _read_presentation_document(path: Path) -> None:
    # each has its own reader
    faults = []
    for read in (shotladder.load, _simulate_presentation):
        try:
            read(path)
        except shotladder.ShotladderError as error:
            faults.append(error)
    if faults:
        raise faults[0]


def _simulate_presentation(path: Path) -> None:
    trace = abr.Trace("steady", [10.0, 5.0], [2e6, 4e5], [0.05, 0.05])
    abr.simulate(abr.load_presentation(path), trace, policy="bba-0")


def _simulate_media_playlist(path: Path) -> None:
    master = path.with_name(f"master-{path.name}")
    entry = f'#EXT-X-STREAM-INF:BANDWIDTH=100000,RESOLUTION=96x64,CODECS="avc1.640028"\n{path.name}\n'
    master.write_text(f"#EXTM3U\n{entry}")
    try:
        _simulate_presentation(master)
    finally:
        master.unlink()


def _simulate_trace(path: Path) -> None:
    rungs = tuple(abr.Rung(f"{rate}", rate) for rate in (300_000, 900_000))
    sizes = np.outer(np.full(5, 2 / 8), (300_000, 900_000)).astype(np.int64)
    presentation = abr.Presentation("video", rungs, np.full(5, 2.0), sizes, None)
    for trace in abr.load_traces([path])[:3]:
        abr.simulate(presentation, trace, policy="bba-0")


def _read_video(path: Path) -> None:
    source = encoder.inspect(str(path))
    for _ in islice(encoder.decode(source, 0, min(DECODED, source.frame_count)), DECODED):
        pass


def _extract_subtitles(path: Path) -> None:
    source = encoder.inspect(str(path))
    for stream in source.subtitles:
        encoder.extract_subtitles(source, stream, Store(path.parent / "store"))


def _load_model(path: Path) -> None:
    models.load(str(path))


_traces = partial(Format, read=_simulate_trace)

#: Formats by name.
FORMATS = {
    "ladder.json": Format(("ladder.json",), "json", ladders.load_ladders),
    "presentation.json": Format(
        ("segments/presentation.json", "single/presentation.json"), "json", _read_presentation_document
    ),
    "keys": Format(("keys.json",), "json", encoder.load_keys),
    "codecs": Format(("codecs.toml",), "lines", read_codec_file),
    "vmaf model": Format(("model.json",), "json", _load_model),
    "dash": Format(("segments/manifest.mpd", "single/manifest.mpd"), "xml", _simulate_presentation),
    "hls": Format(("segments/master.m3u8", "single/master.m3u8"), "lines", _simulate_presentation),
    "hls media playlist": Format(("segments/video_*.m3u8", "single/video_*.m3u8"), "lines", _simulate_media_playlist),
    "trace sabre": _traces(("sabre.json",), "json"),
    "trace pensieve": _traces(("pensieve.log",), "lines"),
    "trace mahimahi": _traces(("mahimahi.trace",), "lines"),
    "trace oboe": _traces(("oboe.txt",), "lines"),
    "trace csv": _traces(("times.csv", "durations.csv", "irish.csv"), "lines"),
    "trace puffer": _traces(("puffer.csv",), "lines"),
    "trace fcc": _traces(("fcc.csv",), "lines"),
    "mp4": Format(("video.mp4",), "boxes", _read_video),
    "subtitles": Format(("video.mkv",), "subtitles", _extract_subtitles),
}
