"""Run cases of all formats in children that a watchdog observes, and print what was found."""

from __future__ import annotations

import argparse
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.fuzz.cases import FINDINGS, Outcome, run_case, write_case
from benchmarks.fuzz.corpus import make_corpus
from benchmarks.fuzz.formats import FORMATS

__all__ = ["main", "run_campaign"]

#: Arguments of Python that start a child.
CHILD = ("-m", "benchmarks.fuzz.child")
#: Cases of all formats together.
CASES = 5_100
SEED = 1
#: Cases of one child; chosen by hand, so that starting Python takes a small part of the time.
BATCH = 110
#: Seconds of CPU time in which a case must end.
TIME_LIMIT = 20.0
#: Seconds in which a case must end on a machine that does other work; chosen by hand.
WALL_LIMIT = 120.0
#: Seconds between two looks at a child that prints nothing; chosen by hand.
POLL = 1.0


def run_campaign(corpus: Path, cases: int, seed: int, names: Sequence[str] = tuple(FORMATS)) -> list[Outcome]:
    """Run a number of cases, spread evenly over formats, and return their outcomes.

    The valid files are read first: they must be accepted, and the kernels are then compiled.
    """
    for name in names:
        for path in FORMATS[name].list_seeds(corpus):
            FORMATS[name].read(path)
    count = -(-cases // len(names))
    planned = [(name, number) for name in names for number in range(count)]
    batches = [planned[start : start + BATCH] for start in range(0, len(planned), BATCH)]
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        found = threads.map(lambda batch: list(_run_batch(corpus, seed, batch)), batches)
        return [outcome for outcomes in found for outcome in outcomes]


def _run_batch(corpus: Path, seed: int, cases: Sequence[tuple[str, int]]) -> Iterator[Outcome]:
    """Yield the outcomes of cases, (format, number), from as many children as it takes."""
    while cases:
        argv = [sys.executable, *CHILD, str(corpus), str(seed), json.dumps(cases)]
        done = 0
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
            # the first line is empty
            for line in filter(None, _read_lines(child)):
                yield Outcome(**json.loads(line))
                done += 1
            is_hanging = child.poll() is None
            child.kill()
            _, err = child.communicate()
        cases = cases[done:]
        if cases:
            text = f"more than {TIME_LIMIT:g} s" if is_hanging else f"status {child.returncode}: {err[-300:].decode()}"
            yield Outcome(*cases[0], "hang" if is_hanging else "crash", text)
            cases = cases[1:]


def _read_lines(child: subprocess.Popen[bytes]) -> Iterator[str]:
    """Yield lines of a child until it ends, or the time between two lines exceeds a limit."""
    assert child.stdout is not None and child.stderr is not None
    buffer, errors, is_loaded = b"", child.stderr, False
    os.set_blocking(errors.fileno(), False)
    begun, used = time.monotonic(), 0.0
    while True:
        ready = select.select([child.stdout], [], [], POLL)[0]
        # the child must not wait because nobody reads its errors
        while errors.read(65536):
            pass
        if not ready:
            if time.monotonic() - begun > WALL_LIMIT or (is_loaded and _cpu_seconds(child.pid) - used > TIME_LIMIT):
                return
            continue
        block = os.read(child.stdout.fileno(), 65536)
        if not block:
            child.wait()
            return
        begun, used, is_loaded = time.monotonic(), _cpu_seconds(child.pid), True
        *lines, buffer = (buffer + block).split(b"\n")
        yield from (line.decode() for line in lines)


def _cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and of its ended children, s; proc(5) has it in fields 14 to 17."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _print(outcomes: Sequence[Outcome]) -> int:
    """Print a table of all formats, and each finding once; return the number of findings."""
    print(f"{'format':<20}{'cases':>7}{'read':>7}{'refused':>9}" + "".join(f"{kind:>10}" for kind in FINDINGS))
    for name in dict.fromkeys(outcome.format for outcome in outcomes):
        kinds = Counter(outcome.kind for outcome in outcomes if outcome.format == name)
        cells = "".join(f"{kinds[kind]:>10}" for kind in FINDINGS)
        print(f"{name:<20}{kinds.total():>7}{kinds['read']:>7}{kinds['refused']:>9}{cells}")
    groups: dict[tuple[str, ...], list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        if outcome.kind in FINDINGS:
            text = outcome.text.split(":")[0] if outcome.place else outcome.text[:60]
            groups[outcome.format, outcome.kind, outcome.place, text].append(outcome)
    for (name, kind, place, _), group in sorted(groups.items()):
        first = group[0]
        print(f"{kind} x{len(group)}: {place} {ascii(first.text)[:240]} (--case '{name}:{first.number}')")
    findings = sum(map(len, groups.values()))
    print(f"{len(outcomes)} cases, {findings} findings")
    return findings


def main(argv: Sequence[str] = ()) -> int:
    """Run the benchmark and print its results; return 1 if there is a finding."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz")
    parser.add_argument("--cases", type=int, default=CASES, help="Cases of all formats together.")
    parser.add_argument("--seed", type=int, default=SEED, help="Seed of the changes.")
    parser.add_argument("--format", action="append", choices=sorted(FORMATS), help="Only this format; repeatable.")
    parser.add_argument("--case", help="Run only FORMAT:NUMBER in this process, and print its file.")
    parser.add_argument("--corpus", type=Path, help="Folder of valid files, which is kept and used again.")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        corpus = options.corpus or Path(folder)
        if not corpus.exists() or not any(corpus.iterdir()):
            corpus.mkdir(exist_ok=True)
            make_corpus(corpus)
        if options.case:
            name, number = options.case.rsplit(":", 1)
            path = write_case(corpus, name, options.seed, int(number))
            print(ascii(path.read_bytes())[:4000])
            print(run_case(corpus, name, options.seed, int(number)))
            return 0
        return 1 if _print(run_campaign(corpus, options.cases, options.seed, options.format or tuple(FORMATS))) else 0
