"""The report shows what viewers get, and `simulate --report` replaces that section in place."""

from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from click.testing import CliRunner

import abr
from shotladder.cli import group
from shotladder.report.viewers.session_page import BEGIN, END
from shotladder.report.viewers.viewers_section import ReportError, add_viewers_section, draw_viewers, simulate_viewers


class Texts(HTMLParser):
    """Collects the texts of a page, and checks that every element is closed."""

    def __init__(self):
        super().__init__()
        self.open, self.texts = [], []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meter", "br", "img", "meta", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag != "meter":
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data.strip())


@pytest.fixture(scope="module")
def results():
    rungs = (abr.Rung("low", 600_000, height=360), abr.Rung("high", 2_400_000, height=1080))
    sizes = np.full((12, 2), [300_000, 1_200_000])
    vmaf = np.full((12, 2), [70.0, 95.0])
    pres = abr.Presentation("video", rungs, np.full(12, 4.0), sizes, vmaf)
    traces = [abr.Trace(f"{rate}", [60], [rate], [0.05]) for rate in (0.7e6, 1.5e6, 6e6)]
    starts = abr.start_offsets(traces, 2, 0)
    return simulate_viewers(
        pres, traces, ["bba-2", "throughput"], ["tv-1080p", "phone"], starts=starts, model=abr.MODES["default"]
    )


def test_simulate_viewers_has_an_arm_per_policy_and_device(results):
    names = [arm.name for arm in results.arms]
    assert len(names) == 4
    assert names[0].startswith("bba-2") and names[0].endswith("tv-1080p")
    assert {len(arm.values["rebuffer_ratio"]) for arm in results.arms} == {6}
    # the middle one of three networks
    assert results.session.trace == "1500000.0"


def test_draw_viewers_states_the_error_of_the_model_of_a_web_player(results):
    assert "compared with" not in str(draw_viewers(results))
    lines = (abr.describe_validation("hlsjs"), abr.describe_validation("bba-2"))
    page = str(draw_viewers(replace(results, validations=lines)))
    assert f"{abr.player_validations()['hlsjs']} (mean difference" in page
    assert "bba-2: compared with no player yet" in page


def test_draw_viewers_states_the_means_of_the_table(results):
    page = Texts()
    page.feed(str(draw_viewers(results)))
    assert page.open == []
    mean = float(np.mean(results.arms[0].values["vmaf_mean"]))
    assert f"{mean:.1f}" in page.texts
    assert any(text.startswith("24 simulated sessions on 3 network traces") for text in page.texts)


def test_add_viewers_section_replaces_an_earlier_one(results, tmp_path):
    report = tmp_path / "report.html"
    report.write_text(f"<main>before{BEGIN}old{END}after</main>")
    section = draw_viewers(results)
    for _ in range(2):
        add_viewers_section(report, section)
    page = report.read_text()
    assert page.count('id="viewers"') == 1 and "old" not in page
    assert page.startswith("<main>before") and page.endswith("after</main>")


def test_add_viewers_section_refuses_a_report_without_its_place(results, tmp_path):
    report = tmp_path / "report.html"
    report.write_text("<main></main>")
    with pytest.raises(ReportError, match="has no place"):
        add_viewers_section(report, draw_viewers(results))
    assert report.read_text() == "<main></main>"


def test_simulate_refuses_a_report_that_does_not_exist(tmp_path):
    words = ["simulate", str(tmp_path), "--traces", str(tmp_path), "--report"]
    answer = CliRunner().invoke(group, words)
    assert answer.exit_code == 2
    assert "report.html" in answer.output


def test_simulate_report_adds_the_section_of_all_devices(made, tmp_path):
    trace = tmp_path / "trace.csv"
    trace.write_text("time_s,throughput_bps\n" + "".join(f"{n},{rate}\n" for n, rate in enumerate((4e5, 9e5, 2e5) * 9)))
    words = ["simulate", str(made.folder), "--traces", str(trace), "--policy", "bba-2", "--report", "--quiet"]
    before = (made.folder / "report.html").read_text()
    try:
        answer = CliRunner().invoke(group, words)
        assert answer.exit_code == 0, answer.output
        page = (made.folder / "report.html").read_text()
    finally:
        (made.folder / "report.html").write_text(before)
    assert BEGIN in before and 'id="viewers"' not in before
    assert all(f", {device}<" in page for device in ("phone", "tv-1080p", "tv-4k"))
