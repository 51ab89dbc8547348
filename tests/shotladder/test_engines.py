"""A run gives the same, and does nothing twice, whoever does the work and whatever befalls them."""

import json
import os
import shutil
import subprocess
import sys
import time
from itertools import takewhile

import pytest

from tests.sftp import sftp_server
from tests.shotladder.running import FAST, REPOSITORY, command


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


@pytest.fixture
def cluster(tmp_path):
    """A Dask scheduler and two workers of one thread each, every one a process of its own."""
    file, environment = tmp_path / "scheduler.json", os.environ | {"PYTHONPATH": str(REPOSITORY)}
    options = {"env": environment, "cwd": tmp_path, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    dask = [
        sys.executable,
        "-m",
        "distributed.cli.dask_scheduler",
        "--no-dashboard",
        "--port",
        "0",
        "--host",
        "127.0.0.1",
    ]
    processes = [subprocess.Popen([*dask, "--scheduler-file", str(file)], **options)]
    dask = [sys.executable, "-m", "distributed.cli.dask_worker", "--no-dashboard", "--no-nanny", "--nthreads", "1"]
    try:
        for n in range(2):
            words = [
                *dask,
                "--scheduler-file",
                str(file),
                "--name",
                str(n),
                "--local-directory",
                str(tmp_path / str(n)),
            ]
            processes.append(subprocess.Popen(words, **options))
        while not (file.exists() and file.read_text().rstrip().endswith("}")):
            assert processes[0].poll() is None
            time.sleep(0.05)
        yield json.loads(file.read_text())["address"], processes[1:]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_a_cluster_that_loses_a_worker_leaves_the_same(made, cluster, tmp_path):
    address, workers = cluster
    words = ("encode", made.film, "-o", tmp_path / "out", *FAST, "--cluster", address)
    argv, environment = command(*words, store=tmp_path / "store")
    with subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as run:
        said = list(takewhile(lambda line: line != "encode and measure ...\n", run.stderr))
        workers[0].kill()
        kept = stored(tmp_path / "store")
        said.append(run.communicate()[1])
    assert run.returncode == 0, said
    assert segment_bytes(tmp_path / "out") == segment_bytes(made.folder)
    after = stored(tmp_path / "store")
    assert {path: after[path] for path in kept} == kept
