"""The log of jobs, and the metrics that a run serves."""

import json
import socket
import sys
import urllib.request
from dataclasses import dataclass
from datetime import datetime

import pytest

from shotladder_runtime import process
from shotladder_runtime.errors import ClusterError, JobsError, MissingPackageError, ProcessError
from shotladder_runtime.jobs import LocalExecutor, run_all
from shotladder_runtime.jobs.job_log import JobLog, LogError
from shotladder_runtime.jobs.job_metrics import serve_metrics


@dataclass(frozen=True)
class Work:
    name: str
    cost: float = 1.0
    memory: int = 1000

    def split(self, count):
        return [self]


def run_job(work):
    process.run([sys.executable, "-c", "b = b'x' * 50_000_000"])
    if work.name == "bad":
        raise ProcessError(("tool",), 1, "broken")
    return work.name


def test_job_log_has_a_line_for_each_attempt(tmp_path):
    log = JobLog(tmp_path / "log")
    with LocalExecutor(1) as executor, pytest.raises(JobsError):
        executor.observers.append(log)
        # with progress, a function of the executor calls that of the job
        results = run_all(executor, run_job, [Work("good")], lambda done, total: None)
        assert [result for _, result in results] == ["good"]
        list(run_all(executor, run_job, [Work("bad")]))
    log.close()
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [line["status"] for line in lines] == ["done", "failed", "failed"]
    assert "broken" in lines[1]["error"] and lines[0]["error"] is None
    for line in lines:
        assert line["job"].endswith("test_job_log.run_job")
        assert line["host"].startswith(socket.gethostname())
        assert line["cpu_seconds"] > 0
        assert line["peak_memory"] > 50_000_000
        assert line["predicted_memory"] == 1000
        assert datetime.fromisoformat(line["start"]) <= datetime.fromisoformat(line["end"])


def test_job_log_reports_a_file_that_cannot_be_written(tmp_path):
    with pytest.raises(LogError, match="the log cannot be written"):
        JobLog(tmp_path / "absent" / "log")


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_serve_metrics_serves_the_numbers_of_jobs(port):
    pytest.importorskip("prometheus_client")
    with LocalExecutor(2) as executor, serve_metrics(executor, port, "127.0.0.1"):
        list(run_all(executor, run_job, [Work("good")]))
        text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
    assert 'shotladder_attempts_total{status="done"} 1.0' in text
    assert 'shotladder_jobs{state="waiting"} 0.0' in text
    assert "shotladder_workers 2.0" in text
    assert "shotladder_job_seconds_count 1.0" in text


def test_serve_metrics_reports_a_used_port():
    pytest.importorskip("prometheus_client")
    with socket.socket() as used:
        used.bind(("127.0.0.1", 0))
        used.listen()
        number = used.getsockname()[1]
        fault = f"--metrics {number}: the port cannot"
        with (
            LocalExecutor(1) as executor,
            pytest.raises(ClusterError, match=fault),
            serve_metrics(executor, number, "127.0.0.1"),
        ):
            pass


def test_serve_metrics_names_the_missing_package(port, monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with (
        LocalExecutor(1) as executor,
        pytest.raises(MissingPackageError, match="metrics"),
        serve_metrics(executor, port),
    ):
        pass
