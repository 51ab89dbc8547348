"""A run gives the same, and does nothing twice, whoever does the work and whatever befalls them."""

import shutil
import subprocess

from tests.sftp import sftp_server
from tests.shotladder.running import FAST, command


def segment_bytes(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.m4s")}


def stored(folder):
    """When each artefact was made."""
    return {path: path.stat().st_mtime_ns for path in folder.glob("*/*/*")}


def test_a_second_machine_does_nothing_again(made, tmp_path):
    """The store of an earlier run on a server: another machine asks it for everything, and adds nothing."""
    served = tmp_path / "served"
    shutil.copytree(made.store, served, ignore=shutil.ignore_patterns(".*"))
    before = stored(served)
    with sftp_server(tmp_path) as address:
        url = f"{address}{served}"
        argv, environment = command("encode", made.film, "-o", tmp_path / "out", *FAST, "--quiet", store=url)
        environment |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
        done = subprocess.run(argv, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert stored(served) == before
    assert segment_bytes(tmp_path / "out") == segment_bytes(made.folder)


def test_two_runs_at_once_leave_the_same(made, tmp_path):
    runs = []
    for name in ("one", "two"):
        argv, environment = command("encode", made.film, "-o", tmp_path / name, *FAST, store=tmp_path / "store")
        runs.append(subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    assert [run.wait() for run in runs] == [0, 0]
    for name in ("one", "two"):
        assert segment_bytes(tmp_path / name) == segment_bytes(made.folder)
    names = {path.relative_to(tmp_path / "store") for path in stored(tmp_path / "store")}
    assert names == {path.relative_to(made.store) for path in stored(made.store)}
