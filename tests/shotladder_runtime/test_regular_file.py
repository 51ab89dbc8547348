"""A file that a user names is read within a limit, and only if it is a regular file."""

import errno
import os
from pathlib import Path

import pytest

from shotladder_runtime.regular_file import read_regular_file

#: Open descriptors of this process.
DESCRIPTORS = Path("/proc/self/fd")


def test_read_regular_file_returns_text_up_to_its_limit(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b"\xef\xbb\xbf" + "ä{}".encode())
    assert read_regular_file(path, 7) == "ä{}"
    with pytest.raises(OSError, match="it is larger than 6 bytes"):
        read_regular_file(path, 6)


def test_read_regular_file_refuses_folders_pipes_and_devices_without_waiting(tmp_path):
    with pytest.raises(IsADirectoryError) as folder:
        read_regular_file(tmp_path, 10)
    assert folder.value.errno == errno.EISDIR
    os.mkfifo(tmp_path / "pipe")
    before = len(list(DESCRIPTORS.iterdir()))
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(OSError, match="it is not a regular file"):
            read_regular_file(path, 10)
    assert len(list(DESCRIPTORS.iterdir())) == before, "the descriptors are closed"


@pytest.mark.parametrize(("name", "content"), [("a", b"\xff"), ("a\0b", b"")])
def test_read_regular_file_raises_value_error_for_other_text_and_names(tmp_path, name, content):
    if content:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError):
        read_regular_file(f"{tmp_path}/{name}", 10)


def test_read_regular_file_reports_an_absent_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_regular_file(tmp_path / "absent", 10)
