"""Disturb encodes by hundreds of seeded faults, and print what was tried.

    python -m benchmarks.chaos [FAULTS] [SEED] [MINUTES] [FILE]

The first faults are one of each kind, so that a campaign that is limited to some minutes (0: not limited) tries every
kind. With FILE, each result is appended to it, and the same command goes on after the last of them. Campaigns of
several seeds may run at once.

A control run is made twice first: both must give the same. After each fault the same command runs again without a
fault, and must give the presentation of the control run, byte for byte (frame by frame where it is encrypted). No
process, temporary file or key may remain, and every artefact must be that of the control run.
"""

from __future__ import annotations

import json
import random
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.chaos import cluster_faults, place_faults, process_faults, store_faults
from benchmarks.chaos.fault_kind import Fault, FaultKind, Scene, TooLateError
from benchmarks.chaos.recovery_check import (
    Control,
    check_fault,
    check_recovery,
    read_artefacts,
    read_frames,
    read_presentation,
    write_keys,
)
from benchmarks.chaos.small_source import make_source
from benchmarks.chaos.trial import SETTINGS, STAGES, open_trial

KINDS = (*process_faults.KINDS, *store_faults.KINDS, *place_faults.KINDS, *cluster_faults.KINDS)
#: Fraction of the trials that encrypt, of kinds that can.
ENCRYPTED = 0.25
#: Attempts to disturb a run before it ends.
ATTEMPTS = 6


@dataclass(frozen=True, slots=True)
class Result:
    """One fault: what was done, what was wrong, and what the recovery cost.

    Attributes
    ----------
    kind : FaultKind
    text : str
        What was done.
    status : int or None
        Exit status of the disturbed run.
    faults : tuple of str
        What was wrong; empty if the fault was handled.
    cpu_seconds : float
        CPU time of the same command after the fault.
    """

    kind: FaultKind
    text: str
    status: int | None
    faults: tuple[str, ...]
    cpu_seconds: float


def make_control(folder: Path, runs: int = 2) -> Control:
    """Run the command without a fault, each time in a new folder, and return what all runs give.

    Raises
    ------
    AssertionError
        If two runs do not give the same.
    """
    source, other = make_source(folder / "video.mp4"), make_source(folder / "other.mp4", seed=4)
    found = []
    for n in range(runs):
        with open_trial(source) as trial:
            begun = time.monotonic()
            run = trial.start()
            assert run.wait() == 0, run.text()
            seconds = time.monotonic() - begun
            found.append((read_presentation(trial.output), read_artefacts(trial.store)))
            frames = read_frames(trial.output)
            absent = [stage for stage in STAGES if f"\n{stage}" not in "\n" + run.text()]
            assert not absent, f"stages that no run has: {absent}"
            for name, each in (("store", trial.store), ("output", trial.output)):
                shutil.copytree(each, folder / f"{name}-{n}")
            cpu_seconds = trial.cpu_seconds()
    assert all(each == found[0] for each in found), "two undisturbed runs differ"
    files, artefacts = found[0]
    return Control(
        source, other, files, artefacts, folder / "store-0", folder / "output-0", frames, seconds, cpu_seconds
    )


def try_fault(kind: FaultKind, control: Control, rng: random.Random) -> Result:
    """Disturb a run by one fault, run the same command again, and check everything."""
    is_encrypted = kind.can_encrypt and rng.random() < ENCRYPTED
    with open_trial(control.source, store=control.store if kind.has_store else None) as trial:
        if is_encrypted:
            trial.words = (*SETTINGS, "--encrypt", "--keys", str(write_keys(trial.root)))
        fault = Fault("no fault")
        faults: list[str] = []
        try:
            fault = kind.inject(Scene(trial, control, rng))
            status = None if fault.run is None else fault.run.wait()
            if fault.run is not None:
                faults += check_fault(trial, fault.run.wait(), fault.run.text(), can_clean=kind.can_clean)
            run = trial.start()
            faults += check_recovery(trial, control, run.wait(), run.text())
            cpu_seconds = trial.cpu_seconds()
        except TooLateError:
            raise
        except Exception as error:  # an error of the campaign itself must not end it, and counts as not handled
            return Result(kind, fault.text, None, (*faults, f"{type(error).__name__}: {error}"), 0.0)
    return Result(kind, fault.text + (", encrypted" if is_encrypted else ""), status, tuple(faults), cpu_seconds)


def choose_kinds(count: int, rng: random.Random) -> list[FaultKind]:
    """Return `count` kinds or a few more: one of each, then each in proportion to its weight; both in random order."""
    total = sum(kind.weight for kind in KINDS)
    first = [kind for kind in KINDS if kind.weight]
    rest = [kind for kind in KINDS for _ in range(-(-kind.weight * count // total) - 1)]
    rng.shuffle(first)
    rng.shuffle(rest)
    return first + rest


def run_faults(
    kinds: Sequence[FaultKind],
    control: Control,
    seed: int,
    seconds: float | None = None,
    file: Path | None = None,
) -> list[Result]:
    """Try one fault of each of the kinds, and print each as it is done; start none after `seconds`.

    Results that a file has already are taken from it, and new ones are appended to it.
    """
    done = read_results(file)
    results = [*done.values()]
    begun = time.monotonic()
    for number, kind in enumerate(kinds):
        if number in done:
            continue
        if seconds is not None and time.monotonic() - begun > seconds:
            print(f"the time limit ended the campaign after {number} of {len(kinds)} faults", flush=True)
            break
        for attempt in range(ATTEMPTS):
            try:
                result = try_fault(kind, control, random.Random(f"{seed} {number} {attempt}"))
                break
            except TooLateError:
                continue
        else:
            print(f"{number + 1:4} {kind.name}: the run ended before the fault, {ATTEMPTS} times", flush=True)
            continue
        verdict = "; ".join(result.faults) or "handled"
        ended = "" if result.status is None else f" (exit {result.status})"
        print(f"{number + 1:4} {kind.name}: {result.text}{ended}: {verdict}", flush=True)
        results.append(result)
        if file is not None:
            append_result(file, number, result)
    return results


def read_results(file: Path | None) -> dict[int, Result]:
    """Return the results in a file by their number in the campaign; none without a file."""
    if file is None or not file.exists():
        return {}
    kinds = {kind.name: kind for kind in KINDS}
    documents = map(json.loads, file.read_text().splitlines())
    return {
        each["number"]: Result(
            kinds[each["kind"]], each["text"], each["status"], tuple(each["faults"]), each["cpu_seconds"]
        )
        for each in documents
    }


def append_result(file: Path, number: int, result: Result) -> None:
    """Append a result to a file as one line of JSON."""
    document = {"number": number, "kind": result.kind.name, "text": result.text, "status": result.status}
    with file.open("a") as lines:
        lines.write(json.dumps({**document, "faults": result.faults, "cpu_seconds": result.cpu_seconds}) + "\n")


def print_table(results: Sequence[Result], control: Control) -> None:
    """Print a line for each kind: faults, how the disturbed runs ended, unhandled faults, cost of the recovery."""
    cost = f"{control.seconds:.1f} s, {control.cpu_seconds:.2f} s of CPU time"
    print(f"\ncontrol run: {cost}, {len(control.artefacts)} artefacts")
    print(f"{'kind':38} faults unhandled  recovery CPU   disturbed run ended with")
    for kind in KINDS:
        mine = [result for result in results if result.kind is kind]
        if not mine:
            print(f"{kind.name:38} {0:6}  not tried")
            continue
        bad = sum(bool(result.faults) for result in mine)
        used = median(result.cpu_seconds for result in mine)
        ends = sorted({"none" if result.status is None else str(result.status) for result in mine})
        print(f"{kind.name:38} {len(mine):6} {bad:9} {used / control.cpu_seconds:8.0%}       {', '.join(ends)}")
        print(f"    {kind.hypothesis}")
    bad = sum(bool(result.faults) for result in results)
    print(f"{len(results)} faults, {bad} unhandled")


def main(faults: str = "200", seed: str = "1", minutes: str = "0", file: str | None = None) -> int:
    """Run the benchmark and print its results; the exit status is 1 if a fault was not handled."""
    rng = random.Random(int(seed))
    with tempfile.TemporaryDirectory(prefix="chaos-control-") as name:
        control = make_control(Path(name))
        kinds = choose_kinds(int(faults), rng)
        results = run_faults(kinds, control, int(seed), int(minutes) * 60 or None, Path(file) if file else None)
        print_table(results, control)
    return int(any(result.faults for result in results))
