"""Files are complete or absent under their name."""

import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from shotladder_runtime.store import atomic_write

REPOSITORY = Path(__file__).resolve().parents[2]


def test_atomic_write_keeps_the_old_file_after_a_failure(tmp_path):
    path = tmp_path / "deep" / "file.bin"
    atomic_write(path, lambda part: part.write_bytes(b"old"))

    def fail(part):
        part.write_bytes(b"half of the n")
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        atomic_write(path, fail)
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_atomic_write_shows_no_unfinished_file(tmp_path):
    path = tmp_path / "file.mp4"
    seen = []

    def make(part):
        part.write_bytes(b"whole")
        seen.append((path.exists(), part.parent == path.parent, part.suffix, part.name[0]))

    atomic_write(path, make)
    assert seen == [(False, True, ".mp4", ".")]
    assert path.read_bytes() == b"whole"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_atomic_write_by_many_threads_leaves_one_complete_file(tmp_path):
    path = tmp_path / "file.bin"
    barrier = threading.Barrier(8)
    torn = []

    def write(letter):
        barrier.wait()
        for _ in range(20):
            atomic_write(path, lambda part: part.write_bytes(letter * 100_000))
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


def test_atomic_write_leaves_nothing_when_killed(tmp_path):
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom shotladder_runtime.store import atomic_write\n"
        "def make(part):\n    part.write_bytes(b'half')\n    print('half', flush=True)\n    time.sleep(120)\n"
        f"atomic_write(Path({str(tmp_path / 'file.bin')!r}), make)\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY, stdout=subprocess.PIPE)
    with writer:
        assert writer.stdout.readline() == b"half\n"
        os.kill(writer.pid, signal.SIGKILL)
    assert not (tmp_path / "file.bin").exists()
    atomic_write(tmp_path / "file.bin", lambda part: part.write_bytes(b"whole"))
    assert (tmp_path / "file.bin").read_bytes() == b"whole"
