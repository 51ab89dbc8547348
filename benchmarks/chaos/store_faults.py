"""Faults of the store: damaged, exchanged, deleted, half-written files; a busy, absent or read-only store."""

from __future__ import annotations

import fcntl
import os
import random
import shutil
import subprocess
import time
from pathlib import Path

from benchmarks.chaos.fault_kind import Fault, FaultKind, Scene, require
from benchmarks.chaos.process_faults import start_until_moment
from shotladder_runtime.store import checksums, store_layout

#: Seconds for which a store is locked or absent. Chosen by hand.
ABSENT = 0.5
#: Attempts to make a file system read-only while files are open for writing.
ATTEMPTS = 400
#: Seconds from the epoch to the times that a wrong clock leaves: 1970, and 2100.
CLOCKS = (1_000, 4_102_444_800)


def list_artefacts(store: Path, kind: str = "*") -> list[Path]:
    """Return the artefacts of a store, sorted."""
    found = sorted(store.glob(f"{kind}/*/*"))
    return [path for path in found if store_layout.is_artefact(path.relative_to(store).as_posix())]


def truncate(path: Path, rng: random.Random) -> str:
    """Cut off the end."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(rng.randrange(size))
    return "truncated"


def flip(path: Path, rng: random.Random) -> str:
    """Invert one bit."""
    content = bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    with path.open("r+b") as file:
        file.write(content)
    return "one bit flipped"


def decay(path: Path, rng: random.Random) -> str:
    """Invert one bit and keep the time of the file, as a disk that decays."""
    status = path.stat()
    flip(path, rng)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    return "one bit decayed"


def fill_with_zeros(path: Path, rng: random.Random) -> str:
    """Replace the content by zeros, as some file systems do after a power cut."""
    path.write_bytes(bytes(path.stat().st_size))
    return "zeros instead of its content"


def exchange(path: Path, rng: random.Random) -> str:
    """Exchange it with another artefact of its kind; sometimes the checksums too."""
    store = path.parents[2]
    other = rng.choice([each for each in list_artefacts(store, path.parent.parent.name) if each != path] or [path])
    require(other != path)
    with_checksum = rng.random() < 0.5
    for a, b in ((path, other), *([tuple(map(checksums.checksum_path, (path, other)))] if with_checksum else ())):
        kept = a.with_name("kept")
        a.replace(kept)
        b.replace(a)
        kept.replace(b)
    return f"exchanged with another{', and the checksums too' if with_checksum else ''}"


def delete(path: Path, rng: random.Random) -> str:
    """Delete it."""
    path.unlink()
    return "deleted"


def delete_checksum(path: Path, rng: random.Random) -> str:
    """Delete or empty its checksum."""
    if rng.random() < 0.5:
        checksums.checksum_path(path).unlink()
        return "its checksum deleted"
    checksums.checksum_path(path).write_bytes(b"")
    return "its checksum empty"


def replace_by_other_type(path: Path, rng: random.Random) -> str:
    """Replace it by a folder, a link to nothing, or a pipe."""
    path.unlink()
    kind = rng.choice(("folder", "link to nothing", "pipe"))
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("nothing")
    return f"a {kind} in its place"


#: What a disk, and somebody who writes to a file or a folder, can do at any moment.
DAMAGES = (truncate, flip, decay, fill_with_zeros, exchange, delete, delete_checksum, replace_by_other_type)


def damage(scene: Scene, count: int) -> str:
    """Damage some artefacts, each in one way, and return what was done."""
    store, done = scene.trial.store, []
    for _ in range(count):
        found = [path for path in list_artefacts(store) if path.is_file() and path.stat().st_size]
        require(bool(found))
        path = scene.rng.choice(found)
        try:
            done.append(f"{path.parent.parent.name} {scene.rng.choice(DAMAGES)(path, scene.rng)}")
        except FileNotFoundError:
            # the run renamed or deleted it first
            done.append(f"{path.parent.parent.name} gone first")
    return ", ".join(done)


def damage_at_rest(scene: Scene) -> Fault:
    """Damage one to five artefacts of a finished store."""
    return Fault(damage(scene, scene.rng.randint(1, 5)))


def damage_in_mid_run(scene: Scene) -> Fault:
    """Damage an artefact while a run uses the store."""
    run, moment = start_until_moment(scene)
    text = damage(scene, 1)
    run.wait()
    return Fault(f"{text} {moment}", run)


def leave_half_written_files(scene: Scene) -> Fault:
    """Leave what a killed run leaves: unfinished files, and artefacts that are shorter than their checksums."""
    store, rng = scene.trial.store, scene.rng
    for path in rng.sample(list_artefacts(store), 5):
        part = path.with_name(f".{path.stem}.{rng.randbytes(4).hex()}{path.suffix}")
        part.write_bytes(path.read_bytes()[: rng.randrange(path.stat().st_size)])
        truncate(path, rng)
    folder = store / f".chunk.{rng.randbytes(4).hex()}"
    folder.mkdir()
    (folder / ".shotladder-temporary").touch()
    (folder / "0.mp4").write_bytes(rng.randbytes(1000))
    (store / ".runs").mkdir(exist_ok=True)
    (store / ".runs" / f"tmp{rng.randbytes(4).hex()}").touch()
    return Fault("five artefacts half written, a folder of a killed run")


def delete_many(scene: Scene) -> Fault:
    """Delete the folder of a kind, the marker, or everything."""
    store = scene.trial.store
    kind = scene.rng.choice(("everything", *sorted(path.name for path in store.iterdir() if path.is_dir())))
    for path in [*store.iterdir()] if kind == "everything" else [store / kind]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return Fault(f"deleted at rest: {kind}")


def delete_in_mid_run(scene: Scene) -> Fault:
    """Delete everything in the store while a run uses it."""
    run, moment = start_until_moment(scene)
    shutil.rmtree(scene.trial.store, ignore_errors=True)
    run.wait()
    return Fault(f"the whole store deleted {moment}", run)


def make_absent(scene: Scene) -> Fault:
    """Take the store away for a while, as a server that does not answer."""
    run, moment = start_until_moment(scene)
    away = scene.trial.root / "away"
    scene.trial.store.rename(away)
    time.sleep(ABSENT)
    # what the run wrote meanwhile is lost
    shutil.rmtree(scene.trial.store, ignore_errors=True)
    while True:
        try:
            away.rename(scene.trial.store)
            break
        except OSError:
            shutil.rmtree(scene.trial.store, ignore_errors=True)
    run.wait()
    return Fault(f"the store absent for {ABSENT} s {moment}", run)


def lock(scene: Scene) -> Fault:
    """Lock the lookups of a store for a while, as a slow disk or another run that prunes it."""
    run, moment = start_until_moment(scene)
    with (scene.trial.store / ".lookup-lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        time.sleep(ABSENT)
    run.wait()
    return Fault(f"lookups blocked for {ABSENT} s {moment}", run)


def make_read_only(scene: Scene) -> Fault:
    """Make the store read-only in mid-run, or before the run, and writable afterwards."""
    trial, store = scene.trial, str(scene.trial.store)
    at_rest = scene.rng.random() < 0.3
    run, moment = (None, "before the run") if at_rest else start_until_moment(scene)
    subprocess.run(["mount", "--bind", store, store], check=True)
    trial.mounts.append(trial.store)
    command = ["mount", "-o", "remount,bind,ro", store]
    is_done = any(subprocess.run(command, check=False, capture_output=True).returncode == 0 for _ in range(ATTEMPTS))
    run = run or trial.start()
    run.wait()
    subprocess.run(["umount", "-l", store], check=True)
    trial.mounts.remove(trial.store)
    require(is_done)
    return Fault(f"read-only {moment}", run)


def move_clock(scene: Scene) -> Fault:
    """Give all files of the store and the source times that a wrong clock leaves."""
    moment = scene.rng.choice(CLOCKS)
    for path in [scene.trial.source, *scene.trial.store.rglob("*")]:
        os.utime(path, (moment, moment))
    return Fault(f"all times moved to {time.gmtime(moment).tm_year}")


def run_with_moved_clock(scene: Scene) -> Fault:
    """Run the command with a clock that is wrong by years (faketime), and kill it."""
    shift = scene.rng.choice(("-20y", "+20y"))
    run = scene.trial.start(prefix=("faketime", "-f", shift))
    require(run.wait_for_stage(scene.rng.choice(("encode", "measure every frame", "package"))))
    run.send(9)
    run.wait()
    return Fault(f"killed in a run with its clock at {shift}", run)


KINDS = (
    FaultKind(
        "damage artefacts at rest",
        "Each damaged artefact is found by its checksum, deleted, and made again.",
        damage_at_rest,
        weight=24,
        has_store=True,
    ),
    FaultKind(
        "damage an artefact in mid-run",
        "It is found at its next use and made again, or the command ends with one line of error.",
        damage_in_mid_run,
        weight=10,
    ),
    FaultKind(
        "half-written files",
        "Unfinished files are deleted; a short artefact does not have its checksum and is made again.",
        leave_half_written_files,
        weight=3,
        has_store=True,
    ),
    FaultKind(
        "delete artefacts, a kind or the store",
        "What is absent is made again.",
        delete_many,
        weight=6,
        has_store=True,
    ),
    FaultKind(
        "delete the store in mid-run",
        "The command makes a new store and goes on, or ends with one line of error.",
        delete_in_mid_run,
        weight=4,
    ),
    FaultKind(
        "store absent for a while",
        "The command goes on, or ends with one line of error.",
        make_absent,
        weight=4,
        can_clean=False,
    ),
    FaultKind("lookups blocked for a while", "The command waits and goes on.", lock),
    FaultKind(
        "read-only store",
        "The command ends with one line of error.",
        make_read_only,
        weight=4,
        can_clean=False,
    ),
    FaultKind(
        "file times of a wrong clock",
        "No decision depends on the age of a file; the store is used as it is.",
        move_clock,
        has_store=True,
    ),
    FaultKind(
        "clock wrong by years",
        "A run with a wrong clock leaves nothing that the next run cannot use.",
        run_with_moved_clock,
        weight=2 if shutil.which("faketime") else 0,
        can_clean=False,
    ),
)
