"""`shotladder publish` prints one document or one line, and names faults in one line."""

import json

import pytest

from tests.shotladder.running import shotladder


def test_publish_command_prints_what_it_did(presentations, tmp_path):
    answer = shotladder("publish", presentations["first"], tmp_path / "target", "--json", store=tmp_path)
    assert answer.status == 0, answer.err
    document = json.loads(answer.out)
    assert document["manifests"] == [f"{tmp_path}/target/{name}" for name in ("manifest.mpd", "master.m3u8")]
    assert document["sent_bytes"] == document["bytes"] > 0
    assert "not published, because no manifest names them: presentation.json" in answer.err
    gone = shotladder("publish", "--unpublish", tmp_path / "target", "--json", store=tmp_path)
    assert gone.status == 0, gone.err
    assert len(json.loads(gone.out)["deleted"]) == len(document["sent"])
    assert list((tmp_path / "target").iterdir()) == []


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["{first}", "http://a:s3cret@127.0.0.1:1/x"], "error: http://127.0.0.1:1/x: cannot be reached"),
        (["{first}", "nowhere://a:s3cret@host/x"], "error: nowhere://host/x: cannot be used"),
        (["{empty}", "target"], "contains no DASH manifest and no HLS master playlist"),
        (["{first}", "/proc/target"], "error: /proc/target: cannot be written"),
        (["--unpublish", "{empty}"], "holds no published presentation"),
    ],
)
def test_publish_command_names_a_fault_in_one_line(presentations, tmp_path, words, fault):
    (tmp_path / "empty").mkdir()
    places = {"first": presentations["first"], "empty": tmp_path / "empty"}
    answer = shotladder("publish", *(w.format(**places) for w in words), "--quiet", store=tmp_path, cwd=tmp_path)
    assert answer.status == 1
    assert len(answer.lines) == 1 and fault in answer.err and "s3cret" not in answer.err


def test_publish_command_writes_pathways(presentations, tmp_path):
    words = ["--pathway", "a=http://a/x", "--pathway", "b=http://b/x", "--steering-url", "http://s/steer"]
    answer = shotladder("publish", presentations["first"], tmp_path / "target", *words, store=tmp_path)
    assert answer.status == 0, answer.err
    assert "EXT-X-CONTENT-STEERING" in (tmp_path / "target" / "master.m3u8").read_text()
    assert "<ContentSteering" in (tmp_path / "target" / "manifest.mpd").read_text()
    answer = shotladder("publish", presentations["first"], tmp_path / "other", *words[:2], store=tmp_path)
    assert answer.status == 2 and "require each other" in answer.err
