"""Runs give the same result and repeat no work: with a remote store, a cluster, and after a kill."""

import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from itertools import takewhile

import pytest

from tests.sftp import sftp_server
from tests.shotladder.running import FAST, REPOSITORY, command, shotladder


def segment_bytes(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.m4s")}


def stored(folder):
    """Return the modification time of each artefact."""
    return {path: path.stat().st_mtime_ns for path in folder.glob("*/*/*") if path.suffix != ".sum"}


def test_encode_repeats_no_work_with_a_remote_store(made, tmp_path):
    """Another machine takes all artefacts from the store of an earlier run on a server, and adds none."""
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


def test_encode_gives_the_same_in_two_runs_at_once(made, tmp_path):
    runs = []
    for name in ("one", "two"):
        argv, environment = command("encode", made.film, "-o", tmp_path / name, *FAST, store=tmp_path / "store")
        runs.append(subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    assert [run.wait() for run in runs] == [0, 0]
    for name in ("one", "two"):
        assert segment_bytes(tmp_path / name) == segment_bytes(made.folder)
    names = {path.relative_to(tmp_path / "store") for path in stored(tmp_path / "store")}
    # the other store holds artefacts of other tests as well
    assert names <= {path.relative_to(made.store) for path in stored(made.store)}


@pytest.fixture
def cluster(tmp_path):
    """A Dask scheduler and two workers with one thread each; each is a process."""
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


def test_encode_gives_the_same_on_a_cluster_that_loses_a_worker(made, cluster, tmp_path):
    address, workers = cluster
    words = ("encode", made.film, "-o", tmp_path / "out", *FAST, "--cluster", address)
    argv, environment = command(*words, store=tmp_path / "store")
    with subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as run:
        lines = list(takewhile(lambda line: line != "encode and measure ...\n", run.stderr))
        workers[0].kill()
        kept = stored(tmp_path / "store")
        lines.append(run.communicate()[1])
    assert run.returncode == 0, lines
    assert segment_bytes(tmp_path / "out") == segment_bytes(made.folder)
    after = stored(tmp_path / "store")
    assert {path: after[path] for path in kept} == kept


def test_encode_killed_at_any_moment_keeps_finished_artefacts(made, tmp_path):
    words = ("encode", made.film, "-o", tmp_path / "out", *FAST)
    rng = random.Random(7)
    kept = {}
    # with many workers, long jobs are split
    for workers in (1, 3, 8):
        argv, environment = command(*words, "--workers", workers, store=tmp_path / "store")
        with subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
            with contextlib.suppress(subprocess.TimeoutExpired):
                run.wait(timeout=rng.uniform(1.5, 5))
            run.kill()
        assert not (tmp_path / "out").exists()
        now = stored(tmp_path / "store")
        assert {path: now[path] for path in kept} == kept
        kept = {path: made_at for path, made_at in now.items() if not path.name.startswith(".")}
    answer = shotladder(*words, "--workers", 1, store=tmp_path / "store")
    assert answer.status == 0, answer.err
    assert segment_bytes(tmp_path / "out") == segment_bytes(made.folder)
    after = stored(tmp_path / "store")
    assert {path: after[path] for path in kept} == kept


def test_encode_repeats_only_a_changed_rung(made, tmp_path):
    file = tmp_path / "ladder.json"
    assert shotladder("ladder", made.film, "-o", file, *FAST, "--quiet", store=made.store).status == 0
    # a store without probe encodes and corrections, which the changed rung could reuse
    store = tmp_path / "store"
    words = ("encode", made.film, "--ladder", file, "--quiet")
    assert shotladder(*words, "-o", tmp_path / "first", store=store).status == 0
    before = stored(store)
    ladder = json.loads(file.read_text())
    # a single ladder, or the only one of several
    (ladder,) = ladder.get("ladders", [ladder])
    ladder["rungs"][1]["quantisers"] = [quantiser - 1.25 for quantiser in ladder["rungs"][1]["quantisers"]]
    file.write_text(json.dumps(ladder))
    assert shotladder(*words, "-o", tmp_path / "second", store=store).status == 0
    new = [path for path in stored(store) if path not in before]
    count = len(ladder["chunks"])
    assert sorted(path.relative_to(store).parts[0] for path in new) == ["chunk"] * count + ["final"] * count
    first, second = segment_bytes(tmp_path / "first"), segment_bytes(tmp_path / "second")
    assert len(set(first.values()) & set(second.values())) >= len(first) // 2
