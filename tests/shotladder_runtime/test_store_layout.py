"""What marks a folder or a remote place as a store."""

import shutil
import uuid

import pytest

from shotladder_runtime.errors import StoreError
from shotladder_runtime.store import Store, remote, store_layout


def test_remote_store_is_marked_once_and_refuses_other_files_and_newer_versions(tmp_path):
    url = f"memory://{uuid.uuid4()}/store"
    assert store_layout.is_remote_store(url) is False
    store_layout.make_remote_store(url)
    assert store_layout.is_remote_store(url) is True
    store_layout.make_remote_store(url)
    (tmp_path / "file").write_text('{"shotladder_store": 2}')
    remote.upload(tmp_path / "file", f"{url}/{store_layout.MARKER}")
    with pytest.raises(StoreError, match="newer shotladder"):
        store_layout.is_remote_store(url)
    other = f"memory://{uuid.uuid4()}/other"
    remote.upload(tmp_path / "file", f"{other}/video.mp4")
    with pytest.raises(StoreError, match="is not empty, and is not a store"):
        store_layout.make_remote_store(other)


@pytest.mark.parametrize("is_mixed", [False, True])
def test_hold_restores_the_marker_of_a_store_that_was_deleted_during_the_run(tmp_path, is_mixed):
    store = Store(tmp_path / "store")
    path = store.path("probe", {"q": 1}, ".json")

    def delete_and_make(part):
        shutil.rmtree(store.root)
        path.parent.mkdir(parents=True)
        part.write_text("1")

    with store.hold():
        store.write(path, delete_and_make)
        if is_mixed:
            (store.root / "holiday.mp4").write_bytes(b"mine")
    if is_mixed:
        with pytest.raises(StoreError, match="is not a store"):
            store.has(path)
        assert not (store.root / store_layout.MARKER).exists()
    else:
        assert store.has(path)
        assert path.read_text() == "1"


def test_hold_makes_no_store_of_a_folder_that_was_deleted_during_the_run(tmp_path):
    store = Store(tmp_path / "store")
    with store.hold():
        shutil.rmtree(store.root)
    assert not store.root.exists()
