"""`presentation.json` as a typed value: reader, schema and page agree with the structs."""

import json
import random
from pathlib import Path

import jsonschema
import pytest

import shotladder
from shotladder.report.presentation_reader import RENAMED_KEYS, PresentationFormatError, load
from shotladder.report.presentation_schema import SCHEMA_FILE, presentation_schema, render_page, render_schema
from tests.strangers.mutations import mutate_json

REPOSITORY = Path(__file__).resolve().parents[2]


def rename_keys(value, names):
    if isinstance(value, dict):
        return {names.get(key, key): rename_keys(each, names) for key, each in value.items()}
    return [rename_keys(each, names) for each in value] if isinstance(value, list) else value


def test_render_schema_is_the_shipped_file():
    assert SCHEMA_FILE.read_text() == render_schema()


def test_render_page_is_the_documentation():
    assert (REPOSITORY / "docs" / "presentation.md").read_text() == render_page()


def test_presentation_schema_describes_every_key():
    for name, part in presentation_schema()["$defs"].items():
        for key, value in part["properties"].items():
            assert value.get("description"), f"{name}.{key}"


def test_presentation_schema_accepts_what_encode_writes(made):
    jsonschema.Draft202012Validator.check_schema(presentation_schema())
    jsonschema.validate(made.document, presentation_schema())
    wrong = json.loads(json.dumps(made.document))
    wrong["video"][0]["segments"][0]["bytes"] = "many"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, presentation_schema())


def test_load_returns_what_encode_wrote(made):
    assert load(made.folder).to_dict() == made.document
    assert shotladder.load(made.folder / "presentation.json") == load(made.folder)
    assert len(repr(load(made.folder))) < 120


def test_load_reads_version_1(made, tmp_path):
    old = {new: old for old, new in RENAMED_KEYS.items()}
    document = rename_keys(made.document, old) | {"version": 1}
    # one key of version 2 stands for two of version 1, which differ by place
    for rung in document["video"]:
        rung["held"]["jump"] = rung["held"].pop("max_jump")
    assert {"left_out"} <= set(document) and {"held", "buffer_rate"} <= set(document["video"][0])
    (tmp_path / "presentation.json").write_text(json.dumps(document))
    assert load(tmp_path) == load(made.folder)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "is not JSON"),
        ("[]", "version 1 or 2"),
        ('{"version": 3}', "version 1 or 2"),
        ('{"version": 2}', "missing required field `title`"),
    ],
)
def test_load_names_the_fault_of_a_file(tmp_path, text, fault):
    (tmp_path / "presentation.json").write_text(text)
    with pytest.raises(PresentationFormatError, match=fault):
        load(tmp_path)


def test_load_names_the_place_of_a_wrong_type(made, tmp_path):
    document = json.loads(json.dumps(made.document))
    document["video"][1]["segments"][0]["bytes"] = "many"
    (tmp_path / "presentation.json").write_text(json.dumps(document))
    with pytest.raises(PresentationFormatError, match=r"\$\.video\[1\]\.segments\[0\]\.bytes"):
        load(tmp_path)


def test_load_refuses_mutated_documents_in_one_line(made, tmp_path):
    for seed in range(40):
        text = mutate_json(made.document, random.Random(seed))
        (tmp_path / "presentation.json").write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            load(tmp_path)
        except PresentationFormatError as error:
            assert str(error).startswith(str(tmp_path))
            assert "\n" not in str(error)


def test_load_reports_a_missing_file(tmp_path):
    with pytest.raises(PresentationFormatError, match="cannot be read"):
        load(tmp_path)
