"""Exported shots: timecodes, an edit decision list, an OpenTimelineIO document and CSV."""

import csv
import io
import json
import re
from fractions import Fraction
from types import SimpleNamespace

import pytest

from shotladder.commands.shots import EXPORTS
from shotladder.export.shot_export import (
    EXPORT_SUFFIXES,
    export_shots,
    format_timecode,
    render_csv,
    render_edl,
    render_otio,
)

RATE = Fraction(30000, 1001)
SHOTS = [
    SimpleNamespace(start=0, stop=90, transition="start", transition_frames=None),
    SimpleNamespace(start=90, stop=2000, transition="dissolve", transition_frames=(85, 95)),
]


@pytest.fixture
def source():
    return SimpleNamespace(
        path="/videos/é.mp4", frame_rate=RATE, frame_count=2000, time=lambda frame: Fraction(frame) / RATE
    )


@pytest.mark.parametrize(
    ("frame", "rate", "code"),
    [(89, RATE, "00:00:02:29"), (90, RATE, "00:00:03:00"), (25 * 3600, Fraction(25), "01:00:00:00")],
)
def test_format_timecode_counts_frames(frame, rate, code):
    assert format_timecode(Fraction(frame) / rate, rate) == code


def test_render_edl_has_one_cut_per_shot_and_only_ascii(source):
    text = render_edl(source, SHOTS)
    assert text.isascii()
    events = re.findall(r"^(\d{3})  AX       V     C        (\S+) (\S+) (\S+) (\S+)$", text, re.M)
    assert events == [
        ("001", "00:00:00:00", "00:00:03:00", "00:00:00:00", "00:00:03:00"),
        ("002", "00:00:03:00", "00:01:06:20", "00:00:03:00", "00:01:06:20"),
    ]
    assert "* DISSOLVE IN FRAMES 85 TO 94" in text


def test_render_otio_tiles_the_source(source):
    clips = json.loads(render_otio(source, SHOTS))["tracks"]["children"][0]["children"]
    spans = [(c["source_range"]["start_time"]["value"], c["source_range"]["duration"]["value"]) for c in clips]
    assert spans == [(0, 90), (90, 1910)]
    assert clips[0]["media_references"]["DEFAULT_MEDIA"]["available_range"]["duration"]["value"] == 2000


def test_render_csv_numbers_shots_from_1(source):
    rows = list(csv.DictReader(io.StringIO(render_csv(source, SHOTS))))
    assert [(row["shot"], row["last_frame"], row["start_timecode"]) for row in rows] == [
        ("1", "89", "00:00:00:00"),
        ("2", "1999", "00:00:03:00"),
    ]


def test_export_shots_chooses_the_format_by_suffix(source, tmp_path):
    assert EXPORTS == EXPORT_SUFFIXES
    for suffix, begin in ((".edl", "TITLE"), (".otio", "{"), (".csv", "shot,")):
        export_shots(source, SHOTS, tmp_path / f"shots{suffix}")
        assert (tmp_path / f"shots{suffix}").read_text().startswith(begin)
