"""Documents that are nested more deeply than a reader can follow are refused in one line."""

import json

import pytest
from click.testing import CliRunner

import abr
import delivery
from delivery.fill import site_file
from delivery.publishing.publication import DOCUMENT, read_publication
from delivery.steering import steering_server
from encoder import load_keys
from encoder.codecs import codec_file
from shotladder import ShotladderError
from shotladder.cli import group
from shotladder.pipeline import output
from shotladder.pipeline.source import zones
from shotladder_runtime.store import Store

#: More levels than Python and msgspec follow.
DEPTH = 60_000
JSON = '{"x": ' + DEPTH * "[" + DEPTH * "]" + "}"
TOML = "x = " + DEPTH * "[" + DEPTH * "]"

#: What each file of a user is read by.
READERS = {
    "edges": (TOML, delivery.read_edges),
    "sites": (TOML, delivery.read_sites),
    "steering": (TOML, delivery.read_steering_config),
    "zones": (TOML, zones.read_zones),
    "codecs": (TOML, codec_file.read_codec_file),
    "a fill plan": (JSON, site_file.read_held),
    "keys": (JSON, load_keys),
    "a trace": (JSON, abr.load_trace),
    "a presentation": (JSON, abr.load_presentation),
}


@pytest.mark.parametrize("name", READERS)
def test_readers_refuse_a_document_that_is_nested_too_deeply(tmp_path, name):
    text, read = READERS[name]
    path = tmp_path / "file.json"
    path.write_text(text)
    with pytest.raises(ShotladderError, match=r"^[^\n]*file\.json[^\n]*$"):
        read(path)


def test_encode_refuses_settings_that_are_nested_too_deeply(tmp_path):
    (tmp_path / "settings.toml").write_text(TOML)
    result = CliRunner().invoke(group, ["encode", "a.mp4", "-o", "out", "--config", str(tmp_path / "settings.toml")])
    assert result.exit_code == 2
    assert "cannot be read (maximum recursion depth exceeded" in " ".join(result.output.split())


def test_store_refuses_a_marker_that_is_nested_too_deeply(tmp_path):
    (tmp_path / "shotladder-store.json").write_text(JSON)
    with pytest.raises(ShotladderError, match=r"^[^\n]*shotladder-store\.json: is damaged[^\n]*$"):
        Store(tmp_path).write_json("probe", {"q": 1}, 7)


def test_read_publication_refuses_a_document_that_is_nested_too_deeply(tmp_path):
    (tmp_path / DOCUMENT).write_text(JSON)
    with pytest.raises(delivery.PublishError, match=r"is damaged \(maximum recursion depth exceeded"):
        read_publication(delivery.open_target(tmp_path))


def test_read_load_finds_no_load_in_an_answer_that_is_nested_too_deeply():
    # the check of an edge ended for ever
    assert steering_server._read_load(JSON.encode()) is None


def test_completed_request_finds_none_in_a_document_that_is_nested_too_deeply(tmp_path):
    path = tmp_path / "presentation.json"
    path.write_text(json.dumps({"request": "abc"}))
    assert output.completed_request(tmp_path) == "abc"
    path.write_text(JSON)
    assert output.completed_request(tmp_path) is None
