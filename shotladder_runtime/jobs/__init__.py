"""Jobs on local workers or on a Dask cluster."""

from shotladder_runtime.jobs.cluster import cluster_executor
from shotladder_runtime.jobs.executor import LocalExecutor, ThrottledExecutor
from shotladder_runtime.jobs.job_executor import JobExecutor
from shotladder_runtime.jobs.job_progress import job_part, report_job_progress
from shotladder_runtime.jobs.job_queue import JobQueue
from shotladder_runtime.jobs.job_runner import Job, longest_first, run_all, run_concurrently, split_long_jobs
from shotladder_runtime.jobs.shared_executor import SharedExecutor

__all__ = [
    "Job",
    "JobExecutor",
    "JobQueue",
    "LocalExecutor",
    "SharedExecutor",
    "ThrottledExecutor",
    "cluster_executor",
    "job_part",
    "longest_first",
    "report_job_progress",
    "run_all",
    "run_concurrently",
    "split_long_jobs",
]
