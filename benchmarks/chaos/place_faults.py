"""Faults of the source, the output and the disks: full disks, an exchanged source, another run."""

from __future__ import annotations

import os
import shutil
import time
from functools import partial
from pathlib import Path

from benchmarks.chaos.fault_kind import Fault, FaultKind, Scene, require
from benchmarks.chaos.process_faults import start_until_moment
from benchmarks.chaos.recovery_check import read_presentation
from shotladder.report.presentation_reader import PRESENTATION

#: Size of a file system that suffices, bytes.
LARGE = 64_000_000
#: Bytes of the block of a file system.
BLOCK = 4096
#: Blocks that a run needs at most in each place, measured: the store of the trials has 800 kB in 120 files.
NEEDED = {"store": 260, "output": 80, "temporary files": 4}


def fill_disk(scene: Scene) -> Fault:
    """Give the store, the output or the temporary files a file system that is too small, then enlarge it."""
    trial = scene.trial
    folders = {"store": trial.store, "output": trial.output.parent, "temporary files": trial.temporary}
    what = scene.rng.choice(("store", "store", "output", "temporary files"))
    blocks = scene.rng.randint(1, NEEDED[what])
    trial.mount(folders[what], blocks * BLOCK)
    run = trial.start()
    run.wait()
    trial.resize(folders[what], LARGE)
    return Fault(f"{blocks * BLOCK} bytes for the {what}", run)


def change_source(scene: Scene) -> Fault:
    """Exchange, truncate, delete or touch the source while it is encoded; bring the original back afterwards."""
    source = scene.trial.source
    kept = scene.trial.root / "kept.mp4"
    shutil.copy2(source, kept)
    what = scene.rng.choice(("exchanged", "overwritten", "truncated", "deleted", "touched"))
    run, moment = start_until_moment(scene)
    if what == "exchanged":
        copy = scene.trial.root / "in" / "other.mp4"
        shutil.copy2(scene.control.other, copy)
        copy.replace(source)
    elif what == "overwritten":
        with source.open("r+b") as file:
            file.write(scene.control.other.read_bytes())
            file.truncate()
    elif what == "truncated":
        os.truncate(source, source.stat().st_size // 2)
    elif what == "deleted":
        source.unlink()
    else:
        source.touch()
    run.wait()
    kept.replace(source)
    return Fault(f"source {what} {moment}", run)


def put_file_in_the_way(scene: Scene) -> Fault:
    """Create the output, with a file of somebody else in it, during the run."""
    run, moment = start_until_moment(scene)
    made = scene.trial.root / "made"
    made.mkdir()
    (made / "mine.txt").write_text("mine")
    require(not scene.trial.output.exists())
    made.replace(scene.trial.output)
    mine = scene.trial.output / "mine.txt"
    status = run.wait()
    if status == 0 or mine.read_text() != "mine":
        raise AssertionError("a file of somebody else was replaced")
    shutil.rmtree(scene.trial.output)
    return Fault(f"a file in the output {moment}", run)


def damage_output(scene: Scene) -> Fault:
    """Damage the finished presentation: the same command reports it, and `--overwrite` makes it again."""
    trial = scene.trial
    shutil.copytree(scene.control.output, trial.output)
    files = [path for path in sorted(trial.output.rglob("*")) if path.is_file() and path.name != PRESENTATION]
    what = scene.rng.choice(("deleted", "truncated"))
    # the presentation states the sizes of its media segments only
    suffixes = (".m4s", ".mp4", ".mpd", ".m3u8") if what == "deleted" else (".m4s",)
    victim: Path = scene.rng.choice([path for path in files if path.suffix in suffixes])
    if what == "deleted":
        victim.unlink()
    else:
        os.truncate(victim, victim.stat().st_size // 2)
    run = trial.start()
    status = run.wait()
    if status != 1 or str(victim.relative_to(trial.output)) not in run.text():
        raise AssertionError(f"exit status {status} for a damaged presentation: {run.text()[-200:]}")
    trial.start("--overwrite").wait()
    return Fault(f"{victim.name} {what}", run)


def kill_while_replacing(scene: Scene) -> Fault:
    """Kill a run that replaces a presentation while it packages."""
    trial = scene.trial
    shutil.copytree(scene.control.output, trial.output)
    trial.words = (*trial.words, "--overwrite")
    run = trial.start()
    require(run.wait_for_stage("package", scene.rng.uniform(0, 0.5)))
    run.send(9)
    run.wait()
    return Fault("killed while it replaced the presentation", run)


def run_two(is_one_killed: bool, scene: Scene) -> Fault:
    """Run the same encode twice at once over one store; kill one of them, or let both end."""
    trial = scene.trial
    second = trial.root / "second"
    same_output = not is_one_killed and scene.rng.random() < 0.4
    moment = scene.rng.uniform(0, 2)
    first = trial.start()
    other = trial.start(output=trial.output if same_output else second)
    if is_one_killed:
        time.sleep(moment)
        other.send(9)
    statuses = [first.wait(), other.wait()]
    if not is_one_killed and sorted(statuses) != ([0, 1] if same_output else [0, 0]):
        # with one output, the later run may begin after the end of the first and find it finished
        require(not same_output or statuses != [0, 0])
        raise AssertionError(f"exit statuses {statuses}: {first.text()[-200:]} {other.text()[-200:]}")
    if is_one_killed and statuses[0] != 0:
        raise AssertionError(f"the surviving run ended with {statuses[0]}: {first.text()[-200:]}")
    if second.is_dir():
        if read_presentation(second) != scene.control.files:
            raise AssertionError("the second run gave another presentation")
        shutil.rmtree(second)
    if is_one_killed:
        # what the killed run left is deleted by the next one
        shutil.rmtree(trial.output)
        for path in trial.root.glob(".second.*"):
            shutil.rmtree(path)
        return Fault(f"one of two killed after {moment:.2f} s", other)
    return Fault(f"two at once, {'one output' if same_output else 'two outputs'}", first)


KINDS = (
    FaultKind(
        "disk full",
        "The command ends with one line of error and goes on when there is space.",
        fill_disk,
        weight=16,
    ),
    FaultKind(
        "source changed in mid-run",
        "The command reports the change, or had read all; nothing of another source is stored or delivered.",
        change_source,
        weight=10,
    ),
    FaultKind(
        "a file in the way of the output",
        "The command does not replace files of somebody else.",
        put_file_in_the_way,
        weight=3,
    ),
    FaultKind(
        "damaged presentation",
        "The same command does not report a damaged presentation as finished.",
        damage_output,
        weight=4,
        has_store=True,
    ),
    FaultKind(
        "kill while replacing",
        "The old or the new presentation is complete at every moment.",
        kill_while_replacing,
        weight=3,
        has_store=True,
        can_clean=False,
    ),
    FaultKind("two runs, one store", "Both give the same; with one output, one reports it.", partial(run_two, False)),
    FaultKind(
        "two runs, one killed",
        "The other run does the jobs of the killed one.",
        partial(run_two, True),
        weight=3,
        can_clean=False,
    ),
)
