"""Ladders as values and as files."""

import json
import math
import sys
from dataclasses import replace

import pytest

from encoder import Chunk, Segment, inspect
from ladders import (
    HullPoint,
    Ladder,
    LadderError,
    ProbeCost,
    Rung,
    load_ladder,
    load_ladders,
    save_ladder,
    save_ladders,
)
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


def test_load_ladder_returns_the_saved_ladder(tmp_path):
    save_ladder(LADDER, tmp_path / "ladder.json")
    assert load_ladder(tmp_path / "ladder.json") == LADDER


def test_renditions_have_the_settings_of_the_rungs():
    low, high = LADDER.renditions()
    assert (low.id, low.width, low.height, low.preset, low.peak_rate) == ("h264-234p-145k", 416, 234, "fast", None)
    assert (high.id, high.peak_rate, high.buffer_size) == ("h264-720p-1500k", 3_000_000, 3_000_000)


def test_renditions_have_unique_names():
    rungs = tuple(replace(LADDER.rungs[0], rate=rate) for rate in (100, 400, 900, 1400, 1499))
    assert len({r.id for r in replace(LADDER, rungs=rungs).renditions()}) == 5


def test_check_belongs_to_rejects_another_source(tmp_path):
    source = inspect(write_video(tmp_path / "film.mp4", 99))
    replace(LADDER, content_id=source.content_id).check_belongs_to(source)
    with pytest.raises(LadderError, match=r"another source than .*film\.mp4"):
        LADDER.check_belongs_to(source)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"chunks": LADDER.chunks[:1]}, "cover every frame"),
        ({"segments": LADDER.segments[:1]}, "segments"),
        ({"segments": (Segment(0, 31), Segment(31, 99))}, "key frame"),
        ({"rungs": (replace(LADDER.rungs[0], width=127),)}, "even"),
        ({"rungs": (replace(LADDER.rungs[0], quantisers=(99.0, 28.0)),)}, "quantiser"),
        ({"overrides": ("absent", "")}, "encoder overrides unknown for h264 preset fast"),
        ({"overrides": ("",)}, "encoder overrides unknown for h264 preset fast"),
    ],
)
def test_check_belongs_to_rejects_a_ladder_that_cannot_be_encoded(tmp_path, change, said):
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
def test_load_ladder_rejects_other_documents(tmp_path, spoil):
    path = tmp_path / "ladder.json"
    save_ladder(LADDER, path)
    path.write_text(spoil(path.read_text(), json.loads(path.read_text())))
    with pytest.raises(LadderError, match=r"ladder\.json: ") as caught:
        load_ladder(path)
    assert "\n" not in str(caught.value)


def test_load_ladder_rejects_binary_files(tmp_path):
    (tmp_path / "ladder.json").write_bytes(bytes(range(256)))
    with pytest.raises(LadderError, match="not a ladder"):
        load_ladder(tmp_path / "ladder.json")


def test_load_ladder_refuses_a_file_of_several_ladders(tmp_path):
    save_ladders([LADDER, replace(LADDER, codec="hevc")], tmp_path / "ladder.json")
    assert [ladder.codec for ladder in load_ladders(tmp_path / "ladder.json")] == ["h264", "hevc"]
    with pytest.raises(LadderError, match=r"ladder\.json: holds 2 ladders, expected one$"):
        load_ladder(tmp_path / "ladder.json")


def test_load_ladder_reports_a_missing_file(tmp_path):
    with pytest.raises(LadderError, match=r"nowhere\.json: No such file"):
        load_ladder(tmp_path / "nowhere.json")
    with pytest.raises(LadderError, match="directory"):
        load_ladder(tmp_path)


def test_load_ladder_names_the_location_of_a_fault(tmp_path):
    path = tmp_path / "ladder.json"
    save_ladder(LADDER, path)
    data = json.loads(path.read_text())
    data["rungs"][1]["rate"] = "fast"
    path.write_text(json.dumps(data))
    with pytest.raises(LadderError, match=r"`\$\.rungs\[1\]\.rate`"):
        load_ladder(path)
    path.write_text(json.dumps([json.loads(json.dumps(data)) | {"rungs": []}]))
    with pytest.raises(LadderError, match=r"`\$\[0\]\.rungs`"):
        load_ladder(path)


def test_repr_is_one_short_line():
    assert repr(LADDER) == ("Ladder(per-shot, h264, 2 rungs, 234p 145 kbit/s to 720p 1500 kbit/s, VMAF 61.5 to 93.5)")
    assert LADDER._repr_html_().count("<tr>") == 3


def test_curve_interpolates_between_rungs():
    middle = (145_000 * 1_500_000) ** 0.5
    assert LADDER.curve.vmaf_at(middle) == pytest.approx((61.5 + 93.5) / 2)
    assert LADDER.curve.bitrate_at((61.5 + 93.5) / 2) == pytest.approx(middle)
    assert math.isnan(LADDER.curve.vmaf_at(1e9))
    assert LADDER.hull_curve.bitrates == (100_000, 1_500_000)


def test_compare_gives_the_bd_rate_against_the_other_ladder():
    double = replace(LADDER, rungs=tuple(replace(rung, rate=2 * rung.rate) for rung in LADDER.rungs))
    assert double.compare(LADDER).percent == pytest.approx(100)
    assert LADDER.compare(double).percent == pytest.approx(-50)


def test_to_pandas_has_one_row_per_rung():
    table = LADDER.to_pandas()
    assert table.id.tolist() == ["h264-234p-145k", "h264-720p-1500k"]
    assert table.bitrate.tolist() == [145_000, 1_500_000]
    assert table.max_quantiser.tolist() == [30.25, 24.0]


def test_plot_draws_the_hull_and_the_rungs():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    axes = LADDER.plot()
    assert [line.get_label() for line in axes.lines] == ["720p", "rungs"]
    assert LADDER.plot(axes) is axes
    pyplot.close(axes.figure)


def test_missing_package_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pandas is not installed: pip install 'shotladder\[pandas\]'"):
        LADDER.to_pandas()
