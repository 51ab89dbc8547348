"""Numbers of the jobs of a run for a Prometheus server, at an HTTP port of the coordinator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from shotladder_runtime.errors import ClusterError
from shotladder_runtime.jobs.executor import ThrottledExecutor
from shotladder_runtime.jobs.job_log import JobEntry
from shotladder_runtime.optional import require

__all__ = ["serve_metrics"]

#: Upper bounds of the histogram of durations, s. Chosen by hand: from a small probe to a long chunk of a slow preset.
DURATIONS = (1, 3, 10, 30, 100, 300, 1000, 3000)


@contextmanager
def serve_metrics(executor: ThrottledExecutor, port: int, address: str = "") -> Iterator[None]:
    """Serve the metrics of an executor at `/metrics` during the block.

    Parameters
    ----------
    executor : ThrottledExecutor
        Before its first job.
    port : int
        TCP port.
    address : str
        Interface to listen on; all by default, because the metrics server is another machine.

    Raises
    ------
    MissingPackageError
        If prometheus-client is not installed.
    ClusterError
        If the port cannot be used.
    """
    prometheus = require("prometheus_client", extra="metrics")
    registry = prometheus.CollectorRegistry()
    gauge = prometheus.Gauge("shotladder_jobs", "Jobs of the run now, by state.", ["state"], registry=registry)
    gauge.labels("waiting").set_function(lambda: executor.waiting_count)
    gauge.labels("running").set_function(lambda: executor.running_count)
    width = prometheus.Gauge("shotladder_workers", "Number of concurrent jobs.", registry=registry)
    width.set_function(lambda: executor.width)
    ended = prometheus.Counter("shotladder_attempts", "Attempts that ended, by status.", ["status"], registry=registry)
    cpu = prometheus.Counter("shotladder_cpu_seconds", "CPU time of all attempts.", registry=registry)
    memory = prometheus.Gauge("shotladder_peak_memory_bytes", "Maximum memory of a tool so far.", registry=registry)
    seconds = prometheus.Histogram("shotladder_job_seconds", "Duration.", buckets=DURATIONS, registry=registry)
    peak = 0

    def observe(entry: JobEntry) -> None:
        nonlocal peak
        ended.labels(entry.status).inc()
        cpu.inc(entry.cpu_seconds)
        seconds.observe((datetime.fromisoformat(entry.end) - datetime.fromisoformat(entry.start)).total_seconds())
        peak = max(peak, entry.peak_memory)
        memory.set(peak)

    try:
        server, thread = prometheus.start_http_server(port, address or "0.0.0.0", registry)  # noqa: S104
    except OSError as error:
        raise ClusterError(f"--metrics {port}: the port cannot be used ({error.strerror})") from error
    executor.observers.append(observe)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
