"""A command that a signal ends leaves no keys, no clear frames and no temporary files, or the next one deletes them."""

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from shotladder.pipeline.output import atomic_directory, check_output
from shotladder_runtime.store import atomic_write
from tests.shotladder.running import FAST, command
from tests.shotladder.test_output import build, texts

#: Runs the command and is killed when the packager would start; prints the content of its file of flags before.
KILLED_AT_PACKAGING = """
import os, signal, sys
from pathlib import Path
from encoder.packaging import packager
from shotladder.cli import main

def kill(argv, **options):
    (flag,) = [word for word in argv if word.startswith("--flagfile=")]
    print(Path(flag.removeprefix("--flagfile=")).read_text(), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

packager.run = kill
main()
"""

#: Replaces a presentation and is killed at one moment of it.
KILLED_AT_REPLACING = """
import os, signal, sys
from pathlib import Path
from shotladder.pipeline import output
from tests.shotladder.test_output import build

def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[2] == "before the new one":
    real = Path.replace
    def replace(path, target):
        return kill() if path.name == "new" else real(path, target)
    Path.replace = replace
elif sys.argv[2] == "after the new one":
    output._delete_listed = kill
else:
    Path.rmdir = kill
with output.atomic_directory(Path(sys.argv[1]), overwrite=True) as folder:
    build(folder, "new")
"""


def environment(folder):
    """Return an environment whose files are in this folder."""
    for name in ("tmp", "data"):
        (folder / name).mkdir(exist_ok=True)
    return {"TMPDIR": str(folder / "tmp"), "XDG_DATA_HOME": str(folder / "data")}


def files_in(folder):
    return [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_main_unwinds_on_a_signal(made, tmp_path, number):
    argv, env = command("encode", made.film, "-o", tmp_path / "out", *FAST, "--preset", "placebo", store=tmp_path / "s")
    env |= environment(tmp_path)
    with subprocess.Popen(argv, env=env, stderr=subprocess.PIPE, text=True) as run:
        for line in run.stderr:
            if "probe" in line:
                break
        run.send_signal(number)
        _, err = run.communicate(timeout=60)
    assert run.returncode == 128 + number
    assert err.splitlines()[-1] == "interrupted"
    assert "Traceback" not in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "s", "tmp"]
    assert list((tmp_path / "tmp").iterdir()) == []
    assert [
        *(tmp_path / "s").glob(".chunk.*"),
        *(tmp_path / "s").glob("*/*/.*"),
        *(tmp_path / "s/.runs").iterdir(),
    ] == []


def test_main_ignores_a_signal_that_its_parent_ignores():
    code = (
        "import os, signal, sys\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\nfrom shotladder import cli\n"
        "cli.group.main = lambda **_: os.kill(os.getpid(), signal.SIGHUP)\ncli.main()\n"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_main_cleans_up_although_a_signal_is_repeated(number):
    code = (
        "import os, signal\nfrom shotladder import cli\n"
        f"def run(**_):\n  try:\n    os.kill(os.getpid(), {number})\n    signal.pause()\n"
        f"  finally:\n    os.kill(os.getpid(), {number})\n    os.kill(os.getpid(), {signal.SIGINT})\n"
        "    print('cleaned', flush=True)\ncli.group.main = run\ncli.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "cleaned\n", "interrupted\n")


def test_encode_killed_while_it_packages_leaves_no_keys_and_no_clear_frames(made, tmp_path):
    (tmp_path / "served").mkdir()
    # the encodes are finished already
    shutil.copytree(made.store, tmp_path / "store", ignore=shutil.ignore_patterns(".*"))
    words = ("encode", made.film, "-o", tmp_path / "served" / "out", *FAST, "--encrypt")
    argv, env = command(*words, store=tmp_path / "store")
    env |= environment(tmp_path)
    killed = [sys.executable, "-c", KILLED_AT_PACKAGING, *argv[3:]]
    done = subprocess.run(killed, env=env, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    keys = re.findall(r":key=([0-9a-f]{32})", done.stdout)
    assert keys
    for path in files_in(tmp_path):
        content = path.read_bytes()
        assert not any(key.encode() in content or bytes.fromhex(key) in content for key in keys), path
    assert [path for path in files_in(tmp_path / "served") if path.stat().st_size] == []
    assert list((tmp_path / "store").glob(".tracks.*"))

    answer = subprocess.run(argv, env=env, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert [path.name for path in (tmp_path / "served").iterdir()] == ["out"]
    assert list((tmp_path / "tmp").iterdir()) == []
    assert len(list((tmp_path / "data").rglob("*.json"))) == 1
    left = [path.name for path in (tmp_path / "store").rglob(".*") if path.is_dir() or "." in path.name[1:]]
    assert sorted(left) == [".jobs", ".runs"]


@pytest.mark.parametrize("moment", ["before the new one", "after the new one", "while it deletes the old one"])
def test_check_output_finishes_or_undoes_a_killed_replacement(tmp_path, moment):
    output = tmp_path / "out"
    output.mkdir()
    build(output, "old")
    killed = [sys.executable, "-c", KILLED_AT_REPLACING, str(output), moment]
    assert subprocess.run(killed, cwd=Path(__file__).parents[2]).returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) > 1
    check_output(output, "film.mp4", overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert json.loads(texts(output)["presentation.json"])["request"] == (
        "old" if moment.startswith("before") else "new"
    )


def test_check_output_keeps_folders_that_it_did_not_make(tmp_path):
    for name in (".out.abcdefgh", ".out.old.abcdefgh", ".git.abcdefgh"):
        (tmp_path / name / "out").mkdir(parents=True)
        (tmp_path / name / "out" / "presentation.json").write_text(
            '{"request": "mine", "files": ["presentation.json"]}'
        )
    with atomic_directory(tmp_path / "other", overwrite=False):
        before = sorted(tmp_path.rglob("*"))
        check_output(tmp_path / "out", "film.mp4", overwrite=False)
        assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("mask", [0o002, 0o022, 0o077])
def test_atomic_directory_and_atomic_write_respect_the_umask(tmp_path, mask):
    before = os.umask(mask)
    try:
        with atomic_directory(tmp_path / "out", overwrite=False) as folder:
            atomic_write(folder / "file", lambda part: part.write_text("text"))
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out", tmp_path / "out" / "file")]
    assert modes == [0o777 & ~mask, 0o666 & ~mask]
