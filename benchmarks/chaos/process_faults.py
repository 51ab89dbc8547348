"""Faults of processes: signals to the command and to its children, and limits of the system."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import time
from functools import partial

from benchmarks.chaos.fault_kind import Fault, FaultKind, Scene, require
from benchmarks.chaos.trial import STAGES, Run

#: CPU seconds after the start of a stage within which a fault happens. Chosen by hand, about those of a stage.
MAX_DELAY = 0.4
#: Seconds for which a process is stopped (SIGSTOP). Chosen by hand.
STOPPED = 0.5
#: Bytes that the messages of a run need: a smaller limit would keep it from reporting its error.
MESSAGES = 8_000
#: An ffmpeg process is chosen from the first of a run. A run of the trials starts eight.
FFMPEG_CHOICE = 8


def start_until_moment(scene: Scene) -> tuple[Run, str]:
    """Start the command and wait for a random moment of a random stage."""
    stage, delay = scene.rng.choice(STAGES), scene.rng.uniform(0, MAX_DELAY)
    run = scene.trial.start()
    require(run.wait_for_stage(stage, delay))
    return run, f"{delay:.2f} CPU s after the start of: {stage}"


def send_signal(number: signal.Signals, scene: Scene) -> Fault:
    """Send a signal to the command, sometimes twice."""
    run, moment = start_until_moment(scene)
    times = scene.rng.choice((1, 1, 2))
    for _ in range(times):
        run.send(number)
        time.sleep(scene.rng.uniform(0, 0.05))
    run.wait()
    return Fault(f"{number.name} {'twice ' if times > 1 else ''}{moment}", run)


def stop_and_continue(scene: Scene) -> Fault:
    """Stop the command for a while."""
    run, moment = start_until_moment(scene)
    run.send(signal.SIGSTOP)
    time.sleep(STOPPED)
    run.send(signal.SIGCONT)
    run.wait()
    return Fault(f"SIGSTOP for {STOPPED} s {moment}", run)


def kill_child(name: str, scene: Scene) -> Fault:
    """Kill one child of the command, or stop it for a while."""
    number = scene.rng.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGSTOP))
    # the packager is started once
    index = scene.rng.randrange(FFMPEG_CHOICE) if name == "ffmpeg" else 0
    run = scene.trial.start()
    seen: set[int] = set()

    def is_started() -> bool:
        found = run.children(name)
        seen.update(found)
        return len(seen) > index and bool(found)

    require(run.wait_for(is_started))
    (victim, *_) = run.children(name) or [0]
    require(victim > 0)
    with contextlib.suppress(ProcessLookupError):
        os.kill(victim, number)
        if number == signal.SIGSTOP:
            time.sleep(STOPPED)
            os.kill(victim, signal.SIGCONT)
    run.wait()
    return Fault(f"{number.name} to the {name} process number {len(seen)}", run)


def kill_every_ffmpeg(scene: Scene) -> Fault:
    """Kill every ffmpeg process from a random moment on."""
    run, moment = start_until_moment(scene)
    killed = 0

    def kill() -> bool:
        nonlocal killed
        for pid in run.children("ffmpeg"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed += 1
        return False

    run.wait_for(kill)
    run.wait()
    require(killed > 0)
    return Fault(f"{killed} ffmpeg processes killed from {moment}", run)


def limit_open_files(scene: Scene) -> Fault:
    """Lower the number of files that the running command may have open."""
    return _lower_limit(scene, resource.RLIMIT_NOFILE, scene.rng.randint(5, 40), "open files")


def limit_sizes_or_processes(scene: Scene) -> Fault:
    """Lower the size of files, or the number of processes, of the running command."""
    if scene.rng.random() < 0.5:
        return _lower_limit(scene, resource.RLIMIT_FSIZE, scene.rng.randint(MESSAGES, 40_000), "bytes of a file")
    return _lower_limit(scene, resource.RLIMIT_NPROC, scene.rng.randint(0, 1), "processes")


def _lower_limit(scene: Scene, limit: int, value: int, name: str) -> Fault:
    run, moment = start_until_moment(scene)
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(run.pid, limit, (value, value))
    run.wait()
    return Fault(f"limit of {value} {name} {moment}", run)


_UNWINDS = "The command stops its children, deletes its temporary files, and ends with {status}."

KINDS = (
    FaultKind(
        "kill the command",
        "SIGKILL at any moment loses unfinished encodes only; the kernel ends the children.",
        partial(send_signal, signal.SIGKILL),
        weight=12,
        can_clean=False,
        can_encrypt=True,
    ),
    FaultKind("SIGINT", _UNWINDS.format(status=130), partial(send_signal, signal.SIGINT), weight=8, can_encrypt=True),
    FaultKind("SIGTERM", _UNWINDS.format(status=143), partial(send_signal, signal.SIGTERM), weight=8, can_encrypt=True),
    FaultKind("SIGHUP", _UNWINDS.format(status=129), partial(send_signal, signal.SIGHUP), weight=5, can_encrypt=True),
    FaultKind("SIGPIPE", "The command ignores it and ends as usual.", partial(send_signal, signal.SIGPIPE)),
    FaultKind("SIGSTOP, then SIGCONT", "The command goes on and ends as usual.", stop_and_continue, weight=3),
    FaultKind(
        "end an ffmpeg child",
        "The job runs once more, or the command ends with one line of error.",
        partial(kill_child, "ffmpeg"),
        weight=10,
    ),
    FaultKind(
        "end the packager",
        "The command ends with one line of error and leaves no clear frames and no keys.",
        partial(kill_child, "packager"),
        weight=4,
        can_encrypt=True,
    ),
    FaultKind(
        "kill every ffmpeg child",
        "The command gives up after two attempts per job, with one line of error.",
        kill_every_ffmpeg,
        weight=3,
    ),
    FaultKind(
        "limit open files",
        "The command ends with one line of error, or does not reach the limit; folders that it can no longer list are"
        " deleted by the next run.",
        limit_open_files,
        weight=2,
        can_clean=False,
    ),
    FaultKind(
        "limit sizes of files or processes",
        "The command ends with one line of error, or does not reach the limit.",
        limit_sizes_or_processes,
        weight=4,
    ),
)
