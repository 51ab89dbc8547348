"""Run cases in a child process with a limit of memory; print a line after each case.

    python -m benchmarks.fuzz.child CORPUS SEED '[[FORMAT, NUMBER], ...]'

The parent kills the child when a case takes too long, and starts another one after that case.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks.fuzz.cases import run_case

__all__ = ["MEMORY_LIMIT"]

#: Bytes that cases may allocate above the memory of the loaded libraries; chosen by hand.
MEMORY_LIMIT = 1_500_000_000


def limit_memory() -> None:
    """Make allocations above the limit fail, here and in the tools that a case starts."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_LIMIT, used + MEMORY_LIMIT))


def main(corpus: str, seed: str, cases: str) -> None:
    """Run the cases, and print the outcomes on the original standard output."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    limit_memory()
    # the parent measures the time of a case from the line before it
    out.write("\n")
    out.flush()
    for name, number in json.loads(cases):
        outcome = run_case(Path(corpus), name, int(seed), number)
        out.write(json.dumps(asdict(outcome)) + "\n")
        out.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
