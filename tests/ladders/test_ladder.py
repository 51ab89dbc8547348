"""A ladder comes back from its file as it was; what is no ladder is told in a line."""

import json
from dataclasses import replace

import pytest

from encoder import Chunk, Segment, inspect
from ladders import HullPoint, Ladder, LadderError, ProbeCost, Rung, load_ladder, save_ladder
from tests.encoder.videos import write_video

LADDER = Ladder(
    mode="per-shot",
    codec="h264",
    preset="fast",
    tune="visual",
    target=93.5,
    content_id="abc",
    chunks=(Chunk(0, 50, (0, 30), (0,)), Chunk(50, 99, (50,), (1, 2))),
    segments=(Segment(0, 30), Segment(30, 99)),
    rungs=(Rung(416, 234, (30.25, 28.0), 145_000, 61.5), Rung(1280, 720, (24.0, 22.5), 1_500_000, 93.5, 3_000_000)),
    hull=(HullPoint(720, 100_000, 40.0), HullPoint(720, 1_500_000, 93.5)),
    cost=ProbeCost(24, 12.5, 30.25),
)


def test_a_ladder_comes_back_from_its_file(tmp_path):
    save_ladder(LADDER, tmp_path / "ladder.json")
    assert load_ladder(tmp_path / "ladder.json") == LADDER


def test_renditions_are_what_the_rungs_ask_for():
    low, high = LADDER.renditions()
    assert (low.id, low.width, low.height, low.preset, low.peak_rate) == ("h264-234p-145k", 416, 234, "fast", None)
    assert (high.id, high.peak_rate, high.buffer_size) == ("h264-720p-1500k", 3_000_000, 3_000_000)


def test_rungs_of_nearly_one_rate_have_names_of_their_own():
    rungs = tuple(replace(LADDER.rungs[0], rate=rate) for rate in (100, 400, 900, 1400, 1499))
    assert len({r.id for r in replace(LADDER, rungs=rungs).renditions()}) == 5


def test_a_ladder_is_for_one_film(tmp_path):
    source = inspect(write_video(tmp_path / "film.mp4", 99))
    replace(LADDER, content_id=source.content_id).check_belongs_to(source)
    with pytest.raises(LadderError, match=r"another film than .*film\.mp4"):
        LADDER.check_belongs_to(source)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"chunks": LADDER.chunks[:1]}, "cover every frame"),
        ({"segments": LADDER.segments[:1]}, "segments"),
        ({"segments": (Segment(0, 31), Segment(31, 99))}, "key frame"),
        ({"rungs": (replace(LADDER.rungs[0], width=127),)}, "even"),
        ({"rungs": (replace(LADDER.rungs[0], quantisers=(99.0, 28.0)),)}, "quantiser"),
    ],
)
def test_a_ladder_that_cannot_be_encoded_is_told_before_any_work(tmp_path, change, said):
    source = inspect(write_video(tmp_path / "film.mp4", 99))
    ladder = replace(LADDER, content_id=source.content_id, **change)
    with pytest.raises(LadderError, match=said):
        ladder.check_belongs_to(source)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text, data: "",
        lambda text, data: "film",
        lambda text, data: text[:-20],
        lambda text, data: "[1, 2]",
        lambda text, data: '"ladder"',
        lambda text, data: "null",
        lambda text, data: json.dumps(data | {"version": 1}),
        lambda text, data: json.dumps({k: v for k, v in data.items() if k != "version"}),
        lambda text, data: json.dumps({k: v for k, v in data.items() if k != "rungs"}),
        lambda text, data: json.dumps(data | {"more": 1}),
        lambda text, data: json.dumps(data | {"chunks": 5}),
        lambda text, data: json.dumps(data | {"chunks": [[0, 99]]}),
        lambda text, data: json.dumps(data | {"chunks": data["chunks"][:1]}),
        lambda text, data: json.dumps(data | {"rungs": []}),
    ],
)
def test_what_is_no_ladder_is_told(tmp_path, spoil):
    path = tmp_path / "ladder.json"
    save_ladder(LADDER, path)
    path.write_text(spoil(path.read_text(), json.loads(path.read_text())))
    with pytest.raises(LadderError, match=r"ladder\.json: ") as caught:
        load_ladder(path)
    assert "\n" not in str(caught.value)


def test_bytes_are_no_ladder(tmp_path):
    (tmp_path / "ladder.json").write_bytes(bytes(range(256)))
    with pytest.raises(LadderError, match="not a ladder"):
        load_ladder(tmp_path / "ladder.json")


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(LadderError, match=r"nowhere\.json: No such file"):
        load_ladder(tmp_path / "nowhere.json")
    with pytest.raises(LadderError, match="directory"):
        load_ladder(tmp_path)
