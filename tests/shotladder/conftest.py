"""A small video and its presentation, made once for all tests."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.shotladder.running import FAST, Answer, shotladder, write_small_film


@dataclass(frozen=True)
class Made:
    """A finished run: source, output directory, store, printed lines and `presentation.json`."""

    film: Path
    folder: Path
    store: Path
    answer: Answer
    document: dict[str, Any]


@pytest.fixture(scope="session")
def film(tmp_path_factory) -> Path:
    return write_small_film(tmp_path_factory.mktemp("film") / "film.mp4")


@pytest.fixture(scope="session")
def made(film, tmp_path_factory) -> Made:
    folder = tmp_path_factory.mktemp("made")
    answer = shotladder("encode", film, "-o", folder / "out", *FAST, store=folder / "store")
    assert answer.status == 0, answer.err
    document = json.loads((folder / "out" / "presentation.json").read_text())
    return Made(film, folder / "out", folder / "store", answer, document)
