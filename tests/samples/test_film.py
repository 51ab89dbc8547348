"""The sample video matches its ground truth, in video and audio, and is the same in every run."""

import hashlib
import json
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from samples import brushes, shotlist
from samples.film import film_frames, make_film
from samples.painting import Painter, Size

SMALL = Size(160, 90)


@pytest.fixture(scope="module")
def luma() -> np.ndarray:
    return np.stack([planes[: SMALL.height] for planes in film_frames(SMALL)]).astype(np.float32)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_film(tmp_path_factory.mktemp("film") / "film.mp4", width=SMALL.width, height=SMALL.height, crf=20)


def test_make_film_has_the_documented_structure() -> None:
    truth = shotlist.truth()
    seconds = [shot["frame_count"] / 24 for shot in truth["shots"]]
    assert len(seconds) >= 14
    assert min(seconds) >= 1
    assert max(seconds) <= 8
    assert 40 <= sum(seconds) <= 60
    assert sorted(g["kind"] for g in truth["gradual"]) == ["dissolve", "fade_in", "fade_out", "wipe"]
    assert truth["flashes"]


def test_film_frames_have_a_peak_of_frame_difference_at_every_cut(luma: np.ndarray) -> None:
    change = np.r_[0, np.abs(np.diff(luma, axis=0)).mean((1, 2))]
    for cut in shotlist.truth()["cuts"]:
        # in the forest all frames differ a lot: there the side with less change decides
        calmer = min(change[cut - 6 : cut].max(), change[cut + 1 : cut + 7].max())
        assert change[cut] > max(2.5 * calmer, 8), cut


def test_film_frames_change_abruptly_at_cuts_and_flashes_only(luma: np.ndarray) -> None:
    truth = shotlist.truth()
    change = np.r_[0, np.abs(np.diff(luma, axis=0)).mean((1, 2))]
    known = set(truth["cuts"]) | {n for f in truth["flashes"] for n in range(f["start"], f["stop"] + 1)}
    calm = [n for n in range(1, len(change) - 1) if n not in known]
    jumps = [n for n in calm if change[n] > 4 + 2.5 * max(change[n - 1], change[n + 1])]
    assert jumps == []


def test_film_frames_of_fades_are_mixtures_with_black_and_adjacent_ones_are_not(luma: np.ndarray) -> None:
    out = next(g for g in shotlist.truth()["gradual"] if g["kind"] == "fade_out")
    clean = luma[0] - 16  # the title is a still frame
    weights = [
        float(((luma[n] - 16) * clean).sum() / (clean * clean).sum()) for n in range(out["start"] - 1, out["stop"] + 1)
    ]
    assert weights[0] == 1
    assert all(0 < w < 1 for w in weights[1:-1])
    assert weights == sorted(weights, reverse=True)
    assert not (luma[out["stop"]] - 16).any()


def test_film_frames_of_the_wipe_have_one_edge_over_the_old_shot(luma: np.ndarray) -> None:
    truth = shotlist.truth()
    wipe = next(g for g in truth["gradual"] if g["kind"] == "wipe")
    number = next(k for k, shot in enumerate(shotlist.SHOTS) if shot.opens == "wipe")
    old, new = (shotlist.SHOTS[k].scene(SMALL) for k in (number - 1, number))
    starts = shotlist.first_frames()
    edges = []
    for n in range(wipe["start"], wipe["stop"]):
        is_old = (luma[n] == _luma(old, (n - starts[number - 1]) / 24)).all(0)
        is_new = (luma[n] == _luma(new, (n - starts[number]) / 24)).all(0)
        edge = int(np.argmin(is_new))
        assert is_new[:edge].all()
        assert is_old[edge:].all()
        edges.append(edge)
    assert edges == sorted(set(edges))
    assert 0 < edges[0] <= edges[-1] < SMALL.width


def _luma(painter: Painter, time: float) -> np.ndarray:
    canvas = SMALL.canvas()
    painter(canvas, time)
    planes = [np.empty((SMALL.height // d, SMALL.width // d), np.uint8) for d in (1, 2, 2)]
    brushes.to_planes(canvas, np.zeros((2, 2), np.float32), 0, 0, 0.0, *planes)
    return planes[0]


def test_film_frames_after_the_flash_equal_those_before_it(luma: np.ndarray) -> None:
    (flash,) = shotlist.truth()["flashes"]
    level = luma.mean((1, 2))
    lit = level[flash["start"] : flash["stop"]]
    before, after = level[flash["start"] - 1], level[flash["stop"]]
    assert lit.min() > max(before, after) + 5
    assert abs(before - after) < 4


def test_make_film_gives_the_same_bytes_in_two_runs() -> None:
    def digest() -> str:
        total = hashlib.sha256()
        for planes in islice(film_frames(Size(96, 54)), 0, None, 5):
            total.update(planes)
        return total.hexdigest()

    assert digest() == digest()


def test_make_film_starts_beeps_within_a_fifth_of_a_millisecond_of_their_frames(film: Path) -> None:
    with av.open(film) as container:
        heard = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    window = 48
    tone = np.exp(-2j * np.pi * 3000 / 48000 * np.arange(window))
    for beep in json.loads(film.with_suffix(".truth.json").read_text())["beeps"]:
        at = round(beep["time"] * 48000)
        assert at == beep["frame"] * 2000
        near = np.abs(np.convolve(heard[at - 4800 : at + 4800], tone, "valid"))
        # the window is half full when half of the beep has played
        onset = int(np.argmax(near > near.max() / 2)) + window // 2 - 4800
        assert abs(onset) / 48 < 0.15, beep


def test_make_film_writes_tags_exact_times_and_a_fast_start(film: Path) -> None:
    assert film.read_bytes().index(b"moov") < film.read_bytes().index(b"mdat")
    with av.open(film) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        context = video.codec_context
        assert (context.color_primaries, context.color_trc, context.colorspace, context.color_range) == (1, 1, 1, 1)
        assert (audio.codec_context.name, audio.rate, audio.layout.name) == ("aac", 48000, "stereo")
        times = [frame.pts * video.time_base for frame in container.decode(video=0)]
    assert times == [Fraction(n, 24) for n in range(shotlist.frame_count())]


def test_make_film_leaves_no_partial_file(film: Path, tmp_path: Path) -> None:
    assert sorted(p.name for p in film.parent.iterdir()) == ["film.mp4", "film.truth.json"]

    def stop(done: int, _total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_film(tmp_path / "cut.mp4", width=96, height=54, progress=stop)
    assert list(tmp_path.iterdir()) == []
