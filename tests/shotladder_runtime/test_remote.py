"""A store at a URL is shared by machines, and its artefacts are complete despite broken connections."""

import os
import pickle
import signal
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest

from shotladder_runtime.errors import StoreError
from shotladder_runtime.store import Store, list_artefacts, prune, remote
from tests.sftp import sftp_server

REPOSITORY = Path(__file__).resolve().parents[2]
DAY = 86_400


@pytest.fixture(scope="module")
def sftp(tmp_path_factory):
    """A server and the folder that it serves; the home with the key that it knows."""
    folder = tmp_path_factory.mktemp("sftp")
    with sftp_server(folder) as address:
        yield address, folder


@pytest.fixture(params=["memory", "sftp"])
def url(request, monkeypatch):
    if request.param == "memory":
        return f"memory://{uuid.uuid4()}/store"
    address, folder = request.getfixturevalue("sftp")
    monkeypatch.setenv("HOME", str(folder))
    return f"{address}{folder}/{uuid.uuid4()}/store"


@pytest.fixture
def machines(url, tmp_path):
    """The same store as two machines see it."""
    return Store(tmp_path / "one", url), Store(tmp_path / "two", url)


def put(store, number, content=b"whole"):
    path = store.path("chunk", {"n": number}, ".bin")
    store.write(path, lambda part: part.write_bytes(content))
    return path


def test_store_shares_artefacts_between_machines(machines):
    one, two = machines
    there = two.path("chunk", {"n": 1}, ".bin")
    assert not two.has(there)
    here = put(one, 1)
    assert two.has(there)
    assert not there.exists()
    # as a result names it that comes from the other machine
    assert two.fetch(here) == there
    assert there.read_bytes() == b"whole"


def test_write_json_is_read_by_another_machine(machines):
    one, two = machines
    assert two.read_json("probe", {"q": 1}) is None
    one.write_json("probe", {"q": 1}, {"bits": [1, 2.5, None]})
    assert two.read_json("probe", {"q": 1}) == {"bits": [1, 2.5, None]}


def test_write_leaves_nothing_after_a_failure(machines):
    one, two = machines

    def fail(part):
        part.write_bytes(b"half")
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        one.write(one.path("chunk", {"n": 1}, ".bin"), fail)
    assert list_artefacts(one) == []
    with pytest.raises(FileNotFoundError):
        two.fetch(two.path("chunk", {"n": 1}, ".bin"))
    assert list(two.root.glob("*/*/*")) == []


def test_store_at_a_url_serves_many_threads(machines):
    one, two = machines

    def work(n):
        put(one, n, bytes([n]) * 20_000)
        put(one, 1000, b"the same")
        return two.fetch(two.path("chunk", {"n": n}, ".bin")).read_bytes()

    with ThreadPoolExecutor(8) as executor:
        assert list(executor.map(work, range(24))) == [bytes([n]) * 20_000 for n in range(24)]
    assert two.fetch(two.path("chunk", {"n": 1000}, ".bin")).read_bytes() == b"the same"
    assert len(list_artefacts(one)) == 25


def test_prune_keeps_recent_artefacts_at_a_url(sftp, tmp_path, monkeypatch):
    address, folder = sftp
    monkeypatch.setenv("HOME", str(folder))
    served = folder / "pruned"
    one, two = (Store(tmp_path / name, f"{address}{served}") for name in ("one", "two"))
    paths = [put(one, n) for n in range(3)]
    part = served / "chunk" / paths[2].parent.name / f".{paths[2].name}.0123abcd"
    part.write_bytes(b"half")
    assert prune(two, max_size=0) == []
    old = [served / "chunk" / path.parent.name / path.name for path in paths[:2]] + [part]
    for n, path in enumerate(old):
        os.utime(path, (time.time() - (40 - n) * DAY,) * 2)
    assert [a.name for a in prune(two, older_than=30 * DAY, dry_run=True)] == [
        path.relative_to(served).as_posix() for path in old
    ]
    assert all(path.exists() for path in old)
    assert [a.is_whole for a in prune(two, max_size=5)] == [True, True, False]
    assert [artefact.size for artefact in list_artefacts(two)] == [5]
    assert not any(path.exists() for path in old)
    # the copies of a machine go by its own use of them
    assert all(path.exists() for path in paths)


@pytest.fixture
def other_files(sftp, monkeypatch):
    """A folder of a server that holds a user's files, and its URL."""
    address, folder = sftp
    monkeypatch.setenv("HOME", str(folder))
    served = folder / str(uuid.uuid4())
    (served / "videos" / "ab").mkdir(parents=True)
    (served / "videos" / "ab" / "holiday.mp4").write_bytes(b"video")
    return served, f"{address}{served}"


def test_store_rejects_a_url_with_other_files(other_files, tmp_path):
    served, url = other_files
    store = Store(tmp_path / "one", url)
    before = sorted(served.rglob("*"))
    for use in (lambda: put(store, 1), lambda: prune(store, max_size=0), lambda: list_artefacts(store)):
        with pytest.raises(StoreError, match="is not a store"):
            use()
    with pytest.raises(StoreError, match="is not a store"), store.hold():
        pass
    assert sorted(served.rglob("*")) == before


def test_prune_at_a_url_deletes_only_files_of_the_layout(other_files, tmp_path):
    served, url = other_files
    outside = tmp_path / "outside"
    store = Store(tmp_path / "one", url)
    # a store whose owner has put other files into it since
    (served / "shotladder-store.json").write_text('{"shotladder_store": 1}')
    path = put(store, 1)
    made = served / "chunk" / path.parent.name / path.name
    kept = [served / "videos" / "ab" / "holiday.mp4", made.with_name("notes.txt"), served / "chunk" / ".part"]
    kept.append(outside / path.parent.name / path.name)
    kept[-1].parent.mkdir(parents=True)
    for other in kept:
        other.write_bytes(b"mine")
    (served / "linked").symlink_to(outside)
    for file in (made, *kept):
        os.utime(file, (time.time() - 40 * DAY,) * 2)
    assert [a.name for a in prune(store, older_than=30 * DAY)] == [made.relative_to(served).as_posix()]
    assert not made.exists()
    assert all(file.exists() for file in kept)


def test_store_rejects_a_url_of_a_newer_version(other_files, tmp_path):
    served, url = other_files
    (served / "shotladder-store.json").write_text('{"shotladder_store": 2}')
    with pytest.raises(StoreError, match="newer shotladder"):
        put(Store(tmp_path / "one", url), 1)


def test_store_is_pickled_by_its_url(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "here"))
    monkeypatch.delenv("SHOTLADDER_STORE", raising=False)
    far, near = Store.at("memory://store/"), Store(tmp_path / "folder")
    assert far.root.is_relative_to(tmp_path / "here")
    packed = pickle.dumps((far, near))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "there"))
    arrived = pickle.loads(packed)
    assert arrived[0].url == "memory://store"
    assert arrived[0].root.is_relative_to(tmp_path / "there")
    assert arrived[1] == near


@pytest.mark.parametrize("url", ["sftp://anna:secret@127.0.0.1:1/store", "nowhere://anna:secret@place/store"])
def test_store_error_of_an_absent_server_has_no_password(url, tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "PAUSE", 0)
    with pytest.raises(StoreError, match=r"(127\.0\.0\.1:1|place)/store.*cannot be reached") as caught:
        Store(tmp_path, url).has(tmp_path / "chunk" / "ab" / "abc.bin")
    assert "secret" not in str(caught.value)


def test_remote_requests_are_repeated_over_a_new_connection(sftp, tmp_path, monkeypatch):
    address, folder = sftp
    monkeypatch.setenv("HOME", str(folder))
    store = Store(tmp_path, f"{address}{folder}/broken")
    path = put(store, 1)
    path.unlink()
    fsspec.core.url_to_fs(store.url)[0].client.close()
    assert store.fetch(path).read_bytes() == b"whole"


class Refusing:
    """Counts the requests of a server that refuses all of them from some request on."""

    def __init__(self, monkeypatch, error):
        self.count, self.error, self.is_refusing, self.pauses = 0, error, False, []
        self.files = fsspec.filesystem("memory")
        monkeypatch.setattr(remote.fsspec.core, "url_to_fs", self.open)
        monkeypatch.setattr(remote, "pause", lambda seconds: self.pauses.append(seconds) or True)
        monkeypatch.setattr(remote, "_answered", set())

    def open(self, url):
        self.count += 1
        if self.is_refusing:
            raise self.error
        return self.files, "/file"


def test_request_waits_a_minute_for_a_server_that_has_answered_before(monkeypatch):
    server = Refusing(monkeypatch, OSError("connection refused"))
    assert remote.get_size("memory://server/file") is None
    server.is_refusing = True
    with pytest.raises(StoreError, match="connection refused"):
        remote.get_size("memory://server/file")
    assert 60 < sum(server.pauses) < 70
    with pytest.raises(StoreError):
        remote.get_size("memory://other/file")
    assert server.count == 1 + remote.ATTEMPTS_AFTER_ANSWER + remote.ATTEMPTS


def test_request_does_not_wait_for_a_permission_or_after_an_interrupt(monkeypatch):
    server = Refusing(monkeypatch, PermissionError("read-only"))
    assert remote.get_size("memory://server/file") is None
    server.is_refusing = True
    with pytest.raises(StoreError, match="read-only"):
        remote.get_size("memory://server/file")
    assert server.count == 1 + remote.ATTEMPTS
    server.error = OSError("refused")
    monkeypatch.setattr(remote, "pause", lambda seconds: False)
    with pytest.raises(StoreError):
        remote.get_size("memory://server/file")
    assert server.count == 2 + remote.ATTEMPTS


def test_killed_upload_leaves_nothing_under_the_final_name(sftp, tmp_path):
    address, folder = sftp
    served = folder / "killed"
    code = (
        "from pathlib import Path\nfrom shotladder_runtime.store import Store\n"
        f"store = Store(Path({str(tmp_path / 'one')!r}), {f'{address}{served}'!r})\n"
        "path = store.path('chunk', {'n': 1}, '.bin')\n"
        "store.write(path, lambda part: part.write_bytes(bytes(400_000_000)))\n"
    )
    environment = os.environ | {"HOME": str(folder)}
    sender = subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY, env=environment)
    try:
        while not any(part.stat().st_size for part in served.glob("chunk/*/.*")):
            assert sender.poll() is None
    finally:
        sender.send_signal(signal.SIGKILL)
        sender.wait()
    assert [path.name[0] for path in served.glob("chunk/*/*")] == ["."]


#: Stores that cannot be used, and whose password must not be printed.
SECRET = "p%40ss-w0rd"
UNUSABLE = [
    f"sftp://user:{SECRET}@127.0.0.1:1/store",
    f"ftp://user:{SECRET}@127.0.0.1:1/store",
    f"nothing://user:{SECRET}@host/store",
    f"sftp://user:{SECRET}@host:port/store",
]


@pytest.mark.parametrize("url", UNUSABLE)
def test_store_reports_no_password(tmp_path, url, monkeypatch):
    monkeypatch.setattr(remote, "PAUSE", 0.0)
    store = Store(tmp_path, url)
    with pytest.raises(StoreError) as caught, store.hold():
        pass
    for text in (str(caught.value), repr(store), store.location):
        assert "ss-w0rd" not in text and "user" not in text
        assert "host" in text or "127.0.0.1" in text


def test_store_at_reports_an_invalid_url_without_its_password():
    with pytest.raises(StoreError, match="is not a URL") as caught:
        Store.at(f"sftp://user:{SECRET}@[host/store")
    assert "ss-w0rd" not in str(caught.value)
