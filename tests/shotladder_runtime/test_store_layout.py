"""What marks a folder or a remote place as a store."""

import uuid

import pytest

from shotladder_runtime.errors import StoreError
from shotladder_runtime.store import remote, store_layout


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
