"""Listing and pruning of stores, and locks of jobs."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shotladder_runtime.errors import JobLockedError, StoreError
from shotladder_runtime.store import Store, list_artefacts, prune, pruning

REPOSITORY = Path(__file__).resolve().parents[2]
DAY = 86_400


def put(store: Store, kind: str, number: int, *, size: int = 100, days: float = 0) -> Path:
    """Store an artefact that was last used `days` ago."""
    path = store.path(kind, {"n": number}, ".bin")
    store.write(path, lambda part: part.write_bytes(bytes(size)))
    then = time.time() - days * DAY
    os.utime(path, (then, then))
    return path


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "store")


def test_list_artefacts_sorts_by_last_use(store):
    put(store, "chunk", 1, size=5, days=1)
    put(store, "probe", 2, size=7, days=3)
    put(store, "chunk", 3, size=9, days=2)
    with store.hold(), store.lock_job("chunk", [{"n": 9}]):
        found = list_artefacts(store)
    assert [(a.kind, a.size) for a in found] == [("probe", 7), ("chunk", 9), ("chunk", 5)]


def test_list_artefacts_leaves_out_a_file_that_another_run_deletes(store, monkeypatch):
    deleted, kept = put(store, "chunk", 1), put(store, "chunk", 2)
    list_entries = pruning._entries

    def delete_after_listing(folder):
        for entry in list(list_entries(folder)):
            if Path(entry.path) == deleted:
                deleted.unlink()
            yield entry

    monkeypatch.setattr(pruning, "_entries", delete_after_listing)
    assert [artefact.name for artefact in list_artefacts(store)] == [kept.relative_to(store.root).as_posix()]


def test_prune_deletes_old_artefacts(store):
    old, new = put(store, "chunk", 1, days=31), put(store, "chunk", 2, days=29)
    assert [a.name for a in prune(store, older_than=30 * DAY)] == [old.relative_to(store.root).as_posix()]
    assert (old.exists(), new.exists()) == (False, True)


def test_store_has_updates_the_time_of_last_use(store):
    asked, fetched, left = (put(store, "chunk", n, days=60) for n in range(3))
    made = asked.stat().st_mtime_ns
    assert store.has(asked)
    assert store.fetch(fetched) == fetched
    prune(store, older_than=30 * DAY)
    assert [path.exists() for path in (asked, fetched, left)] == [True, True, False]
    assert asked.stat().st_mtime_ns == made


def test_prune_deletes_least_recently_used_artefacts_first(store):
    paths = [put(store, "chunk", n, size=100, days=10 - n) for n in range(5)]
    prune(store, max_size=250)
    assert [path.exists() for path in paths] == [False, False, False, True, True]


def test_prune_deletes_nothing_in_a_dry_run(store):
    path = put(store, "chunk", 1, days=31)
    assert len(prune(store, older_than=DAY, dry_run=True)) == 1
    assert path.exists()


def test_prune_keeps_artefacts_of_a_run_that_holds_the_store(store):
    asked, idle = put(store, "chunk", 1, days=60), put(store, "chunk", 2, days=60)
    with store.hold():
        assert store.has(asked)
        made = put(store, "chunk", 3)
        prune(store, max_size=0)
        assert [path.exists() for path in (asked, made, idle)] == [True, True, False]
    prune(store, max_size=0)
    assert list_artefacts(store) == []


def test_prune_deletes_unfinished_files_of_killed_runs(store):
    code = (
        "from pathlib import Path\nimport os, signal, tempfile\nfrom shotladder_runtime.store import Store\n"
        f"store = Store(Path({str(store.root)!r}))\n"
        "with store.hold(), store.lock_job('chunk', [{'n': 1}]):\n"
        "    tempfile.mkdtemp(prefix='.chunk.', dir=store.root)\n"
        "    store.write(store.path('chunk', {'n': 0}, '.bin'), lambda part: part.write_bytes(b'whole'))\n"
        "    store.write(store.path('chunk', {'n': 1}, '.bin'), lambda part: os.kill(os.getpid(), signal.SIGKILL))\n"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY).returncode == -9
    parts = [*store.root.glob(".chunk.*"), *store.root.glob("chunk/*/.*")]
    assert len(parts) == 2
    assert len(list_artefacts(store)) == 1
    with store.lock_job("chunk", [{"n": 1}]):
        prune(store, max_size=0)
    assert list_artefacts(store) == []
    # somebody might still write into what is young
    assert all(part.exists() for part in parts)
    for part in parts:
        os.utime(part, (time.time() - 2 * DAY,) * 2)
    prune(store, max_size=0)
    assert not any(part.exists() for part in parts)


def test_lock_job_is_exclusive_and_released(store):
    cache_keys = [{"n": 1}, {"n": 2}]
    with store.lock_job("chunk", cache_keys):
        with pytest.raises(JobLockedError), store.lock_job("chunk", cache_keys):
            pass
        with store.lock_job("chunk", cache_keys[:1]), store.lock_job("probe", cache_keys):
            pass
    with store.lock_job("chunk", cache_keys):
        pass
    assert list((store.root / ".jobs").iterdir()) == []


def age(*paths: Path) -> None:
    """Set the times of files to 40 days ago."""
    for path in paths:
        os.utime(path, (time.time() - 40 * DAY,) * 2, follow_symlinks=False)


def tree(folder: Path) -> dict[Path, int]:
    return {path: path.lstat().st_mtime_ns for path in folder.rglob("*")}


def test_prune_refuses_a_folder_that_is_not_a_store(tmp_path):
    folder = tmp_path / "home"
    for name in ("papers/thesis/final.tex", ".git/objects/pack", ".git/HEAD", "papers/ab/" + "ab" * 16 + ".mp4"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("years of work")
        age(folder / name)
    before = tree(folder)
    store = Store(folder)
    for bounds in ({"older_than": DAY}, {"max_size": 0}, {"max_size": 0, "dry_run": True}):
        with pytest.raises(StoreError, match="is not a store"):
            prune(store, **bounds)
    with pytest.raises(StoreError, match="is not a store"):
        list_artefacts(store)
    assert tree(folder) == before


def test_prune_keeps_files_of_other_names(store):
    made = put(store, "chunk", 1, days=40)
    names = ("notes.txt", ".note", made.name + ".bak", "ab" * 16 + ".bin", f".{made.name}.swp")
    others = [made.with_name(name) for name in names if made.parent.name != "ab"]
    others += [store.root / name for name in (".git/objects/ab/cdef", "videos/2024/a.mp4", ".chunk.of my video/a.mp4")]
    for other in others:
        other.parent.mkdir(parents=True, exist_ok=True)
        other.write_bytes(b"mine")
        age(other, other.parent)
    (gone,) = prune(store, max_size=0)
    assert gone.name == made.relative_to(store.root).as_posix()
    assert not made.exists()
    assert [other.exists() for other in others] == [True] * len(others)


@pytest.mark.parametrize("level", ["kind", "folder", "file", "part", "encoding", "runs"])
def test_prune_follows_no_links(store, tmp_path, level):
    made = put(store, "chunk", 1, days=40)
    outside = tmp_path / "outside"
    kept = outside / made.relative_to(store.root)
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"mine")
    (outside / "tmpabcdefgh").write_bytes(b"mine")
    link, target = {
        "kind": (store.root / "linked", outside / "chunk"),
        "folder": (made.parent.with_name("ff" if made.parent.name != "ff" else "fe"), kept.parent),
        "file": (made.with_name(made.parent.name + "0" * 30 + ".bin"), kept),
        "part": (made.with_name(f".{made.stem}.abcdefgh.bin"), kept),
        "encoding": (store.root / ".chunk.abcdefgh", outside),
        "runs": (store.root / ".runs", outside),
    }[level]
    link.symlink_to(target)
    age(kept, link)
    before = tree(outside)
    if level == "runs":
        with pytest.raises(StoreError, match="is a link"):
            prune(store, max_size=0)
    else:
        assert [a.name for a in prune(store, max_size=0)] == [made.relative_to(store.root).as_posix()]
    assert tree(outside) == before
    assert link.is_symlink()


def test_prune_lists_unfinished_files_and_a_dry_run_changes_nothing(store):
    made = put(store, "chunk", 1, size=7, days=40)
    part, encoding = made.with_name(f".{made.stem}.abcdefgh.bin"), store.root / ".chunk.abcdefgh"
    encoding.mkdir()
    (encoding / "0.mp4").write_bytes(bytes(5))
    part.write_bytes(bytes(3))
    ended = store.root / ".runs" / "tmpabcdefgh"
    with store.hold():
        ended.touch()
    age(part, encoding, ended)
    assert prune(store, older_than=50 * DAY, dry_run=True) == prune(store, older_than=50 * DAY, dry_run=True) != []
    before = tree(store.root)
    listed = prune(store, older_than=30 * DAY, dry_run=True)
    assert tree(store.root) == before
    assert sorted((store.root / a.name, a.size, a.is_whole) for a in listed) == sorted(
        [(made, 7, True), (part, 3, False), (encoding, 5, False)]
    )
    assert prune(store, older_than=30 * DAY) == listed
    assert not any(path.exists() for path in (made, part, encoding, ended))


WORKER = """
import sys, random
from pathlib import Path
from shotladder_runtime.errors import JobLockedError
from shotladder_runtime.store import Store, prune
store, seed = Store(Path(sys.argv[1])), int(sys.argv[2])
shuffle = random.Random(seed)
made = 0
with store.hold():
    print("ready", flush=True)
    sys.stdin.readline()
    waiting = list(range(40))
    shuffle.shuffle(waiting)
    while waiting:
        n = waiting.pop()
        path = store.path("chunk", {"n": n}, ".bin")
        try:
            with store.lock_job("chunk", [{"n": n}]):
                if not store.has(path):
                    made += 1
                    store.write(path, lambda part: part.write_bytes(bytes([n]) * 50_000))
        except JobLockedError:
            waiting.insert(0, n)
            continue
        if n % 5 == 0:
            prune(store, max_size=0)
        # an artefact that was looked up is kept until the end of the run
        assert store.fetch(path).read_bytes() == bytes([n]) * 50_000
    for n in range(40):
        assert store.fetch(store.path("chunk", {"n": n}, ".bin")).read_bytes() == bytes([n]) * 50_000
print(made)
"""


def test_two_runs_and_prune_at_once_lose_nothing(store):
    argv = [sys.executable, "-c", WORKER, str(store.root)]
    store.root.mkdir()
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": REPOSITORY}
    runs = [subprocess.Popen([*argv, str(seed)], **pipes) for seed in range(2)]
    assert [run.stdout.readline() for run in runs] == ["ready\n"] * 2
    made = [int(run.communicate("go\n")[0]) for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert sum(made) == 40
