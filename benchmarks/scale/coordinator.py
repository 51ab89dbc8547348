"""Measure what scheduling jobs costs the coordinator: CPU time of a job, and memory.

    python -m benchmarks.scale.coordinator [--jobs 100000] [--cluster-jobs 2000]

The jobs are chunks of a two-hour title in one rendition, and do nothing. First a single round of them runs on an
executor whose workers end each job at once. Then some run on a Dask scheduler with two workers of four threads, in
processes of their own; their CPU time is that of this process and of the scheduler.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path

import numpy as np

import encoder
from benchmarks.farm import SEED, SIZE, describe_title, shot_starts
from encoder import ChunkJob
from ladders import EncodeSettings
from shotladder_runtime.jobs import ThrottledExecutor, cluster_executor, report_job_progress, run_all
from shotladder_runtime.store import Store

#: Bars of CPU time of a job (s) and of memory (bytes).
MAX_CPU, MAX_MEMORY = 0.020, 2e9
#: Concurrent jobs of the first part.
WIDTH = 1000


def make_jobs(count: int, store: Store) -> list[ChunkJob]:
    """Return jobs of a title, whose chunks repeat."""
    source, encoding = describe_title(), EncodeSettings()
    chunks, _ = encoder.plan_chunks(source, shot_starts(source.frame_count, np.random.default_rng(SEED)), Fraction(4))
    rendition = encoding.rendition(SIZE)
    return [ChunkJob(source, chunk, (rendition,), (30.0,), store) for chunk in islice(cycle(chunks), count)]


def do_nothing(job: ChunkJob) -> int:
    """Report progress and return a number, as a job that encodes."""
    for n in range(10):
        report_job_progress(n + 1, 10)
    return job.chunk.start


def run_here(count: int, store: Store) -> None:
    """Run jobs without a cluster and print the CPU time and the memory."""
    jobs = make_jobs(count, store)
    begun = time.process_time()
    with ThrottledExecutor(ThreadPoolExecutor(1), WIDTH) as executor:
        done = sum(1 for _ in run_all(executor, do_nothing, jobs, lambda *_: None))
    each = (time.process_time() - begun) / done
    memory = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{done:,} jobs: {1e3 * each:.3f} ms a job, {_judge(each, MAX_CPU)}; ", end="")
    print(f"{memory / 1e6:.0f} MB, {_judge(memory, MAX_MEMORY)}")


def run_on_cluster(count: int, folder: Path) -> None:
    """Run jobs on a Dask cluster of processes of this machine and print the CPU time."""
    file = folder / "scheduler.json"
    scheduler = _start("scheduler", "--host", "127.0.0.1", "--port", 0, "--no-dashboard", "--scheduler-file", file)
    options = ["--nthreads", 4, "--no-nanny", "--no-dashboard", "--local-directory", folder, "--memory-limit", 0]
    workers = [_start("worker", "--scheduler-file", file, *options) for _ in range(2)]
    store = Store(folder / "store")
    try:
        while not file.exists() or not file.stat().st_size:
            time.sleep(0.1)
        with cluster_executor(json.loads(file.read_text())["address"], store) as executor:
            jobs = make_jobs(count, store)
            begun, there = time.process_time(), _cpu_seconds(scheduler.pid)
            done = sum(1 for _ in run_all(executor, do_nothing, jobs))
            each = (time.process_time() - begun) / done, (_cpu_seconds(scheduler.pid) - there) / done
        print(f"{done:,} jobs on a cluster: {1e3 * each[0]:.1f} ms a job here and {1e3 * each[1]:.1f} ms", end="")
        print(f" in the scheduler, {_judge(sum(each), MAX_CPU)}")
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()


def _start(kind: str, *words: object) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *map(str, words)]
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, s."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    # utime and stime, in hundredths of a second
    return (int(fields[11]) + int(fields[12])) / 100


def _judge(value: float, bar: float) -> str:
    return f"at most {bar:g}: {'holds' if value <= bar else 'BROKEN'}"


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=100_000, help="Jobs without a cluster.")
    parser.add_argument("--cluster-jobs", type=int, default=2000, help="Jobs on a cluster of processes.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run_here(options.jobs, Store(Path(folder) / "here"))
        run_on_cluster(options.cluster_jobs, Path(folder))


if __name__ == "__main__":
    main()
