"""TTML becomes cues at the right times."""

from fractions import Fraction

import pytest

from encoder import TrackError
from encoder.tracks.ttml import Cue, format_srt, merge_cues, parse_ttml

HEAD = (
    '<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter"'
    ' xmlns:ttm="http://www.w3.org/ns/ttml#metadata"'
)


def document(body: str, parameters: str = "") -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{HEAD} {parameters}><body>{body}</body></tt>'.encode()


def times(body: str, parameters: str = "") -> list[tuple[Fraction, Fraction | None]]:
    return [(cue.start, cue.stop) for cue in parse_ttml(document(body, parameters))]


@pytest.mark.parametrize(
    ("attributes", "parameters", "expected"),
    [
        ('begin="00:00:01.500" end="00:01:00"', "", (Fraction(3, 2), 60)),
        ('begin="1.5s" dur="500ms"', "", (Fraction(3, 2), 2)),
        ('begin="1h" end="61m"', "", (3600, 3660)),
        ('begin="00:00:01:12" end="50f"', 'ttp:frameRate="24"', (Fraction(3, 2), Fraction(50, 24))),
        ('begin="0s" end="30f"', 'ttp:frameRate="30" ttp:frameRateMultiplier="1000 1001"', (0, Fraction(1001, 1000))),
        ('begin="10000000t" end="20000000t"', 'ttp:tickRate="10000000"', (1, 2)),
        ('begin="25t" end="50t"', 'ttp:frameRate="25"', (1, 2)),
        ('begin="never" end="2s"', "", (0, 2)),
        ('begin="1s"', "", (1, None)),
    ],
)
def test_parse_ttml_reads_every_form_of_time(attributes, parameters, expected):
    assert times(f"<div><p {attributes}>text</p></div>", parameters) == [expected]


def test_parse_ttml_adds_the_times_of_parents_and_limits_cues_to_them():
    body = '<div begin="10s" end="14s"><p begin="1s" end="2s">a</p><p begin="3s" end="9s">b</p></div>'
    assert times(body) == [(11, 12), (13, 14)]


def test_parse_ttml_makes_a_cue_of_each_timed_span():
    body = '<p begin="1s" end="5s"><span begin="0s" end="1s">a</span><span begin="1s" end="2s">b</span></p>'
    assert parse_ttml(document(body)) == [Cue(Fraction(1), Fraction(2), "a"), Cue(Fraction(2), Fraction(3), "b")]


def test_parse_ttml_reads_utf16():
    (cue,) = parse_ttml(document('<p begin="0s" end="1s">été</p>').decode().replace("UTF-8", "UTF-16").encode("utf-16"))
    assert cue.text == "été"


def test_parse_ttml_keeps_lines_and_collapses_white_space():
    body = '<p begin="0s" end="1s">\n  Voilà <span>l\'été</span><br/>\n <br/> two\n   <ttm:desc>x</ttm:desc></p>'
    assert parse_ttml(document(body))[0].text == "Voilà l'été\ntwo"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"<tt", "not well-formed"),
        (b'<!DOCTYPE tt [<!ENTITY a "aaaa">]><tt/>', "declares entities"),
        ('<!DOCTYPE tt [<!ENTITY a "aaaa">]><tt/>'.encode("utf-16"), "declares entities"),
        (document("<div>" * 2000 + "</div>" * 2000), "nested too deeply"),
        (document("", 'ttp:frameRate="0"'), "invalid frame rate"),
        (document("", 'ttp:tickRate="many"'), "invalid frame rate or tick rate"),
        (document("", 'ttp:frameRateMultiplier="1 0"'), "invalid frame rate"),
    ],
)
def test_parse_ttml_refuses_documents_in_one_line(data, message):
    with pytest.raises(TrackError, match=message) as caught:
        parse_ttml(data)
    assert "\n" not in str(caught.value)


def test_merge_cues_joins_a_cue_that_spans_documents():
    both = document('<p begin="1s" end="3s">a</p><p begin="2500ms" end="4s">b</p>')
    samples = [(Fraction(0), Fraction(2), both), (Fraction(2), Fraction(4), both)]
    assert merge_cues(samples) == [Cue(Fraction(1), Fraction(3), "a"), Cue(Fraction(5, 2), Fraction(4), "b")]


def test_format_srt_numbers_cues():
    assert format_srt([Cue(Fraction(3661, 2), Fraction(7322, 4) + 5, "a\nb")]) == (
        "1\n00:30:30,500 --> 00:30:35,500\na\nb\n\n"
    )
