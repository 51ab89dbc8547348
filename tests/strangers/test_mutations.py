"""Mutated documents: each is read, or refused in one line that names the file, within a stated time."""

import json
import random
import signal
from contextlib import contextmanager

import numpy as np
import pytest

import abr
from ladders import load_ladder, save_ladder
from shotladder_runtime.errors import ShotladderError
from shotladder_runtime.tools import ffmpeg_path
from tests.abr.test_traces import FCC, PUFFER
from tests.ladders.test_ladder import LADDER
from tests.strangers.manifests import END, PLAYLIST, adaptation, dash, index, representation
from tests.strangers.mutations import mutate_bytes, mutate_json, mutate_text
from tests.strangers.test_dash_manifests import CASES as DASH_CASES
from tests.strangers.test_hls_manifests import CASES as HLS_CASES
from tests.strangers.test_network_traces import CASES as TRACE_CASES
from vmaf.models import embedded_models
from vmaf.models import load as load_model

#: mutations of each kind; CPU seconds that one of them may take
CASES_PER_KIND = 40
SECONDS = 20

STEADY = abr.Trace("steady", [10], [2.5e6], [0.05])
FILM = abr.Presentation("film", (abr.Rung("a", 500_000), abr.Rung("b", 10**6)), [2.0] * 3, np.full((3, 2), 100_000))
MOVIE = {"segment_duration_ms": 2000, "bitrates_kbps": [500, 900], "segment_sizes_bits": [[10**6, 2 * 10**6]] * 3}
PERIODS = [{"duration_ms": 1000, "bandwidth_kbps": 2000, "latency_ms": 80}] * 4
REPLAYED = {
    "version": 2,
    "title": "film",
    "segments": [{"start": 0.0, "duration": 2.0}, {"start": 2.0, "duration": 2.0}],
    "video": [
        {
            "id": f"h264-{height}p",
            "codec": "h264",
            "width": 2 * height,
            "height": height,
            "average_bitrate": 3000 * height,
            "segments": [{"bytes": 750 * height, "vmaf": 80.0, "url": "a"}] * 2,
        }
        for height in (90, 180)
    ],
    "audio": [{"segments": [{"duration": 4.0, "bytes": 64000}]}],
}
INDEXED = b"\0\0\0\x10ftypiso5\0\0\0\0" + index(2, 1000) + b"\0\0\x03\xe8moof" + bytes(992)


def text_of(name, *texts):
    return lambda folder, rng: write(folder / name, mutate_text(rng.choice(texts), rng))


def json_of(name, document):
    return lambda folder, rng: write(folder / name, mutate_json(document, rng))


def write(path, text):
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return path


def write_ladder(folder, rng):
    save_ladder(LADDER, folder / "ladder.json")
    return write(folder / "ladder.json", mutate_json(json.loads((folder / "ladder.json").read_text()), rng))


def write_model(folder, rng):
    model = json.loads(embedded_models(ffmpeg_path())["vmaf_v0.6.1"])
    lines = model["model_dict"]["model"].splitlines(keepends=True)
    model["model_dict"]["model"] = "".join(lines[:20])
    return write(folder / f"model{rng.random()}.json", mutate_json(model, rng))


def write_index(folder, rng):
    (folder / "a.mp4").write_bytes(mutate_bytes(INDEXED, rng))
    body = adaptation(representation("a", 8000, body=""))
    return write(folder / "x.mpd", dash(body, mpd='mediaPresentationDuration="PT2S"'))


def write_sizes(folder, rng):
    for number in range(3):
        (folder / f"video_size_{number}").write_bytes(mutate_bytes(b"1000\n2000\n3000\n", rng))
    return folder


def replay(path):
    abr.simulate(abr.load_presentation(path, audio=path.suffix in (".mpd", ".m3u8")), STEADY, "bba-2")


def replay_traces(path):
    for trace in abr.load_traces([path]):
        abr.simulate(FILM, trace, "throughput")


def assert_usable_ladder(path):
    ladder = load_ladder(path)
    assert repr(ladder)
    assert ladder.renditions()
    assert ladder.curve


VALID = [case.text for case in (DASH_CASES | HLS_CASES).values() if not case.error]
KINDS = {
    "mpd": (text_of("x.mpd", *(text for text in VALID if text.startswith("<"))), replay),
    "m3u8": (text_of("x.m3u8", PLAYLIST + END, *(text for text in VALID if text.startswith("#"))), replay),
    "sidx": (write_index, replay),
    "replayed presentation": (json_of("presentation.json", REPLAYED), replay),
    "movie": (json_of("movie.json", MOVIE), replay),
    "sizes": (write_sizes, replay),
    "trace": (text_of("trace", *(case.text for case in TRACE_CASES.values() if not case.error)), replay_traces),
    "sessions": (text_of("sessions.csv", PUFFER, FCC), replay_traces),
    "periods": (json_of("trace.json", PERIODS), replay_traces),
    "ladder": (write_ladder, assert_usable_ladder),
    "model": (write_model, lambda path: load_model(str(path))),
}


@contextmanager
def time_limit(seconds):
    def end(*_):
        raise TimeoutError(f"more than {seconds} s")

    # CPU time, because a loaded machine is slow
    before = signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def assert_read_or_refused(path, use):
    """Use a file; what it raises is one line of ours that names the file, or names what is played."""
    try:
        with time_limit(SECONDS):
            use(path)
    except ShotladderError as error:
        message = str(error)
        assert "\n" not in message
        assert "\x1b" not in message
        assert str(path) in message or "session" in message or "buffer" in message, message


@pytest.fixture(scope="module", autouse=True)
def compiled():
    """Compile what the cases run, which is not part of their time."""
    for policy in ("bba-2", "throughput"):
        abr.simulate(FILM, STEADY, policy)


@pytest.mark.parametrize("kind", KINDS)
def test_readers_refuse_mutated_documents_in_one_line(tmp_path, kind):
    make, use = KINDS[kind]
    for playlist in "vw":
        (tmp_path / playlist).write_text(PLAYLIST + END)
    for seed in range(CASES_PER_KIND):
        assert_read_or_refused(make(tmp_path, random.Random(f"{kind} {seed}")), use)
