"""The report that `shotladder encode` writes: one file without network that says what the presentation says."""

import base64
import re
from html.parser import HTMLParser

import cv2
import numpy as np

from tests.shotladder.running import FAST, shotladder


class Fetches(HTMLParser):
    """What a page would fetch, and what its links lead to."""

    def __init__(self):
        super().__init__()
        self.links = []
        self.found, self.headings, self.images, self.rows, self.figures = [], [], [], 0, 0
        self.inside = None

    def handle_starttag(self, tag, attributes):
        found = [v for k, v in attributes if k in ("src", "href", "data", "srcset", "action", "poster") and v]
        if tag == "a":
            self.links += found
        else:
            self.found += found
        self.images += [dict(attributes) for each in [tag] if each == "img"]
        self.rows += tag == "tr"
        self.figures += ("role", "img") in attributes
        self.inside = tag

    def handle_data(self, data):
        if self.inside == "h2" and data.strip():
            self.headings.append(data.strip())


def test_report_is_one_file_that_fetches_nothing(made):
    text = (made.folder / "report.html").read_text()
    page = Fetches()
    page.feed(text)
    assert [url for url in page.found if not url.startswith(("#", "data:"))] == []
    links = [url for url in page.links if not url.startswith("#")]
    assert links == ["manifest.mpd", "master.m3u8", "presentation.json"]
    assert all((made.folder / link).is_file() for link in links)
    styles = "".join(re.findall(r"<style>(.*?)</style>", text, re.S))
    assert "url(" not in styles and "@import" not in styles
    assert page.figures >= 3
    assert page.headings[:2] == ["Source", "Rungs and rate-quality curves"]
    assert len(text) < 2_000_000
    assert "VBV s" in text
    for rung in made.document["video"]:
        assert rung["id"] in text
        assert f"{rung['vmaf']['mean']:.1f}" in text
    constrained = any(shots for rung in made.document["video"] for shots in rung["active_constraints"].values())
    assert ("shots with an active constraint" in text) == constrained


def test_report_states_the_command_without_the_folders_of_this_machine_and_the_date(made):
    text = (made.folder / "report.html").read_text()
    (command,) = re.findall(r"<dt>command</dt><dd>(.*?)</dd>", text)
    assert command == " ".join(["shotladder", "encode", made.film.name, "-o", made.folder.name, *FAST])
    assert re.search(r"<dt>date</dt><dd>\d{4}-\d\d-\d\d \d\d:\d\d UTC</dd>", text)
    assert str(made.folder.parent) not in text


def test_report_begins_with_what_was_reached_saved_and_is_weakest(made):
    text = (made.folder / "report.html").read_text()
    top = made.document["video"][-1]
    verdicts = re.findall(r'<p class="verdict">(.*?)</p>', text)
    weakest = min(range(3), key=lambda n: top["shots"][n]["vmaf"])
    assert verdicts[0].startswith(f"Reaches VMAF {top['vmaf']['mean']:.1f} at ")
    assert "At equal quality" in verdicts[1] or "no common VMAF range" in verdicts[1]
    assert f"number {weakest + 1} at 0:{int(made.document['shots'][weakest]['start']):02}" in verdicts[2]
    # bits of all rungs and of the top rungs are of different qualities
    assert "bits of all rungs" not in text and "bits of the top rung" not in text


def test_report_shows_the_weakest_shots_beside_the_source(made):
    page = Fetches()
    page.feed((made.folder / "report.html").read_text())
    shots = len(made.document["shots"])
    assert len(page.images) == 3 * min(5, shots)
    sizes = set()
    for image in page.images:
        encoded = np.frombuffer(base64.b64decode(image["src"].split(",")[1]), np.uint8)
        sizes.add(cv2.imdecode(encoded, cv2.IMREAD_COLOR).shape)
        assert image["alt"].startswith("Frame ")
    assert sizes == {(90, 160, 3)}


def test_report_survives_a_title_that_is_markup(made, tmp_path):
    name = tmp_path / "<b>&film.mp4"
    name.write_bytes(made.film.read_bytes())
    answer = shotladder("encode", name, "-o", tmp_path / "out", *FAST, store=made.store)
    assert answer.status == 0
    assert "<b>&film" not in (tmp_path / "out" / "report.html").read_text()
    assert "&lt;b&gt;&amp;film" in (tmp_path / "out" / "report.html").read_text()
