"""Changed files of every format are read, or refused in one line; the watchdog finds what is neither."""

import os
import random
from collections import Counter

import pytest

from benchmarks.fuzz import campaign, cases
from benchmarks.fuzz.corpus import make_corpus
from benchmarks.fuzz.formats import FORMATS, Format
from benchmarks.fuzz.mutations import MUTATORS
from tests.command_server import run_command

#: Cases of each format; the benchmark runs 300.
CASES = 20
#: Children that run the cases.
CHILDREN = 2


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    make_corpus(folder, run_there)
    return folder


def run_there(words, folder):
    done = run_command(words, dict(os.environ), folder)
    assert done.returncode == 0, done.stderr


def test_run_campaign_finds_nothing(corpus, monkeypatch):
    monkeypatch.setattr(campaign, "BATCH", CASES * len(FORMATS) // CHILDREN)
    outcomes = campaign.run_campaign(corpus, CASES * len(FORMATS), campaign.SEED)
    assert Counter(outcome.format for outcome in outcomes) == dict.fromkeys(FORMATS, CASES)
    assert [outcome for outcome in outcomes if outcome.kind in cases.FINDINGS] == []


@pytest.mark.parametrize("name", FORMATS)
def test_write_case_changes_a_file_and_repeats_the_change(corpus, name):
    valid = {path.read_bytes() for path in FORMATS[name].list_seeds(corpus)}
    contents = []
    for number in (0, 1, 2, 3, 0, 1, 2, 3):
        path = cases.write_case(corpus, name, 5, number)
        contents.append(path.read_bytes())
        path.unlink()
    assert contents[:4] == contents[4:]
    assert len(set(contents) - valid) >= 3


def fail(path):
    raise KeyError("bytes")


def break_lines(path):
    raise cases.ShotladderError("a value is wrong")


def test_run_case_distinguishes_errors_from_findings(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("1 2\n3 4\n")
    for read, kind in ((fail, "uncaught"), (break_lines, "no place"), (len, "uncaught"), (lambda path: 1, "read")):
        monkeypatch.setitem(cases.FORMATS, "lines", Format(("a.txt",), "lines", read))
        assert cases.run_case(tmp_path, "lines", 1, 0).kind == kind
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


#: A child that prints two outcomes, and then does not end, or crashes.
CHILD = """
import json, os, sys, time
print(flush=True)
for name, number in json.loads(sys.argv[-1]):
    if number == 2:
        {fault}
    print(json.dumps(dict(format=name, number=number, kind="read")), flush=True)
"""


@pytest.mark.parametrize(("fault", "kind"), [("while True: pass", "hang"), ("os.abort()", "crash")])
def test_run_campaign_goes_on_after_a_hang_and_a_crash(tmp_path, monkeypatch, fault, kind):
    (tmp_path / "child.py").write_text(CHILD.format(fault=fault))
    (tmp_path / "a.txt").touch()
    monkeypatch.setattr(campaign, "CHILD", (str(tmp_path / "child.py"),))
    monkeypatch.setattr(campaign, "TIME_LIMIT", 0.3)
    monkeypatch.setattr(campaign, "POLL", 0.1)
    monkeypatch.setitem(campaign.FORMATS, "lines", Format(("a.txt",), "lines", lambda path: None))
    kinds = [outcome.kind for outcome in campaign.run_campaign(tmp_path, 5, 1, ["lines"])]
    assert kinds == ["read", "read", kind, "read", "read"]


@pytest.mark.parametrize(
    ("structure", "content"),
    [
        ("json", b"{}"),
        ("json", b"[]"),
        ("json", b'{"a": [1, {"b": null}]}'),
        ("lines", b""),
        ("lines", b"a\n"),
        ("xml", b"<MPD/>"),
        ("boxes", b""),
        ("boxes", b"\0\0\0\x08free"),
        ("subtitles", b""),
    ],
)
def test_mutators_accept_small_files(structure, content):
    changed = [MUTATORS[structure](content, random.Random(number)) for number in range(50)]
    assert all(isinstance(each, bytes) for each in changed)
