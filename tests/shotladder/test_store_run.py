"""What a run reports about the store that it holds."""

from pathlib import Path

import pytest

from shotladder.pipeline.store_run import clean_store, hold_store
from shotladder.reporter import Reporter
from shotladder_runtime.store import Store


class Notes(Reporter):
    """Keeps the lines that it is given."""

    def __init__(self):
        super().__init__(quiet=True)
        self.lines = []

    def say(self, text):
        self.lines.append(text)


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    store.write(store.path("chunk", {"n": 1}, ".bin"), lambda part: part.write_bytes(b"whole"))
    return store


@pytest.mark.parametrize(("parts", "expected"), [(0, "no unfinished files"), (1, "1 unfinished file"), (2, "2 unf")])
def test_hold_store_reports_a_killed_run_once(store, parts, expected):
    (store.root / ".runs").mkdir()
    (store.root / ".runs" / "tmp12345678").touch()
    path = store.path("chunk", {"n": 1}, ".bin")
    for n in range(parts):
        path.with_name(f".{path.stem}.0000000{n}.bin").write_bytes(b"half")
    notes = Notes()
    for _ in range(2):
        with hold_store(store, notes):
            assert store.has(path)
    assert len(notes.lines) == 1
    assert notes.lines[0].startswith(f"an earlier run or worker was killed: {expected}")


def test_hold_store_deletes_the_folder_of_a_killed_worker(store):
    folder = store.root / ".chunk.12345678"
    folder.mkdir()
    (folder / ".shotladder-temporary").touch()
    notes = Notes()
    with hold_store(store, notes):
        assert not folder.exists()
    assert len(notes.lines) == 1


def test_clean_store_reports_a_killed_run_once_and_makes_no_store(store, tmp_path, monkeypatch):
    notes = Notes()
    clean_store(Store(tmp_path / "absent"), notes)
    assert not (tmp_path / "absent").exists()
    clean_store(store, notes)
    assert notes.lines == []
    (store.root / ".runs").mkdir()
    killed = store.root / ".runs" / "tmp12345678"
    killed.touch()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *_, **__: (_ for _ in ()).throw(OSError(30, "Read-only file system")))
        clean_store(store, notes)
    assert notes.lines == [], "a store that is read-only does not end the command"
    for _ in range(2):
        clean_store(store, notes)
    assert not killed.exists()
    assert len(notes.lines) == 1
    assert notes.lines[0].startswith("an earlier run or worker was killed: no unfinished files")
