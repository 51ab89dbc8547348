"""Errors of clusters, and the pickled size of a source."""

import pickle
import socket
import threading
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import pytest

from encoder import Colour, Source
from shotladder_runtime.errors import ClusterError
from shotladder_runtime.jobs import cluster, cluster_executor
from shotladder_runtime.store import Store


@pytest.fixture
def nobody():
    """An address at which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        yield f"tcp://127.0.0.1:{free.getsockname()[1]}"


def test_cluster_executor_reports_an_absent_scheduler(nobody, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "TIMEOUT", 0.3)
    with (
        pytest.raises(ClusterError, match=r"127\.0\.0\.1.*no Dask scheduler"),
        cluster_executor(nobody, Store(tmp_path)),
    ):
        pass
    with pytest.raises(ClusterError, match="no Dask scheduler"), cluster_executor("nonsense://", Store(tmp_path)):
        pass


def test_check_workers_refuses_a_scheduler_without_workers(tmp_path):
    def wait_for_workers(count, timeout):
        raise TimeoutError("Only 0/1 workers arrived")

    client = SimpleNamespace(wait_for_workers=wait_for_workers)
    with pytest.raises(ClusterError, match=r"^tcp://here:8786: the scheduler has no workers$"):
        cluster._check_workers(client, "tcp://here:8786", Store(tmp_path))


def test_find_silent_returns_workers_without_a_new_heartbeat():
    heartbeats = cluster.Heartbeats()
    assert heartbeats.find_silent({"a": 1.0, "b": 1.0}, 2) == []
    assert heartbeats.find_silent({"a": 1.0, "b": 2.0}, 2) == []
    assert heartbeats.find_silent({"a": 1.0, "b": 3.0}, 2) == ["a"]
    assert heartbeats.find_silent({"b": 3.0, "c": 1.0}, 2) == []
    assert heartbeats.find_silent({"a": 1.0, "b": 3.0}, 2) == ["b"]


class Client:
    """A client of a scheduler with one worker that sends no heartbeats."""

    def __init__(self, status):
        self.status, self.removed = status, []
        self.scheduler = SimpleNamespace(unregister=self.removed.append)

    def scheduler_info(self, n_workers):
        # a client that lost its connection returns nothing
        return {} if self.removed else {"workers": {"tcp://a": {"last_seen": 1.0, "nthreads": 4}}}

    def sync(self, function, address, stimulus_id):
        function(address)


class RecordingExecutor:
    """Records what a watch does; `ended` is set when it ends the run."""

    def __init__(self):
        self.calls, self.ended = [], threading.Event()

    def resize(self, width):
        self.calls.append(("resize", width))

    def repeat_overdue(self):
        return 0

    def expect_lost_locks(self):
        self.calls.append(("expect_lost_locks",))

    def abort(self, error):
        self.calls.append(("abort", str(error)))
        self.ended.set()


@pytest.fixture
def watched(monkeypatch, tmp_path):
    """Return a function that watches a client until the run ends, and returns the calls and lines."""
    monkeypatch.setattr(cluster, "COUNT_INTERVAL", 0.01)
    monkeypatch.setattr(cluster, "SILENCE_TIMEOUT", 0.02)
    monkeypatch.setattr(cluster, "MISSING_HEARTBEATS", 0)
    monkeypatch.setattr(cluster, "NO_WORKER_TIMEOUT", 0.05)

    def watch(client):
        executor, lines = RecordingExecutor(), []
        following = cluster.Watch(client, executor, "tcp://scheduler", Store(tmp_path), lines.append)
        following.start()
        assert executor.ended.wait(20)
        following.stop()
        return executor.calls, lines

    return watch


def test_watch_removes_a_worker_without_heartbeats_and_ends_a_run_without_workers(watched):
    client = Client("running")
    calls, lines = watched(client)
    assert client.removed == ["tcp://a"]
    assert lines == ["worker tcp://a was removed: it sent no heartbeat for 0 s; its jobs run elsewhere"]
    assert calls[0] == ("resize", 4)
    assert calls[-2] == ("expect_lost_locks",)
    assert "there was no worker for 0 s; finished results are in" in calls[-1][1]


def test_watch_ends_a_run_whose_client_has_lost_the_scheduler(watched):
    calls, lines = watched(Client("closed"))
    assert lines == []
    ((_, message),) = calls
    assert message.startswith("tcp://scheduler: the scheduler did not answer for 20 s; finished results are in")


def test_source_is_pickled_compactly_and_completely():
    video = Source(
        **{"path": "video", "content_id": "known", "stream_index": 0, "codec": "h264", "pixel_format": "yuv420p"},
        **{"width": 1920, "height": 1080, "sample_aspect_ratio": Fraction(1), "rotation": 0, "interlaced": False},
        **{"colour": Colour("bt709"), "bit_depth": 8, "time_base": Fraction(1, 24000)},
        **{"pts": tuple(range(-1001, 172_799 * 1001, 1001)), "keyframes": tuple(range(0, 172_800, 48))},
        **{"frame_rate": Fraction(24000, 1001), "end_pts": 172_799 * 1001},
    )
    packed = pickle.dumps(video)
    assert len(packed) < 5000
    assert pickle.loads(packed) == video
    varying = replace(video, pts=tuple(n * n for n in range(1000)), keyframes=(0,))
    assert pickle.loads(pickle.dumps(varying)) == varying
