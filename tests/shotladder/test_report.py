"""The sentences, the numbers and the page of a report, from presentations made by hand."""

import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

import msgspec
import numpy as np
import pytest

from encoder import SourceError
from ladders import HullPoint
from shotladder.commands.encode import planned_text
from shotladder.pipeline import encode_pipeline
from shotladder.pipeline.cost_estimate import Prices
from shotladder.report.chart import Axis, Series, draw_chart, time_ticks
from shotladder.report.encoder_versions import LIBRARIES, library_version
from shotladder.report.equal_quality import compare_rungs
from shotladder.report.frame_images import ReportImages
from shotladder.report.html_report import write_report
from shotladder.report.readable_units import format_time
from shotladder.report.report_tables import rung_rows
from shotladder.report.terminal_summary import render_summary
from shotladder.report.verdict import describe_reach, describe_saving, describe_weakest, weak_shots
from shotladder.reporter import Reporter
from shotladder_runtime.tools import ffmpeg_encoders
from tests.shotladder.presentations import make_presentation

HULL = [
    HullPoint(height, rate, min(99.0, 9 * np.log2(rate / 5000))) for height in (180, 360) for rate in (10**5, 10**6)
]


def write(path, presentation):
    write_report(path, presentation, {"h264": HULL}, ReportImages({}, ()))
    return path.read_text()


def test_compare_rungs_halves_the_bits_of_a_ladder_that_needs_twice_as_many():
    presentation = make_presentation()
    changes = compare_rungs(presentation, presentation.comparisons[0])
    assert [change.percent for change in changes[:3]] == pytest.approx([-50, -50, -50])
    assert changes[3].percent is None
    assert changes[0].equal_bitrate_vmaf == pytest.approx(80)
    assert changes[1].equal_bitrate_vmaf == pytest.approx(90)
    # the ladder does not reach the bitrate of the last rungs
    assert [change.equal_bitrate_vmaf for change in changes[2:]] == [None, None]


def test_describe_saving_gives_error_range_and_both_ends():
    presentation = make_presentation(fixed=[(1_250_000, 70.0), (2_000_000, 80.0), (2_500_000, 90.0)])
    assert describe_saving(presentation, presentation.comparisons[0]) == (
        "At equal quality, 50.0 % (± 2.0) fewer bits than Apple's fixed H.264 ladder (VMAF 70 to 90, 3 of its 3 rungs);"
        " from 60.0 % fewer bits at VMAF 70 to 20.0 % fewer bits at VMAF 90."
    )


def test_describe_saving_shows_the_rung_that_needs_more_bits():
    fixed = [(1_000_000, 70.0), (2_000_000, 80.0), (1_800_000, 90.0)]
    presentation = make_presentation(fixed=fixed)
    assert "11.1 % more bits at VMAF 90" in describe_saving(presentation, presentation.comparisons[0])


def test_describe_saving_without_a_common_range_gives_no_number():
    presentation = make_presentation(bd_rate=None)
    assert re.search(r"\d %", describe_saving(presentation, presentation.comparisons[0])) is None


def test_describe_reach_and_describe_weakest_count_shots_from_1():
    presentation = make_presentation()
    assert describe_reach(presentation) == "Reaches VMAF 90.0 at 2.00 Mbit/s and 640x360 (target VMAF 90)."
    assert "number 3 at 0:04: VMAF 88.0" in describe_weakest(presentation)
    assert [shot.index for shot in weak_shots(presentation, 2)] == [2, 1]


def test_describe_weakest_names_the_worst_frame_where_it_is_in_another_shot():
    presentation = make_presentation()
    top = presentation.video[-1]
    assert "worst frame." in describe_weakest(presentation)
    low = msgspec.structs.replace(top.shots[0], vmaf_min=12.5)
    top = msgspec.structs.replace(top, shots=[low, *top.shots[1:]])
    changed = msgspec.structs.replace(presentation, video=[*presentation.video[:-1], top])
    assert "number 3 at 0:04: VMAF 88.0" in describe_weakest(changed)
    assert describe_weakest(changed).endswith("The worst frame is in number 1 at 0:00: VMAF 12.5.")


@pytest.mark.parametrize("width", [60, 80, 120, None])
def test_render_summary_fits_the_width_and_names_every_rung(width):
    presentation = make_presentation()
    lines = render_summary(presentation, Path("out"), width).splitlines()
    assert width is None or max(map(len, lines)) <= width
    for rung in presentation.video:
        assert any(line.startswith(rung.id) for line in lines)
    assert lines[-1] == "next: shotladder play out"


def test_write_report_escapes_titles_and_has_a_table_behind_each_chart(tmp_path):
    text = write(tmp_path / "report.html", make_presentation())
    assert "<b>video" not in text
    assert text.count('role="img"') == 3
    for caption in ("rung by rung", "VMAF and bitrate of every shot", "Rungs, measured"):
        assert re.search(f"<caption>[^<]*{caption}", text)
    assert "<td>3 " in text or "<td>3</td>" in text, "shots with an active constraint are counted from 1"
    data = json.loads(re.search(r'id="data">(.*?)</script>', text)[1])
    assert data["rungs"][0]["vmaf"] == [70, 69, 68]


def test_write_report_of_two_hours_is_below_2_megabytes(tmp_path):
    text = write(tmp_path / "report.html", make_presentation(shots=1800))
    assert len(text) < 2_000_000


def test_write_report_states_no_saving_at_unequal_quality(tmp_path):
    text = write(tmp_path / "report.html", make_presentation())
    assert "77.0" not in text and "75.0 %" not in text


def test_draw_chart_escapes_and_places_its_points():
    x, y = Axis("<x>", 1, 100, [(10, "<10>")], is_log=True), Axis("y", 0, 10, [])
    drawn = draw_chart("<label>", x, y, [Series("", [(10, 5)], style="dots", texts=["<dot>"])])
    assert 'd="M500 500h0"' in drawn
    assert not re.search("<(x|10|label|dot)>", drawn)


@pytest.mark.parametrize(
    ("end", "texts"),
    [
        (2, ["0:00", "0:01", "0:02"]),
        (600, ["0:00", "2:00", "4:00", "6:00", "8:00", "10:00"]),
        (5400, ["0:00", "30:00", "1:00:00", "1:30:00"]),
    ],
)
def test_time_ticks_are_whole_seconds_minutes_or_hours(end, texts):
    assert [format_time(value) for value in time_ticks(end)] == texts


def test_draw_chart_places_labels_on_their_lines_apart_from_each_other_and_from_dots():
    x, y = Axis("x", 0, 100, []), Axis("y", 0, 100, [])
    lines = [
        Series("", [(20, 20), (40, 40), (60, 60)], style="thin", label="360p"),
        Series("", [(20, 20), (40, 45), (60, 70)], style="thin", label="720p"),
    ]
    drawn = draw_chart("chart", x, y, [*lines, Series("", [(20, 20)], style="rungs")])
    found = re.findall(r'"tick label c0" style="left:([\d.]+)%;bottom:([\d.]+)%">(\d+p)<', drawn)
    assert found == [("40.00", "40.00", "360p"), ("60.00", "70.00", "720p")]


def test_write_report_labels_the_curve_of_each_resolution(tmp_path):
    text = write(tmp_path / "report.html", make_presentation())
    assert re.findall(r'"tick label c0"[^>]*>(\d+p)<', text) == ["180p", "360p"]


def test_write_report_states_command_and_date_if_known(tmp_path):
    date = datetime(2026, 3, 1, 23, 30, tzinfo=timezone(timedelta(hours=-1)))
    path = tmp_path / "report.html"
    known = {"command_line": "shotladder encode 'a <b>.mp4'", "date": date}
    write_report(path, make_presentation(), {"h264": HULL}, ReportImages({}, ()), **known)
    text = path.read_text()
    assert "<dd>shotladder encode &#39;a &lt;b&gt;.mp4&#39;</dd>" in text
    assert "<dd>2026-03-02 00:30 UTC</dd>" in text
    assert "<dt>command" not in write(path, make_presentation())


def test_report_images_are_left_out_with_a_note_when_the_source_is_gone(monkeypatch, capsys):
    def fail(*_):
        raise SourceError("video.mp4: has changed since its inspection")

    monkeypatch.setattr(encode_pipeline, "make_report_images", fail)
    images = encode_pipeline._report_images(None, make_presentation(), Reporter())
    assert images == ReportImages({}, ())
    assert "the report shows no frames: video.mp4" in capsys.readouterr().err


def test_write_report_links_to_the_manifests_and_says_how_to_play(tmp_path):
    text = write(tmp_path / "report.html", make_presentation())
    links = re.findall(r'href="([^"]+)">([^<]+)<', text)
    assert {"manifest.mpd", "master.m3u8", "presentation.json"} <= {file for file, _ in links}
    assert "<code>shotladder play .</code>" in text


def test_write_report_states_the_versions_of_all_encoders(tmp_path):
    presentation = make_presentation()
    versions = msgspec.structs.replace(presentation.made_with, x264="165", x265="4.3", svt_av1="4.2.0", libvpx="1.17.0")
    text = write(tmp_path / "report.html", msgspec.structs.replace(presentation, made_with=versions))
    rows = dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]+)</dd>", text))
    assert [rows[name] for name in ("x264", "x265", "svt av1", "libvpx")] == ["165", "4.3", "4.2.0", "1.17.0"]


@pytest.mark.parametrize("encoder", LIBRARIES)
def test_library_version_reads_what_each_library_reports(encoder):
    if encoder not in ffmpeg_encoders():
        pytest.skip(f"this ffmpeg has no {encoder}")
    assert re.match(r"\d+\.\d+", library_version(encoder))


def test_planned_text_has_no_plural_of_one():
    planned = {"frames": 48, "shots": 1, "chunks": 1, "segments": 2, "sizes": ["64x36"], "workers": 1}
    planned |= {"predicted_cpu_seconds": {}, "predicted_wall_seconds": 1.0, "predicted_bytes": 9}
    text = planned_text(planned, 1, Prices())
    assert text.startswith("48 frames, 1 shot in 1 chunk and 2 segments; sizes 64x36")
    assert "with 1 worker;" in text


def test_rung_rows_show_one_quantiser_once():
    presentation = make_presentation()
    rungs = [msgspec.structs.replace(rung, quantisers=[30.5, 30.5]) for rung in presentation.video]
    rows = rung_rows(msgspec.structs.replace(presentation, video=rungs))
    assert {row[-1] for row in rows} == {"30.5"}
