"""A small video and its presentation, made once for all tests."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.once import make_once
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
    return make_once(tmp_path_factory, "film", lambda folder: write_small_film(folder / "film.mp4")) / "film.mp4"


@pytest.fixture(scope="session")
def made(film, tmp_path_factory) -> Made:
    """Made by the first process of a test run; each process has a copy, to whose store its tests add artefacts."""

    def encode(folder: Path) -> None:
        answer = shotladder("encode", film, "-o", folder / "run/out", *FAST, store=folder / "run/store")
        assert answer.status == 0, answer.err
        (folder / "answer.json").write_text(json.dumps([answer.out, answer.err]))

    first = make_once(tmp_path_factory, "made", encode)
    folder = tmp_path_factory.mktemp("made") / "run"
    shutil.copytree(first / "run", folder)
    texts = json.loads((first / "answer.json").read_text())
    out, err = (text.replace(str(first / "run"), str(folder)) for text in texts)
    document = json.loads((folder / "out" / "presentation.json").read_text())
    return Made(film, folder / "out", folder / "store", Answer(0, out, err), document)
