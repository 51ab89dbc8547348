"""Read a folder in Pensieve's form: `video_size_0..`, the bytes of one chunk on each line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from abr.errors import PresentationError
from abr.fetch import read_document
from abr.presentations.presentation import Presentation, Rung
from abr.presentations.presentation_json import describe_missing_vmaf

__all__ = ["read_pensieve_folder"]

#: bitrates of Pensieve's clip, bit/s (`VIDEO_BIT_RATE` in its sim/env.py)
PENSIEVE_BITRATES = (300_000, 750_000, 1_200_000, 1_850_000, 2_850_000, 4_300_000)
#: largest file, bytes; chosen by hand: 200,000 chunks at 20 bytes each
MAX_FILE_BYTES = 4 << 20
#: largest value, bytes or VMAF; chosen by hand, it keeps sums exact
MAX_VALUE = 2.0**50
#: duration of a chunk, s (`VIDEO_CHUNCK_LEN` in its sim/env.py)
PENSIEVE_CHUNK_DURATION = 4.0


def read_pensieve_folder(folder: Path) -> Presentation:
    """Read chunk sizes, and the VMAF in `video1..` of the folder or of `../vmaf` when there is a file for each rung.

    Raises
    ------
    PresentationError
        When there are no chunk sizes, or the files differ in length; the message names file, line and value.
    """
    files = sorted(folder.glob("video_size_*"))
    if not files:
        manifests = [path.name for path in folder.glob("*") if path.suffix in (".mpd", ".m3u8")]
        # DASH first, because most .m3u8 files of a folder are playlists of one rendition
        manifests.sort(key=lambda name: (name.endswith(".m3u8"), "master" not in name, name))
        hint = f"; name a manifest in it, such as {manifests[0]}" if manifests else ""
        raise PresentationError(f"{folder}: the folder has neither presentation.json nor video_size_0..{hint}")
    columns = [_read_numbers(file) for file in files]
    for file, column in zip(files, columns, strict=True):
        if len(column) != len(columns[0]):
            raise PresentationError(f"{file}: {len(column)} chunks; {files[0].name} has {len(columns[0])}")
        if not np.all(column >= 1):
            raise PresentationError(f"{file}: chunk {int(np.argmin(column >= 1))} has no size of 1 byte or more")
    # some data sets number the rungs from the highest, some from the lowest
    sizes = np.column_stack(sorted(columns, key=np.sum))
    if len(files) == len(PENSIEVE_BITRATES):
        rates = list(PENSIEVE_BITRATES)
    else:
        rates = [int(rate) for rate in 8 * sizes.mean(axis=0) / PENSIEVE_CHUNK_DURATION]
    vmaf = _read_vmaf(folder, len(files), len(sizes))
    rungs = tuple(Rung(f"{rate // 1000}k", rate) for rate in rates)
    durations = np.full(len(sizes), PENSIEVE_CHUNK_DURATION)
    notes = describe_missing_vmaf(vmaf, rungs)
    return Presentation(folder.name, rungs, durations, sizes.astype(np.int64), vmaf, notes=notes)


def _read_vmaf(folder: Path, rungs: int, chunks: int) -> NDArray[np.float64] | None:
    for candidate in (folder, folder.parent / "vmaf"):
        files = sorted(candidate.glob("video[1-9]*"))
        if len(files) == rungs:
            columns = [_read_numbers(file, chunks) for file in files]
            return np.column_stack(sorted(columns, key=np.nansum))
    return None


def _read_numbers(path: Path, count: int | None = None) -> NDArray[np.float64]:
    """Return the first number of every line that is not empty; raise when there are not `count` of them."""
    values = []
    text = read_document(str(path), PresentationError, MAX_FILE_BYTES).text
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            value = float(line.split()[0])
            if abs(value) > MAX_VALUE:
                raise ValueError
        except ValueError as error:
            raise PresentationError(f"{path}:{number}: {line.strip()[:60]!r} is not a number in range") from error
        values.append(value)
    if count is not None and len(values) != count:
        raise PresentationError(f"{path}: {len(values)} values for {count} chunks")
    return np.array(values)
