"""Jobs on local workers or on a Dask cluster."""

from shotladder_runtime.jobs.cluster import cluster_executor
from shotladder_runtime.jobs.executor import (
    Farm,
    Job,
    LocalExecutor,
    Waiting,
    balanced,
    longest_first,
    run_all,
    side_by_side,
)

__all__ = [
    "Farm",
    "Job",
    "LocalExecutor",
    "Waiting",
    "balanced",
    "cluster_executor",
    "longest_first",
    "run_all",
    "side_by_side",
]
