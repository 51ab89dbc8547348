"""Run the tests of a module on changed versions of it, and print the changes that no test notices.

    python -m benchmarks.mutation [NAME...] [COUNT]

Names are those of `TARGETS`; all of them by default. COUNT (60) mutants of each module are drawn at random, always the
same ones. The tests are collected once. Each mutant then runs in a forked process, in which the code of the functions
of the module is replaced. Kernels run without the compiler, and properties are tried with few examples. Tests that
start other processes do not see the mutant there.
"""

from __future__ import annotations

import contextlib
import gc
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FunctionType

import pytest
from _pytest.runner import runtestprotocol

from benchmarks.mutation.mutants import Mutant, make_mutants

REPOSITORY = Path(__file__).resolve().parents[2]
#: Modules and the tests that must notice their changes: files, or names of tests in them.
TARGETS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "hulls": (
        ("ladders/allocation/hull.py", "ladders/allocation/hull_kernels.py"),
        ("tests/ladders/test_hull.py",),
    ),
    "allocation": (
        ("ladders/allocation/equal_slope.py", "ladders/allocation/title_curve.py"),
        ("tests/ladders/test_equal_slope.py", "tests/ladders/test_hull.py"),
    ),
    "files": (
        tuple(f"shotladder_runtime/store/{name}.py" for name in ("atomic_file", "checksums", "damage_log")),
        ("tests/shotladder_runtime/test_store_faults.py", "tests/shotladder_runtime/test_atomic_file.py"),
    ),
    "locks": (
        tuple(f"shotladder_runtime/store/{name}.py" for name in ("leftovers", "locks", "store_layout")),
        (
            "tests/shotladder_runtime/test_store_faults.py",
            "tests/shotladder_runtime/test_store.py",
            "tests/shotladder_runtime/test_stragglers.py::test_lock_publication_takes_the_lock_from_a_suspended_holder",
        ),
    ),
    "store": (
        tuple(f"shotladder_runtime/store/{name}.py" for name in ("pruning", "store", "verification")),
        tuple(
            f"tests/shotladder_runtime/test_{name}.py" for name in ("store", "pruning", "verification", "store_faults")
        ),
    ),
    "plan": (("encoder/encode/plan.py",), ("tests/encoder/test_plan.py",)),
    "fill": (
        tuple(f"delivery/fill/{name}.py" for name in ("fill_plan", "fill_problem", "exact_plan", "greedy_plan")),
        ("tests/delivery/test_fill.py",),
    ),
    "bba": (("abr/policies/bba.py",), ("tests/abr/test_bba_without_compiler.py",)),
}
#: Targets with kernels, which run without the compiler.
KERNELS = {"hulls", "bba"}
#: Examples of each property that states no number of its own. Chosen by hand: fewer notice less, and take less time.
EXAMPLES = 25
#: Seed of the random choice of mutants.
SEED = 1
#: A mutant that takes this multiple of the CPU time of the unchanged module, and 5 s, counts as noticed.
PATIENCE = 5
#: The same for the time that passes, s: a mutant may wait for ever.
MAX_WAIT = 300


@dataclass(slots=True)
class Survivors:
    """A plugin of pytest that runs the collected tests once for each mutant.

    Attributes
    ----------
    paths : tuple of str
        Modules, relative to the repository.
    count : int
        Mutants of each module.
    lines : list of str
        A line for each mutant that no test noticed.
    total : int
        Number of mutants.
    """

    paths: tuple[str, ...]
    count: int
    lines: list[str] = field(default_factory=list)
    total: int = 0

    def pytest_sessionstart(self) -> None:
        """Set the number of examples before tests are collected."""
        # pytest rewrites it first
        from hypothesis import settings

        settings.register_profile("mutants", max_examples=EXAMPLES)
        settings.load_profile("mutants")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run the tests without a change, then with each mutant."""
        items = [*session.items]
        begun = os.times()
        assert _fork_tests(items, None, 600) == -1, "the tests fail without a change"
        ended = os.times()
        limit = 5 + PATIENCE * sum(ended[:4]) - PATIENCE * sum(begun[:4])
        for path in self.paths:
            mutants = [*make_mutants((REPOSITORY / path).read_text(), str(REPOSITORY / path))]
            for mutant in random.Random(SEED).sample(mutants, min(self.count, len(mutants))):
                noticed = _fork_tests(items, mutant, limit)
                self.total += 1
                if noticed == -1:
                    self.lines.append(f"{path}:{mutant.line}: {mutant.text}")
                    print(self.lines[-1], flush=True)
                else:
                    # the next mutant is probably noticed by the same test
                    items.insert(0, items.pop(noticed))
        return True


def _fork_tests(items: list[pytest.Item], mutant: Mutant | None, limit: float) -> int:
    """Run tests in a forked process until one fails, and return its index; -1 if none fails."""
    with tempfile.TemporaryFile() as report:
        if (pid := os.fork()) == 0:
            _run_tests(items, mutant, limit, report.fileno())
        end = time.monotonic() + (MAX_WAIT if mutant else 10 * MAX_WAIT)
        while os.waitpid(pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > end:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                break
            time.sleep(0.01)
        report.seek(0)
        # a test writes its index when it begins; the last one is that of the test that did not end
        written = report.read().split()
        return -1 if written[-1:] == [b"end"] else int(written[-1]) if written else 0


def _run_tests(items: list[pytest.Item], mutant: Mutant | None, limit: float, report: int) -> None:
    """Run tests in this process, which ends with the first that fails."""
    signal.setitimer(signal.ITIMER_PROF, limit)
    null = os.open(os.devnull, os.O_RDWR)
    for handle in (1, 2):
        os.dup2(null, handle)
    with contextlib.suppress(BaseException):
        if mutant is not None:
            apply_mutant(mutant.code)
        for n, item in enumerate(items):
            os.write(report, f"{n}\n".encode())
            following = items[n + 1] if n + 1 < len(items) else None
            if any(each.failed for each in runtestprotocol(item, nextitem=following, log=False)):
                os._exit(1)
        os.write(report, b"end")
    os._exit(0)


def apply_mutant(code: CodeType) -> None:
    """Give all functions of a module the code that they have in its changed version."""
    changed: dict[tuple[str, int], CodeType] = {}
    left = [code]
    while left:
        each = left.pop()
        changed[each.co_qualname, each.co_firstlineno] = each
        left += [constant for constant in each.co_consts if isinstance(constant, CodeType)]
    for function in gc.get_objects():
        if type(function) is FunctionType and function.__code__.co_filename == code.co_filename:
            found = changed.get((function.__code__.co_qualname, function.__code__.co_firstlineno))
            if found is not None and found.co_freevars == function.__code__.co_freevars:
                function.__code__ = found


def measure(name: str, count: int) -> tuple[int, int]:
    """Print the mutants of a target that no test notices; return their number, and that of all mutants."""
    paths, tests = TARGETS[name]
    plugin = Survivors(paths, count)
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--capture=no", "-m", "not shared"]
    pytest.main([*options, "--hypothesis-seed=1", *tests], plugins=[plugin])
    rate = len(plugin.lines) / max(plugin.total, 1)
    print(f"{name}: {plugin.total} mutants, {len(plugin.lines)} not noticed ({rate:.0%})", flush=True)
    return len(plugin.lines), plugin.total


def main(*words: str) -> int:
    """Run the benchmark and print its results."""
    names = [word for word in words if word in TARGETS] or list(TARGETS)
    count = int(next((word for word in words if word not in TARGETS), 60))
    for name in names:
        # numba reads it when it is imported
        environment = os.environ | {"NUMBA_DISABLE_JIT": str(int(name in KERNELS))}
        argv = [sys.executable, "-m", "benchmarks.mutation", name, str(count)]
        if len(names) > 1:
            subprocess.run(argv, env=environment, check=True)
        elif dict(os.environ) != environment:
            os.execve(sys.executable, argv, environment)
        else:
            measure(name, count)
    return 0
