"""Artefacts are verified when a run first uses them; damaged ones are absent, and are made again."""

import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import uuid
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest

from shotladder_runtime.errors import JobLockedError, StoreError
from shotladder_runtime.store import Store, list_artefacts, prune
from shotladder_runtime.temporary_folder import delete_abandoned, temporary_folder

REPOSITORY = Path(__file__).resolve().parents[2]
KEY = {"n": 1}


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def replace_by_a_folder(path):
    path.unlink()
    path.mkdir()


def exchange_with_checksum(path):
    """Put another artefact with its checksum in the place of an artefact."""
    other = put(Store(path.parents[2]), b"other", {"n": 2})
    for suffix in ("", ".sum"):
        other.with_name(other.name + suffix).replace(path.with_name(path.name + suffix))


#: Ways in which an artefact is damaged.
DAMAGES = {
    "one bit": flip,
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "empty": lambda path: path.write_bytes(b""),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b" "),
    "no checksum": lambda path: path.with_name(path.name + ".sum").unlink(),
    "checksum of another form": lambda path: path.with_name(path.name + ".sum").write_bytes(b"\xff 1\n"),
    "empty checksum": lambda path: path.with_name(path.name + ".sum").write_bytes(b""),
    "a folder": replace_by_a_folder,
    "another artefact": exchange_with_checksum,
}


def put(store, content=b"whole", key=KEY):
    path = store.path("chunk", key, ".bin")
    store.write(path, lambda part: part.write_bytes(content))
    return path


@pytest.mark.parametrize("damage", DAMAGES)
def test_fetch_removes_a_damaged_artefact(tmp_path, damage):
    store = Store(tmp_path)
    path = put(store)
    DAMAGES[damage](path)
    with store.hold() as run:
        assert not store.has(path)
        assert not path.exists()
        with pytest.raises(FileNotFoundError, match="damaged"):
            store.fetch(path)
        assert put(store, b"again").read_bytes() == b"again"
        assert store.fetch(path) == path
        assert run.damaged() == (path.relative_to(tmp_path).as_posix(),)
    with store.hold() as run:
        assert store.has(path)
        assert run.damaged() == ()


@pytest.mark.parametrize("damage", DAMAGES)
def test_read_json_returns_none_for_a_damaged_artefact(tmp_path, damage):
    store = Store(tmp_path)
    store.write_json("probe", KEY, {"bits": [1, 2, 3]})
    DAMAGES[damage](store.path("probe", KEY, ".json"))
    with store.hold():
        assert store.read_json("probe", KEY) is None
        assert store.memoise("probe", [KEY], lambda missing: [[4]]) == [[4]]
        assert store.read_json("probe", KEY) == [4]


def test_has_accepts_a_checksum_of_an_older_store_without_a_name(tmp_path):
    store = Store(tmp_path)
    path = put(store)
    checksum = path.with_name(path.name + ".sum")
    checksum.write_text(checksum.read_text().replace(f" {path.name}", ""))
    with store.hold():
        assert store.has(path)


def test_is_intact_hashes_an_artefact_once_per_run(tmp_path, monkeypatch):
    store, hashed = Store(tmp_path), []
    path = put(store)

    def count(*arguments):
        hashed.append(arguments[0].name)
        return real(*arguments)

    real = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", count)
    for _ in range(2):
        with store.hold():
            assert all(store.has(path) for _ in range(5))
    assert hashed == [str(path)] * 2


def test_is_intact_hashes_a_changed_artefact_again_within_a_run(tmp_path):
    store = Store(tmp_path)
    path = put(store)
    with store.hold():
        assert store.has(path)
        flip(path)
        assert not store.has(path)


def test_fetch_known_finds_a_bit_that_decayed_without_a_new_file_time_within_a_run(tmp_path):
    store = Store(tmp_path / "store")
    path = put(store, b"content")
    status = path.stat()
    path.write_bytes(b"cOntent")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(StoreError, match=r"\.bin: was damaged or deleted during this run; the same command makes"):
        store.fetch_known(path)
    assert not store.has(path)
    put(store, b"content")
    assert store.fetch_known(path) == path


def test_prune_deletes_the_checksum_with_its_artefact(tmp_path):
    store = Store(tmp_path)
    path = put(store)
    assert [(a.name, a.size) for a in list_artefacts(store)] == [(path.relative_to(tmp_path).as_posix(), 5)]
    assert len(prune(store, max_size=0)) == 1
    assert list(path.parent.iterdir()) == []


@pytest.fixture
def machines(tmp_path):
    """The same store as two machines see it, and its files at the URL."""
    url = f"memory://{uuid.uuid4()}/store"
    return Store(tmp_path / "one", url), Store(tmp_path / "two", url)


def remote_file(store, path, suffix=""):
    import fsspec

    files = fsspec.filesystem("memory")
    (found,) = (name for name in files.find(store.url.removeprefix("memory:/")) if name.endswith(path.name + suffix))
    return files, found


@pytest.mark.parametrize("content", [b"whold", b"whol", b""])
def test_fetch_removes_a_damaged_artefact_at_the_url(machines, content):
    one, two = machines
    path = put(one)
    files, name = remote_file(one, path)
    files.pipe_file(name, content)
    here = two.path("chunk", KEY, ".bin")
    with two.hold() as run:
        assert two.find(here) is None
        assert not files.exists(name) and not files.exists(name + ".sum")
        assert not two.has(here)
        put(two, b"again")
        assert len(run.damaged()) == 1
    assert Store(one.root.with_name("three"), one.url).fetch(path).read_bytes() == b"again"


def test_has_finds_a_truncated_artefact_at_the_url(machines):
    one, two = machines
    files, name = remote_file(one, put(one))
    files.pipe_file(name, b"w")
    assert not two.has(two.path("chunk", KEY, ".bin"))
    assert not files.exists(name)


def test_fetch_heals_a_damaged_local_copy_from_the_url(machines):
    one, two = machines
    put(one)
    copy = two.fetch(two.path("chunk", KEY, ".bin"))
    flip(copy)
    with two.hold():
        assert two.fetch(copy).read_bytes() == b"whole"


def test_prune_deletes_the_checksum_at_the_url(machines):
    one, _ = machines
    files, name = remote_file(one, put(one))
    info = files.info(name)
    info["created"] = info["created"].replace(year=2020)
    files.store[name].created = info["created"]
    prune(one, max_size=0)
    assert not files.exists(name) and not files.exists(name + ".sum")


#: A program that is killed while it writes an artefact and works in a temporary folder.
KILLED = """
import os, signal, sys
from pathlib import Path
from shotladder_runtime.store import Store
from shotladder_runtime.temporary_folder import temporary_folder

store = Store(Path(sys.argv[1]))
with store.hold(), temporary_folder(store.root, ".chunk.") as folder:
    (folder / "0.mp4").write_bytes(b"frames")
    path = store.path("chunk", {"n": 1}, ".bin")
    if sys.argv[2] == "moved":
        make = lambda part: ((folder / "0.mp4").replace(part), os.kill(os.getpid(), signal.SIGKILL))
    else:
        make = lambda part: (part.write_bytes(b"half"), os.kill(os.getpid(), signal.SIGKILL))
    store.write(path, make)
"""


@pytest.mark.parametrize("way", ["moved", "written"])
def test_hold_deletes_what_a_killed_run_left(tmp_path, way):
    assert subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), way], cwd=REPOSITORY).returncode == -9
    store = Store(tmp_path)
    assert len([*tmp_path.glob(".chunk.*"), *tmp_path.glob("chunk/*/.*")]) == 2
    mine = tmp_path / "chunk" / "notes"
    mine.mkdir()
    (mine / ".part.mp4").touch()
    with store.hold() as run:
        assert run.deleted_count == 2
        assert not [*tmp_path.glob(".chunk.*"), *tmp_path.glob("chunk/??/.*")]
        assert list((tmp_path / ".runs").iterdir()) != []
    assert list((tmp_path / ".runs").iterdir()) == []
    assert (mine / ".part.mp4").exists()


@pytest.mark.parametrize("has_failed", [False, True])
def test_hold_deletes_at_its_end_what_jobs_left_in_a_store_that_was_absent(tmp_path, has_failed):
    store = Store(tmp_path / "store")
    away = tmp_path / "away"
    path = store.path("chunk", {"n": 1}, ".bin")

    def make(part):
        store.root.rename(away)

    with suppress(RuntimeError), store.hold():
        with suppress(OSError), temporary_folder(store.root, ".chunk.") as folder, store.lock_job("chunk", [{"n": 1}]):
            (folder / "0.mp4").write_bytes(b"frames")
            store.write(path, make)
        away.rename(store.root)
        left = [*store.root.glob(".chunk.*/*"), *store.root.glob("chunk/*/.*"), *store.root.glob(".jobs/*")]
        assert len(left) == 4, "a frame, a lock, a part, a job"
        if has_failed:
            raise RuntimeError
    assert not [*store.root.glob(".chunk.*"), *store.root.glob("chunk/*/.*"), *store.root.glob(".jobs/*")]
    assert not list(store.root.glob(".runs/*"))


def test_hold_keeps_the_locks_and_folders_of_other_runs_at_its_end(tmp_path):
    store = Store(tmp_path)
    with store.hold(), temporary_folder(tmp_path, ".chunk.") as folder, store.lock_job("chunk", [{"n": 1}]):
        with suppress(RuntimeError), store.hold():
            raise RuntimeError
        assert folder.is_dir()
        assert len(list(tmp_path.glob(".jobs/*"))) == 1
        with pytest.raises(JobLockedError), store.lock_job("chunk", [{"n": 1}]):
            pass


def test_temporary_folder_keeps_its_lock_file_with_content_that_cannot_be_deleted(tmp_path, monkeypatch):
    unlink = os.unlink

    def refuse(path, *args, missing_ok=False, **options):
        if Path(path).name == "0.mp4":
            raise OSError(30, "Read-only file system")
        with suppress(FileNotFoundError) if missing_ok else nullcontext():
            unlink(path, *args, **options)

    with temporary_folder(tmp_path, ".chunk.") as folder:
        (folder / "0.mp4").write_bytes(b"frames")
        monkeypatch.setattr(os, "unlink", refuse)
        monkeypatch.setattr(Path, "unlink", refuse)
    assert {path.name for path in folder.iterdir()} == {".shotladder-temporary", "0.mp4"}
    assert delete_abandoned(tmp_path, r"\.chunk\.") == 1
    assert {path.name for path in folder.iterdir()} == {".shotladder-temporary", "0.mp4"}, "it is tried again later"
    monkeypatch.undo()
    assert delete_abandoned(tmp_path, r"\.chunk\.") == 1
    assert not folder.exists()


@pytest.mark.parametrize("moment", ["mkdtemp", "mkstemp", "rmdir"])
def test_delete_abandoned_deletes_a_folder_whose_process_was_killed_without_a_named_lock_file(tmp_path, moment):
    end = "os.kill(os.getpid(), signal.SIGKILL)"
    replaced = {
        "mkdtemp": f"tempfile.mkstemp = lambda **options: {end}",
        "mkstemp": f"pathlib.Path.replace = lambda *names: {end}",
        "rmdir": f"pathlib.Path.rmdir = lambda *names: {end}",
    }
    code = (
        "import os, pathlib, signal, sys, tempfile\n"
        "from shotladder_runtime.temporary_folder import temporary_folder\n"
        f"{replaced[moment]}\nwith temporary_folder(pathlib.Path(sys.argv[1]), '.chunk.'):\n    pass\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=REPOSITORY)
    assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 1
    delete_abandoned(tmp_path, r"\.chunk\.", with_empty=False)
    assert len(list(tmp_path.iterdir())) == 1
    delete_abandoned(tmp_path, r"\.chunk\.")
    assert list(tmp_path.iterdir()) == []


def test_temporary_folder_is_made_again_when_another_process_deletes_it_before_its_lock(tmp_path, monkeypatch):
    flock, taken = fcntl.flock, []

    def delete_first(handle, kind):
        if not taken:
            taken.extend(tmp_path.iterdir())
            taken[0].rmdir()
        flock(handle, kind)

    monkeypatch.setattr(fcntl, "flock", delete_first)
    with temporary_folder(tmp_path, ".chunk.") as folder:
        assert [folder] == list(tmp_path.iterdir()) != taken
        delete_abandoned(tmp_path, r"\.chunk\.")
        assert folder.exists()


def test_hold_reports_nothing_when_no_run_was_killed(tmp_path):
    for _ in range(2):
        with Store(tmp_path).hold() as run:
            assert run.deleted_count is None


def test_hold_keeps_what_a_living_process_writes(tmp_path):
    store = Store(tmp_path)
    path = store.path("chunk", {"n": 7}, ".bin")

    def make(part):
        part.write_bytes(b"half")
        assert subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), "written"], cwd=REPOSITORY).returncode == -9
        with store.hold():
            assert len(list(tmp_path.glob("chunk/*/.*"))) == 1
        part.write_bytes(b"whole")

    store.write(path, make)
    assert store.fetch(path).read_bytes() == b"whole"
