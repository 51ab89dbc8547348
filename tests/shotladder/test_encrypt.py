"""`shotladder encode --encrypt`: keys are kept apart from what is served, and nothing tells them."""

import json
import os
import stat

import pytest

import encoder
from shotladder.pipeline.key_files import keys_of
from shotladder_runtime.errors import ShotladderError
from tests.encoder.films import fetched, hashes_in
from tests.shotladder.running import FAST, shotladder


@pytest.fixture(scope="module")
def encrypted(made, tmp_path_factory):
    """The presentation of the small film, encrypted with new keys; the answer, the folder and the file of keys."""
    folder = tmp_path_factory.mktemp("encrypted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(folder / "data"))
        answer = shotladder("encode", made.film, "-o", folder / "out", *FAST, "--encrypt", store=made.store)
    assert answer.status == 0, answer.err
    (path,) = (folder / "data").rglob("*.json")
    return answer, folder / "out", path


def test_new_keys_are_told_where_they_are_and_only_their_owner_may_read_them(encrypted):
    answer, folder, path = encrypted
    assert f"keys written to {path}" in answer.err
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    keys = encoder.load_keys(path)
    assert path.stem == keys[0].key_id
    document = (folder / "presentation.json").read_text()
    told = json.loads(document)["encryption"]
    assert told == {"scheme": "cbcs", "key_ids": {key.label: key.key_id for key in keys}, "clear_lead": 0.0}
    for key in keys:
        assert key.key not in answer.out + answer.err
        assert not [p for p in folder.rglob("*") if p.is_file() and key.key.encode() in p.read_bytes()]


def test_the_encrypted_rungs_are_the_clear_ones(made, encrypted):
    _, folder, path = encrypted
    document = json.loads((folder / "presentation.json").read_text())
    (key,) = (key.key for key in encoder.load_keys(path) if key.label == "VIDEO")
    for clear, rung in zip(made.document["video"], document["video"], strict=True):
        assert hashes_in(fetched(folder, rung["playlist"]), key) == hashes_in(fetched(made.folder, clear["playlist"]))
        sizes = [(folder / segment["url"]).stat().st_size for segment in rung["segments"]]
        assert [segment["bytes"] for segment in rung["segments"]] == sizes


def test_keys_from_a_file_are_used_and_not_copied(made, encrypted, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    _, _, path = encrypted
    words = ("encode", made.film, "-o", tmp_path / "out", *FAST, "--encrypt", "--keys", path)
    answer = shotladder(*words, "--protection-scheme", "cenc", store=made.store)
    assert answer.status == 0, answer.err
    told = json.loads((tmp_path / "out" / "presentation.json").read_text())["encryption"]
    assert (told["scheme"], told["key_ids"]["VIDEO"]) == ("cenc", path.stem)
    assert not (tmp_path / "data").exists()
    # the scheme is part of the request, and so are the keys
    assert "up to date" in shotladder(*words, "--protection-scheme", "cenc", store=made.store).err
    assert shotladder(*words, store=made.store).status == 1


def test_a_presentations_keys_are_found_by_their_ids(encrypted, tmp_path, monkeypatch):
    _, folder, path = encrypted
    document = json.loads((folder / "presentation.json").read_text())
    monkeypatch.setenv("XDG_DATA_HOME", str(path.parents[2]))
    assert keys_of(document, None) == encoder.load_keys(path)
    assert keys_of({"encryption": None}, None) == ()
    other = tmp_path / "other.json"
    encoder.save_keys(encoder.new_keys(), other)
    with pytest.raises(ShotladderError, match="belong to another presentation"):
        keys_of(document, other)
    monkeypatch.setenv("XDG_DATA_HOME", os.devnull)
    with pytest.raises(ShotladderError, match="not on this machine"):
        keys_of(document, None)


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("--keys", "KEYS"), 2, "--keys requires --encrypt"),
        (("--protection-scheme", "cenc"), 2, "--protection-scheme requires --encrypt"),
        (("--encrypt", "--protection-scheme", "cenc", "--hls-key-uri", "skd://a"), 2, "FairPlay"),
        (("--encrypt", "--keys", "FILM"), 1, "is no file of keys"),
    ],
)
def test_what_cannot_be_encrypted_as_asked_is_told_before_any_work(made, encrypted, tmp_path, words, status, told):
    given = [{"KEYS": encrypted[2], "FILM": made.film}.get(word, word) for word in words]
    answer = shotladder("encode", made.film, "-o", tmp_path / "out", *FAST, *given, store=made.store)
    assert (answer.status, answer.out) == (status, "")
    assert told in answer.err
    assert list(tmp_path.iterdir()) == []


def test_play_asks_for_a_player_that_takes_keys(encrypted):
    _, folder, path = encrypted
    answer = shotladder("play", folder, "--keys", path, "--no-open", store=folder)
    assert (answer.status, answer.lines) == (
        1,
        [f"error: {folder}: is encrypted; name dash.js or Shaka Player with --player-js"],
    )
