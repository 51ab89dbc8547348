"""A Dask scheduler and four workers in processes of their own: one is killed or suspended, all are lost."""

import contextlib
import logging
import socket
import threading
from types import SimpleNamespace

import pytest

from shotladder_runtime.errors import ClusterError
from shotladder_runtime.jobs import ThrottledExecutor, cluster, cluster_executor, run_all
from shotladder_runtime.store import Store
from tests.shotladder_runtime.cluster_jobs import StoredJob, run_job
from tests.shotladder_runtime.dask_processes import Cluster

WORKERS, JOBS = 4, 24


class Proxy:
    """Forwards connections to a port, until the network is cut."""

    def __init__(self, port: int) -> None:
        self.port, self.is_cut, self.sockets = port, False, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def connect(self) -> socket.socket:
        """Connect to the port; its process may have just started."""
        while True:
            far = socket.socket()
            if far.connect_ex(("127.0.0.1", self.port)) == 0:
                return far
            far.close()

    def accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                if self.is_cut:
                    near.close()
                    continue
                far = self.connect()
                self.sockets += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self.forward, args=pair, daemon=True).start()

    def forward(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while block := source.recv(65536):
                target.sendall(block)
        self.close(source, target)

    def cut(self) -> None:
        """Close all connections, refuse new ones for a moment, and forward again."""
        self.is_cut = True
        self.close(*self.sockets)
        threading.Timer(1.0, setattr, (self, "is_cut", False)).start()

    def close(self, *sockets: socket.socket) -> None:
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def farm(tmp_path_factory):
    farm = Cluster(tmp_path_factory.mktemp("farm"), WORKERS)
    yield farm
    farm.stop()


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def run_with(farm, store, act, suspended=-1, report=print):
    """Run jobs; call `act` after the eighth result."""
    found = {}
    jobs = [StoredJob(n, store, suspended=suspended) for n in range(JOBS)]
    with cluster_executor(farm.address, store, report) as executor:
        executor.resize(WORKERS)
        for count, (job, result) in enumerate(run_all(executor, run_job, jobs), 1):
            found[job.number] = result
            if count == 8:
                act()
    return found


def read_all(store):
    return {n: store.read_json("square", {"number": n}) for n in range(JOBS)}


EXPECTED = {n: n * n for n in range(JOBS)}


def test_cluster_executor_ends_with_all_results_when_a_worker_is_killed(farm, store):
    assert run_with(farm, store, farm.workers[0].kill) == EXPECTED
    assert read_all(store) == EXPECTED
    assert [*store.root.glob("hello/*/*")] == [], "the check of the workers leaves nothing"


@pytest.fixture
def watch(monkeypatch):
    """Look at the workers often, and remove those that are silent for 6 s; a busy machine delays others by less."""
    monkeypatch.setattr(cluster, "COUNT_INTERVAL", 0.2)
    monkeypatch.setattr(cluster, "SILENCE_TIMEOUT", 6.0)
    monkeypatch.setattr(cluster, "MISSING_HEARTBEATS", 1)


def test_cluster_executor_removes_a_suspended_worker_and_its_jobs_run_elsewhere(farm, store, watch, monkeypatch):
    # otherwise an idle worker may repeat the job before the removal
    monkeypatch.setattr(ThrottledExecutor, "repeat_overdue", lambda self: 0)
    lines = []
    assert run_with(farm, store, lambda: None, suspended=11, report=lines.append) == EXPECTED
    assert read_all(store) == EXPECTED
    (line,) = lines
    assert line.endswith("was removed: it sent no heartbeat for 6 s; its jobs run elsewhere")


def test_cluster_executor_refuses_workers_of_another_version(farm, store, monkeypatch):
    monkeypatch.setattr(cluster, "ffmpeg_version", lambda: "0.1")
    with (
        pytest.raises(ClusterError, match=r"worker tcp.* has ffmpeg .*, this machine 0\.1; use one version"),
        cluster_executor(farm.address, store),
    ):
        pass


def test_cluster_executor_refuses_workers_that_cannot_run_its_code(farm, store, monkeypatch):
    monkeypatch.setattr(cluster, "probe_worker", fail_there)
    with (
        pytest.raises(ClusterError, match=r"cannot run jobs \(no such function\); use one version of shotladder"),
        cluster_executor(farm.address, store),
    ):
        pass


def fail_there(*_):
    raise AttributeError("no such function")


def test_cluster_executor_ends_when_all_workers_are_lost_and_goes_on_later(farm, store, monkeypatch):
    monkeypatch.setattr(cluster, "COUNT_INTERVAL", 0.2)
    monkeypatch.setattr(cluster, "NO_WORKER_TIMEOUT", 1.0)
    with pytest.raises(ClusterError, match=r"no worker for 1 s; finished results are in .*store"):
        run_with(farm, store, farm.kill_workers)
    done = {n: value for n, value in read_all(store).items() if value is not None}
    assert 8 <= len(done) < JOBS
    assert done.items() <= EXPECTED.items()
    farm.start_workers()
    assert run_with(farm, store, lambda: None) == EXPECTED


def test_probe_worker_returns_versions_and_access(tmp_path):
    store = SimpleNamespace(read_json=lambda *_: "token")
    versions, has_store = cluster.probe_worker(store, "token")
    assert has_store and set(versions) == {"shotladder", "ffmpeg", "Python"}


def test_cluster_executor_goes_on_when_the_network_to_the_scheduler_was_cut(farm, store, monkeypatch):
    monkeypatch.setattr(cluster, "COUNT_INTERVAL", 0.2)
    # processes start slowly on a busy machine
    monkeypatch.setattr(cluster, "TIMEOUT", 200)
    proxy = Proxy(farm.port)
    assert run_with(SimpleNamespace(address=proxy.address), store, proxy.cut) == EXPECTED
    assert read_all(store) == EXPECTED
    proxy.listener.close()


def test_cluster_executor_goes_on_when_the_scheduler_is_restarted(farm, store, monkeypatch):
    monkeypatch.setattr(cluster, "COUNT_INTERVAL", 0.2)
    # processes start slowly on a busy machine
    monkeypatch.setattr(cluster, "TIMEOUT", 200)

    def restart():
        farm.scheduler.kill()
        farm.scheduler.wait()
        farm.scheduler = farm.start_scheduler()
        farm.start_workers()

    assert run_with(farm, store, restart) == EXPECTED
    assert read_all(store) == EXPECTED


@pytest.fixture
def logged():
    """The messages that Dask logs."""
    messages = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    for name in cluster.LOGGERS:
        logging.getLogger(name).addHandler(handler)
    yield messages
    for name in cluster.LOGGERS:
        logging.getLogger(name).removeHandler(handler)


def test_cluster_executor_ends_with_one_error_when_the_scheduler_is_killed(farm, store, watch, monkeypatch, logged):
    monkeypatch.setattr(cluster, "TIMEOUT", 2)
    with pytest.raises(ClusterError, match=r"the scheduler did not answer for 2 s; finished results are in .*store"):
        run_with(farm, store, farm.scheduler.kill)
    assert read_all(store).items() <= EXPECTED.items() | {(n, None) for n in range(JOBS)}
    # Dask would log the lost connection to standard error
    assert logged == []
