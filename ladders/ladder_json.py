"""Read and write ladders as JSON (`ladder.json`)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from encoder import Chunk, Segment
from ladders.ladder import HullPoint, Ladder, LadderError, ProbeCost, Rung
from shotladder_runtime.errors import DocumentError
from shotladder_runtime.json_document import parse_json
from shotladder_runtime.regular_file import read_regular_file

__all__ = ["load_ladder", "load_ladders", "save_ladder", "save_ladders"]

#: Maximum size of the file, bytes; chosen by hand: a ladder of 10 h has 4 MB.
MAX_BYTES = 64 << 20
#: Largest number in a ladder; chosen by hand: a bitrate is below 1e12.
MAX_NUMBER = 1e15
#: Version of the structure of `ladder.json`.
FORMAT_VERSION = 2


class _Document(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The structure of one ladder in `ladder.json`; the fields are those of `Ladder`."""

    version: int
    mode: str
    codec: str
    preset: str
    tune: str
    target: float
    content_id: str
    chunks: tuple[Chunk, ...]
    segments: tuple[Segment, ...]
    rungs: tuple[Rung, ...]
    hull: tuple[HullPoint, ...] = ()
    cost: ProbeCost = ProbeCost()
    expected_excess_rate: float | None = None
    pooling: str = "mean"
    overrides: tuple[str, ...] = ()
    metric: str = "vmaf"


def save_ladder(ladder: Ladder, path: Path) -> None:
    """Write a ladder as JSON."""
    path.write_text(json.dumps(_to_json(ladder), indent=1) + "\n")


def save_ladders(ladders: Sequence[Ladder], path: Path) -> None:
    """Write the ladders of several codecs as a JSON list; write a single ladder as `save_ladder` does."""
    if len(ladders) == 1:
        save_ladder(ladders[0], path)
    else:
        path.write_text(json.dumps([_to_json(ladder) for ladder in ladders], indent=1) + "\n")


def load_ladder(path: str | Path) -> Ladder:
    """Read a ladder that `save_ladder` wrote.

    Raises
    ------
    LadderError
        If the file cannot be read, has another structure, or holds several ladders.
    """
    ladders = load_ladders(path)
    if len(ladders) > 1:
        raise LadderError(f"{path}: holds {len(ladders)} ladders, expected one")
    return ladders[0]


def load_ladders(path: str | Path) -> tuple[Ladder, ...]:
    """Read the ladders that `save_ladders` wrote, one per codec.

    Raises
    ------
    LadderError
        If the file cannot be read or has another structure; the message names the location of the fault.
    """
    try:
        document = parse_json(read_regular_file(path, MAX_BYTES), str(path))
    except OSError as error:
        raise LadderError(f"{path}: {error.strerror or error}") from error
    except DocumentError as error:
        raise LadderError(f"{path}: not a ladder ({error.location}: {error.problem})") from error
    except ValueError as error:
        raise LadderError(f"{path}: not a ladder ({error})") from error
    if not document:
        raise LadderError(f"{path}: not a ladder (it is empty)")
    if not isinstance(document, list):
        return (_from_json(document, path, "$"),)
    return tuple(_from_json(each, path, f"$[{n}]") for n, each in enumerate(document))


def _to_json(ladder: Ladder) -> dict[str, Any]:
    document = asdict(ladder)
    for chunk in document["chunks"]:
        # chosen for each encode, and no part of a ladder
        del chunk["film_grain"]
    return {"version": FORMAT_VERSION, **document}


def _from_json(value: Any, path: str | Path, location: str) -> Ladder:
    """Return the ladder of a parsed document; `location` is its JSONPath in the file."""
    # the version comes first: another version has other fields
    if isinstance(value, dict) and value.get("version", FORMAT_VERSION) != FORMAT_VERSION:
        raise LadderError(f"{path}: not a ladder (made by another version of shotladder, at `{location}.version`)")
    _check_numbers(value, path, location)
    try:
        document = msgspec.convert(value, _Document)
    except (msgspec.ValidationError, RecursionError) as error:
        raise LadderError(f"{path}: not a ladder ({str(error).replace('`$', f'`{location}')})") from error
    if not document.rungs:
        raise LadderError(f"{path}: not a ladder (no rungs, at `{location}.rungs`)")
    for n, rung in enumerate(document.rungs):
        if len(rung.quantisers) != len(document.chunks):
            counts = f"{len(rung.quantisers)} quantisers for {len(document.chunks)} chunks"
            raise LadderError(f"{path}: not a ladder ({counts}, at `{location}.rungs[{n}].quantisers`)")
    fields = {name: getattr(document, name) for name in document.__struct_fields__ if name != "version"}
    return Ladder(**fields)


def _check_numbers(value: Any, path: str | Path, location: str) -> None:
    """Raise when a number is NaN, infinite or above `MAX_NUMBER`; the message names its place."""
    items: list[tuple[str, Any]] = [(location, value)]
    while items:
        place, each = items.pop()
        if isinstance(each, dict):
            items += [(f"{place}.{key}", child) for key, child in each.items()]
        elif isinstance(each, list):
            items += [(f"{place}[{n}]", child) for n, child in enumerate(each)]
        elif isinstance(each, int | float) and not abs(each) <= MAX_NUMBER:
            shown = f"{each:g}" if isinstance(each, float) else "an integer of many digits"
            problem = f"expected a number up to {MAX_NUMBER:g}, found {shown}"
            raise LadderError(f"{path}: not a ladder ({problem}, at `{place}`)")
