"""Artefacts are named by what made them and appear whole or not at all."""

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encoder import Store, write_whole

REPOSITORY = Path(__file__).resolve().parents[2]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
RECIPES = st.dictionaries(st.text(min_size=1, max_size=4).filter(lambda key: key != "kind"), VALUES, max_size=4)


@settings(deadline=None)
@given(RECIPES, RECIPES)
def test_recipes_share_a_name_only_when_they_are_the_same(a, b):
    store = Store(Path("store"))
    same = json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)
    assert (store.path("probe", a, ".json") == store.path("probe", b, ".json")) == same
    assert store.path("probe", a, ".json") == store.path("probe", dict(reversed(a.items())), ".json")
    assert store.path("probe", a, ".json").stem != store.path("score", a, ".json").stem


def test_json_comes_back_and_what_is_not_there_is_none(tmp_path):
    store = Store(tmp_path)
    assert store.read_json("probe", {"q": 1}) is None
    store.write_json("probe", {"q": 1}, {"bits": [1, 2.5, None]})
    assert store.read_json("probe", {"q": 1}) == {"bits": [1, 2.5, None]}
    assert store.read_json("probe", {"q": 2}) is None


def test_the_default_is_where_the_user_says(tmp_path, monkeypatch):
    monkeypatch.setenv("SHOTLADDER_STORE", str(tmp_path / "named"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert Store.default().root == tmp_path / "named"
    monkeypatch.delenv("SHOTLADDER_STORE")
    assert Store.default().root == tmp_path / "cache" / "shotladder"


def test_a_failing_maker_leaves_what_was_there(tmp_path):
    path = tmp_path / "deep" / "file.bin"
    write_whole(path, lambda part: part.write_bytes(b"old"))

    def fail(part):
        part.write_bytes(b"half of the n")
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        write_whole(path, fail)
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_the_final_name_is_not_there_while_it_is_made(tmp_path):
    path = tmp_path / "file.mp4"
    seen = []

    def make(part):
        part.write_bytes(b"whole")
        seen.append((path.exists(), part.parent == path.parent, part.suffix, part.name[0]))

    write_whole(path, make)
    assert seen == [(False, True, ".mp4", ".")]
    assert path.read_bytes() == b"whole"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_many_writers_of_one_name_leave_one_whole_file(tmp_path):
    path = tmp_path / "file.bin"
    barrier = threading.Barrier(8)
    torn = []

    def write(letter):
        barrier.wait()
        for _ in range(20):
            write_whole(path, lambda part: part.write_bytes(letter * 100_000))
            content = path.read_bytes()
            if len(content) != 100_000 or len(set(content)) != 1:
                torn.append(content)

    writers = [threading.Thread(target=write, args=(bytes([65 + n]),)) for n in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert torn == []
    assert list(tmp_path.iterdir()) == [path]


def test_a_killed_writer_leaves_nothing_under_the_final_name(tmp_path):
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom encoder import write_whole\n"
        "def make(part):\n    part.write_bytes(b'half')\n    print('half', flush=True)\n    time.sleep(120)\n"
        f"write_whole(Path({str(tmp_path / 'file.bin')!r}), make)\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY, stdout=subprocess.PIPE)
    with writer:
        assert writer.stdout.readline() == b"half\n"
        os.kill(writer.pid, signal.SIGKILL)
    assert not (tmp_path / "file.bin").exists()
    write_whole(tmp_path / "file.bin", lambda part: part.write_bytes(b"whole"))
    assert (tmp_path / "file.bin").read_bytes() == b"whole"
