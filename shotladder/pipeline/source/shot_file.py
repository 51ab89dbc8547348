"""Shots that a user gives: the document of `shotladder shots --json`, edited or not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from encoder import Source
from ladders.shots.detector import Opening
from shotladder_runtime.errors import ShotladderError

__all__ = ["ShotFileError", "read_shot_file"]

#: Bytes. A shot takes about 1000; a larger file is not a list of shots. Chosen by hand.
MAX_FILE_SIZE = 100_000_000
_TRANSITIONS = ("start", "cut", "dissolve", "fade", "wipe")


class ShotFileError(ShotladderError, ValueError):
    """A file of shots cannot be read, or does not fit the source."""


def read_shot_file(path: Path, source: Source) -> Mapping[int, Opening]:
    """Return how each shot starts, by its first frame.

    Of each shot `first_frame`, `transition` (by default a cut) and `transition_frames` are read. A shot ends where the
    next one starts.

    Raises
    ------
    ShotFileError
        If the file cannot be read, belongs to another source, or its shots do not increase from frame 0.
    """
    try:
        if path.stat().st_size > MAX_FILE_SIZE:
            raise ShotFileError(f"{path}: is larger than {MAX_FILE_SIZE} bytes, and not a list of shots")
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise ShotFileError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        if isinstance(error, ShotFileError):
            raise
        raise ShotFileError(f"{path}: is not valid JSON ({error})") from error
    except RecursionError as error:
        raise ShotFileError(f"{path}: is nested too deeply") from error
    shots = document.get("shots") if isinstance(document, dict) else None
    if not isinstance(shots, list) or not shots:
        raise ShotFileError(f"{path}: has no list of shots; use the output of `shotladder shots --json`")
    count = document.get("frame_count")
    if count != source.frame_count:
        raise ShotFileError(f"{path}: belongs to a source of {count} frames, not of {source.frame_count}")
    openings: dict[int, Opening] = {}
    last = -1
    for number, shot in enumerate(shots, 1):
        start, opening = _read_shot(path, number, shot)
        if start <= last or (number == 1 and start != 0) or start >= source.frame_count:
            raise ShotFileError(
                f"{path}: shot {number} starts at frame {start}; shots must start at increasing frames, from 0 to"
                f" {source.frame_count - 1}"
            )
        openings[start], last = opening, start
    return openings


def _read_shot(path: Path, number: int, shot: Any) -> tuple[int, Opening]:
    start = shot.get("first_frame") if isinstance(shot, dict) else None
    if not isinstance(start, int) or isinstance(start, bool):
        raise ShotFileError(f"{path}: shot {number} has no whole number as `first_frame`")
    kind = shot.get("transition", "cut")
    if kind not in _TRANSITIONS:
        raise ShotFileError(
            f"{path}: shot {number} has the transition {kind!r} (choose from {', '.join(_TRANSITIONS)})"
        )
    if start and kind == "start":
        kind = "cut"
    inside = shot.get("transition_frames")
    if inside is None:
        return start, (kind, None)
    if not isinstance(inside, list) or len(inside) != 2 or not all(isinstance(each, int) for each in inside):
        raise ShotFileError(f"{path}: shot {number} has no two whole numbers as `transition_frames`")
    return start, (kind, (inside[0], inside[1]))
