"""`shotladder store` lists the cache and deletes exactly the files that it lists."""

import json
import os
import time

import pytest

from shotladder_runtime.store import Store
from tests.shotladder.running import shotladder


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "store")
    for n, (kind, days) in enumerate([("chunk", 40), ("chunk", 1), ("score", 2)]):
        path = store.path(kind, {"n": n}, ".bin")
        store.write(path, lambda part: part.write_bytes(bytes(1000)))
        os.utime(path, (time.time() - days * 86_400,) * 2)
    return store


def test_store_lists_its_contents(store, tmp_path):
    answer = shotladder("store", "--json", store=store.root)
    assert (answer.status, answer.err) == (0, "")
    document = json.loads(answer.out)
    assert document["store"] == str(store.root)
    assert [(k["kind"], k["count"], k["bytes"]) for k in document["kinds"]] == [("chunk", 2, 2000), ("score", 1, 1000)]
    assert document["kinds"][0]["seconds_since_use"]["max"] == pytest.approx(40 * 86_400, abs=60)
    shown = shotladder("store", "--store", store.root, store=tmp_path / "other").out
    assert "chunk" in shown and "6w to 24h ago" in shown and "3 kB" in shown


def test_store_without_artefacts_prints_no_table(tmp_path):
    answer = shotladder("store", store=tmp_path / "none")
    assert (answer.status, answer.out) == (0, f"{tmp_path / 'none'}: no artefacts\n")


def test_store_deletes_old_and_surplus_files(store):
    words = ("store", "--older-than", "30d", "--json")
    dry = json.loads(shotladder(*words, "--dry-run", store=store.root).out)
    (old,) = (path for path in store.root.glob("chunk/*/*") if path.stat().st_mtime < time.time() - 30 * 86_400)
    files = [{"path": str(old), "bytes": 1000}]
    assert dry["deleted"] == {"count": 1, "bytes": 1000, "dry_run": True, "files": files}
    assert old.exists()
    assert sum(kind["count"] for kind in dry["kinds"]) == 3
    done = json.loads(shotladder(*words, store=store.root).out)
    assert done["deleted"] == {"count": 1, "bytes": 1000, "dry_run": False, "files": files}
    assert not old.exists()
    assert sum(kind["count"] for kind in done["kinds"]) == 2
    lines = shotladder("store", "--max-size", "1.5k", store=store.root).out.splitlines()
    assert lines[-2].startswith(f"1 kB  {store.root}/score/")
    assert lines[-1] == "1 artefacts and unfinished files, 1 kB: deleted"


@pytest.mark.parametrize("words", [(), ("--older-than", "30d"), ("--max-size", "0", "--dry-run")])
def test_store_refuses_a_directory_of_other_files(words, tmp_path):
    file = tmp_path / "papers" / "2019" / "thesis.tex"
    file.parent.mkdir(parents=True)
    file.write_text("years of work")
    os.utime(file, (time.time() - 40 * 86_400,) * 2)
    answer = shotladder("store", "--store", tmp_path, *words, store=tmp_path / "other")
    assert (answer.status, answer.out, len(answer.lines)) == (1, "", 1)
    assert answer.lines[0].startswith(f"error: {tmp_path}: is not empty, and is not a store")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["2019", "papers", "thesis.tex"]


def test_store_accepts_a_missing_directory(tmp_path):
    assert json.loads(shotladder("store", "--json", store=tmp_path / "none").out)["kinds"] == []
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("words", [("--older-than", "30"), ("--max-size", "much"), ("--dry-run",)])
def test_store_reports_wrong_limits(words, tmp_path):
    assert shotladder("store", *words, store=tmp_path).status == 2
