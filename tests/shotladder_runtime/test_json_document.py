"""JSON documents: typed values, and faults that name the file and the location."""

import math
import pickle
from typing import Annotated

import msgspec
import pytest

from shotladder_runtime.errors import DocumentError, ShotladderError
from shotladder_runtime.json_document import check_finite, check_structure, parse_json


class Segment(msgspec.Struct):
    bytes: Annotated[float, msgspec.Meta(gt=0)]
    vmaf: float | None = None


class Rendition(msgspec.Struct):
    segments: list[Segment]


class Document(msgspec.Struct):
    video: list[Rendition]


def test_parse_json_accepts_nan():
    assert math.isnan(parse_json("[NaN]", "a.json")[0])


@pytest.mark.parametrize(
    ("text", "location", "problem"),
    [
        ('{\n"a": 1,\n', "line 3", "not valid JSON: Expecting property name enclosed in double quotes"),
        ("[" * 200_000, "$", "not valid JSON: it is nested too deeply"),
        ("1" * 5000, "$", "not valid JSON: an integer has too many digits"),
    ],
)
def test_parse_json_names_the_line_of_a_fault(text, location, problem):
    with pytest.raises(DocumentError) as caught:
        parse_json(text, "a.json")
    assert (caught.value.file, caught.value.location, caught.value.problem) == ("a.json", location, problem)


def document(**segment):
    return {"video": [{"segments": [{"bytes": 7, "other": []}, segment]}], "unknown": {}}


def test_check_structure_returns_typed_values_and_ignores_unknown_keys():
    assert check_structure(document(bytes=2.5, vmaf=90), Document, "a.json").video[0].segments[1] == Segment(2.5, 90)


@pytest.mark.parametrize(
    ("segment", "location", "problem"),
    [
        ({"bytes": "big"}, "$.video[0].segments[1].bytes", "expected `float`, got `str`, found 'big'"),
        ({"bytes": 0}, "$.video[0].segments[1].bytes", "expected `float` > 0.0, found 0"),
        ({"bytes": True}, "$.video[0].segments[1].bytes", "expected `float`, got `bool`, found True"),
        ({}, "$.video[0].segments[1]", "object missing required field `bytes`"),
    ],
)
def test_check_structure_names_file_and_location_of_a_fault(segment, location, problem):
    with pytest.raises(DocumentError) as caught:
        check_structure(document(**segment), Document, "a.json")
    assert str(caught.value) == f"a.json: {location}: {problem}"
    assert isinstance(caught.value, ShotladderError)
    assert isinstance(caught.value, ValueError)


def test_check_structure_takes_numbers_in_strings_only_when_not_strict():
    assert check_structure([{"bytes": "7"}], list[Segment], "a.json", strict=False) == [Segment(7.0)]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_check_finite_refuses_what_json_has_no_number_for(value):
    assert check_finite(3.5, "a.json", "$.x") == 3.5
    with pytest.raises(DocumentError, match=r"a.json: \$\.x: expected a finite number"):
        check_finite(value, "a.json", "$.x")


def test_document_error_can_be_pickled():
    error = pickle.loads(pickle.dumps(DocumentError("a.json", "$.x", "expected `int`")))
    assert (str(error), error.location) == ("a.json: $.x: expected `int`", "$.x")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[" * 200_000, "it is nested too deeply"),
        ("9" * 5000, "an integer has too many digits"),
        ('[1,\n"\\ud800"]', "line 2: a text has half of a surrogate pair"),
        ('["\\ud83d\\ude00",\n', "line 2: not valid JSON"),
    ],
)
def test_parse_json_refuses_in_one_line_what_python_cannot_hold(text, fault):
    with pytest.raises(DocumentError, match=rf"^a\.json: .*{fault}[^\n]*$"):
        parse_json(text, "a.json")


def test_parse_json_takes_a_whole_surrogate_pair():
    assert parse_json('"\\ud83d\\ude00"', "a.json") == "\U0001f600"
