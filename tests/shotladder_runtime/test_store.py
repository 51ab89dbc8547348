"""Artefacts are named by their cache keys, and are complete or absent."""

import json
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shotladder_runtime.errors import JobLockedError, StoreError
from shotladder_runtime.store import Store, list_artefacts

REPOSITORY = Path(__file__).resolve().parents[2]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
CACHE_KEYS = st.dictionaries(st.text(min_size=1, max_size=4).filter(lambda key: key != "kind"), VALUES, max_size=4)


@settings(deadline=None)
@given(CACHE_KEYS, CACHE_KEYS)
def test_path_is_equal_for_equal_cache_keys_only(a, b):
    store = Store(Path("store"))
    same = json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)
    assert (store.path("probe", a, ".json") == store.path("probe", b, ".json")) == same
    assert store.path("probe", a, ".json") == store.path("probe", dict(reversed(a.items())), ".json")
    assert store.path("probe", a, ".json").stem != store.path("score", a, ".json").stem


def test_read_json_returns_the_value_or_none(tmp_path):
    store = Store(tmp_path)
    assert store.read_json("probe", {"q": 1}) is None
    store.write_json("probe", {"q": 1}, {"bits": [1, 2.5, None]})
    assert store.read_json("probe", {"q": 1}) == {"bits": [1, 2.5, None]}
    assert store.read_json("probe", {"q": 2}) is None


def test_default_store_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("SHOTLADDER_STORE", str(tmp_path / "named"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert Store.default().root == tmp_path / "named"
    monkeypatch.delenv("SHOTLADDER_STORE")
    assert Store.default().root == tmp_path / "cache" / "shotladder"


def test_at_takes_a_folder_or_a_url_and_gives_each_url_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for location in (tmp_path, f"file://{tmp_path}"):
        assert repr(Store.at(location)) == f"Store(root={tmp_path!r}, url=None)"
    one, two = (Store.at(f"sftp://anna:s3cret@host/{name}/") for name in "ab")
    assert one.url == "sftp://anna:s3cret@host/a"
    assert one.root.parent == two.root.parent == tmp_path / "cache" / "shotladder-remote"
    assert one.root != two.root
    assert repr(one) == f"Store(root={one.root!r}, url='sftp://host/a')"


def test_hold_asks_the_server_at_the_start_of_each_run(tmp_path):
    url = f"memory://{uuid.uuid4()}/store"
    with Store(tmp_path / "one", url).hold():
        assert [artefact.name for artefact in list_artefacts(Store(tmp_path / "two", url))] == []
    memory = fsspec.filesystem("memory")
    (marker,) = memory.find(url)
    memory.pipe_file(marker, b'{"shotladder_store": 99}')
    with pytest.raises(StoreError, match="newer"), Store(tmp_path / "one", url).hold():
        pass


def test_write_json_makes_a_folder_a_store(tmp_path):
    for root in (tmp_path / "absent" / "store", tmp_path / "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        store = Store(root)
        assert store.read_json("probe", {"q": 1}) is None
        assert not list(root.glob("*"))
        store.write_json("probe", {"q": 1}, 7)
        assert json.loads((root / "shotladder-store.json").read_text()) == {"shotladder_store": 1}
        assert store.read_json("probe", {"q": 1}) == 7


def list_uses(store):
    """Return all methods that read or write the folder of a store."""
    path = store.path("probe", {"q": 1}, ".json")

    def held(block):
        with block:
            pass

    return {
        "write": lambda: store.write(path, lambda part: part.write_bytes(b"7")),
        "has": lambda: store.has(path),
        "fetch": lambda: store.fetch(path),
        "hold": lambda: held(store.hold()),
        "lock_job": lambda: held(store.lock_job("probe", [{"q": 1}])),
    }


#: Content of the marker (None: no marker), and the expected message.
REFUSED = {
    "other files": (None, "is not a store"),
    "nothing": ("", "is damaged"),
    "no JSON": ("{", "is damaged"),
    "another document": ("[1]", "is damaged"),
    "no version": ("{}", "is damaged"),
    "a version that is no number": ('{"shotladder_store": true}', "is damaged"),
    "a newer version": ('{"shotladder_store": 2}', "newer shotladder"),
}


@pytest.mark.parametrize("use", list_uses(Store(Path("store"))))
@pytest.mark.parametrize("kind", REFUSED)
def test_store_rejects_a_folder_that_is_not_a_store(tmp_path, use, kind):
    marker, said = REFUSED[kind]
    # even where its names look like a store's
    store = Store(tmp_path)
    path = store.path("probe", {"q": 1}, ".json")
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    if marker is not None:
        (tmp_path / "shotladder-store.json").write_text(marker)
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")}
    with pytest.raises(StoreError, match=said) as caught:
        list_uses(store)[use]()
    assert "\n" not in str(caught.value)
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")} == before


def test_store_rejects_a_file(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StoreError, match="is a file"):
        Store(tmp_path / "file").write_json("probe", {}, 1)


def test_make_store_can_run_in_many_threads(tmp_path):
    for n in range(20):
        barrier = threading.Barrier(8)

        def write(q, root=tmp_path / str(n), barrier=barrier):
            barrier.wait()
            Store(root).write_json("probe", {"q": q}, q)

        with ThreadPoolExecutor(8) as executor:
            list(executor.map(write, range(8)))
        assert len(list((tmp_path / str(n) / "probe").glob("*/*.json"))) == 8


def test_make_store_ignores_an_unfinished_marker(tmp_path):
    (tmp_path / ".shotladder-store.abcdefgh.json").touch()
    Store(tmp_path).write_json("probe", {}, 1)
    assert Store(tmp_path).read_json("probe", {}) == 1


def test_memoise_computes_only_missing_values(tmp_path):
    store, calls = Store(tmp_path), []

    def square(missing):
        calls.append(list(missing))
        return (n * n for n in missing)

    cache_keys = [{"n": n} for n in range(4)]
    assert store.memoise("square", cache_keys[2:3], lambda missing: [4]) == [4]
    assert store.memoise("square", cache_keys, square) == [0, 1, 4, 9]
    assert store.memoise("square", cache_keys, square) == [0, 1, 4, 9]
    assert calls == [[0, 1, 3]]


def test_memoise_returns_new_values_as_json_holds_them(tmp_path):
    values = [Store(tmp_path).memoise("pair", [{}], lambda _: [{"pair": (1, 0.1)}]) for _ in range(2)]
    assert values == [[{"pair": [1, 0.1]}]] * 2


def test_memoise_keeps_values_computed_before_a_failure(tmp_path):
    store = Store(tmp_path)

    def fail_late(missing):
        yield 1
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        store.memoise("probe", [{"n": 0}, {"n": 1}], fail_late)
    assert store.memoise("probe", [{"n": 0}, {"n": 1}], lambda missing: [10 * n for n in missing]) == [1, 10]


def test_memoise_requires_one_value_per_missing_key(tmp_path):
    with pytest.raises(ValueError, match="shorter"):
        Store(tmp_path).memoise("probe", [{"n": 0}, {"n": 1}], lambda missing: [1])


def test_memoise_locks_its_keys_while_it_computes(tmp_path):
    store = Store(tmp_path)

    def compute(missing):
        with pytest.raises(JobLockedError):
            store.memoise("probe", [{}], lambda missing: [2])
        return [1]

    assert store.memoise("probe", [{}], compute) == [1]
