"""Runs the command in a process of its own, and writes the small video that most tests encode."""

import json
import os
import sys
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import jsonschema
import numpy as np

from samples import shotlist, sound
from samples.film import film_frames
from samples.painting import Size
from shotladder.report.presentation_schema import SCHEMA_FILE
from tests.command_server import run_command

REPOSITORY = Path(__file__).resolve().parents[2]
SIZE = Size(160, 90)
#: The start of the sample video: a title card, dunes after a fade through black, and 60 frames of a sea.
FRAMES, RATE = 228, 24
BEEP = 168 / RATE
FAST = ("--preset", "ultrafast", "--rungs", "2", "--target-vmaf", "85")


@dataclass(frozen=True)
class Answer:
    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return [line for line in self.err.splitlines() if line]


def command(*words: object, store: Path) -> tuple[list[str], dict[str, str]]:
    argv = [sys.executable, "-m", "shotladder.cli", *map(str, words)]
    return argv, os.environ | {"SHOTLADDER_STORE": str(store), "PYTHONPATH": str(REPOSITORY), "COLUMNS": "120"}


def shotladder(*words: object, store: Path, cwd: Path | None = None) -> Answer:
    argv, environment = command(*words, store=store)
    done = run_command(argv[3:], environment, cwd)
    if words[0] == "encode" and done.returncode == 0:
        validate_presentation(Path(cwd or "."), words)
    return Answer(done.returncode, done.stdout, done.stderr)


def validate_presentation(cwd: Path, words: tuple[object, ...]) -> None:
    """Compare the document that a run of `encode` wrote, if it wrote one, with the JSON Schema that ships."""
    document = cwd / str(words[words.index("-o") + 1]) / "presentation.json" if "-o" in words else None
    if document is not None and document.is_file():
        jsonschema.validate(json.loads(document.read_text()), json.loads(SCHEMA_FILE.read_text()))


def write_small_film(path: Path) -> Path:
    """Write the first seconds of the sample video, with a beep at the first frame of the sea."""
    samples = sound.soundtrack(FRAMES / RATE, (BEEP,))
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=RATE, options={"crf": "12", "preset": "veryfast", "threads": "1"})
        video.width, video.height, video.pix_fmt = SIZE.width, SIZE.height, "yuv420p"
        audio = container.add_stream("aac", rate=sound.RATE, layout="stereo")
        hop = sound.RATE // RATE
        for n, planes in enumerate(islice(film_frames(SIZE), FRAMES)):
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts, frame.time_base = n, Fraction(1, RATE)
            container.mux(video.encode(frame))
            piece = np.ascontiguousarray(samples[:, n * hop : (n + 1) * hop])
            sound_frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="stereo")
            sound_frame.sample_rate, sound_frame.pts, sound_frame.time_base = (
                sound.RATE,
                n * hop,
                Fraction(1, sound.RATE),
            )
            container.mux(audio.encode(sound_frame))
        container.mux(video.encode())
        container.mux(audio.encode())
    assert shotlist.first_frames()[:3] == (0, 72, 168)
    return path
