"""What must hold after a fault: the output of an undisturbed run, and nothing left behind."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.chaos.trial import PAUSE, Trial
from shotladder_runtime.process import QUIET, run
from shotladder_runtime.store import checksums, store_layout
from shotladder_runtime.tools import ffmpeg_path

#: Seconds that the kernel has to end the children of a killed process. Chosen by hand.
GRACE = 20
#: Content keys of encrypted trials.
KEYS = {
    "VIDEO": ("000102030405060708090a0b0c0d0e0f", "5bd1e3a90c7f4e8896d2417bb0fa3c64"),
    "AUDIO": ("101112131415161718191a1b1c1d1e1f", "c4f09d3e7a615b2288e0d4197c3fb65a"),
}


@dataclass(frozen=True, slots=True)
class Control:
    """What an undisturbed run gives.

    Attributes
    ----------
    source, other : Path
        The video of all trials, and another one of the same form.
    files : dict
        Content of each file of the presentation that does not depend on the time that the run took.
    artefacts : dict
        Content of each artefact of the store.
    store, output : Path
        Copies of both folders.
    frames : str
        Checksums of the decoded frames of the video.
    seconds, cpu_seconds : float
        Duration of the run and CPU time of its processes.
    """

    source: Path
    other: Path
    files: dict[str, Any]
    artefacts: dict[str, Any]
    store: Path
    output: Path
    frames: str
    seconds: float
    cpu_seconds: float


def read_presentation(output: Path) -> dict[str, Any]:
    """Return the content of a presentation, without what depends on the time that the run took."""
    files: dict[str, Any] = {}
    for path in sorted(output.rglob("*")):
        name = path.relative_to(output).as_posix()
        if path.is_file() and name != "report.html":
            files[name] = path.read_bytes()
    if "presentation.json" in files:
        files["presentation.json"] = _read_json(files["presentation.json"])
    return files


def read_artefacts(store: Path) -> dict[str, Any]:
    """Return the content of each artefact of a store that fits its checksum, without CPU times.

    An artefact that was damaged and not used since then counts as absent.
    """
    found: dict[str, Any] = {}
    for path in sorted(store.glob("*/*/*")):
        name = path.relative_to(store).as_posix()
        if store_layout.is_artefact(name) and path.is_file() and checksums.is_intact(path):
            content = path.read_bytes()
            found[name] = _read_json(content) if path.suffix == ".json" else content
    return found


def read_frames(output: Path, key: str | None = None) -> str:
    """Return the checksums of the frames of the only rendition of a presentation."""
    (init,) = output.glob("video/*/init.mp4")
    joined = output.parent / "joined.mp4"
    joined.write_bytes(b"".join(path.read_bytes() for path in (init, *sorted(init.parent.glob("*.m4s")))))
    try:
        opening = ["-decryption_key", key] if key else []
        done = run([ffmpeg_path(), *QUIET, *opening, "-i", str(joined), "-f", "framemd5", "-"])
    finally:
        joined.unlink()
    return re.sub(r"(?m)^#.*\n", "", done.stdout.decode())


def check_fault(trial: Trial, status: int, text: str, *, can_clean: bool) -> list[str]:
    """Return what was wrong about the end of a disturbed run; a run that was killed cannot clean."""
    faults = []
    if "Traceback" in text:
        faults.append(f"a traceback: {text.splitlines()[-1]}")
    errors = [line for line in text.splitlines() if line.startswith("error:")]
    if status == 1 and len(errors) != 1:
        faults.append(f"exit status 1 with {len(errors)} lines of error")
    if status > 1 and status not in (129, 130, 143):
        faults.append(f"exit status {status}")
    found = find_leftovers(trial) if can_clean and status >= 0 else []
    return faults + [f"left after the fault: {each}" for each in found + find_keys(trial)] + find_orphans(trial)


def check_recovery(trial: Trial, control: Control, status: int, text: str) -> list[str]:
    """Return what differs from the undisturbed run after the same command ended."""
    if status != 0:
        return [f"the same command ended with {status}: {(text.splitlines() or [''])[-1]}"]
    faults = [f"left behind: {each}" for each in find_leftovers(trial) + find_keys(trial)] + find_orphans(trial)
    if "--keys" in trial.words:
        if read_frames(trial.output, KEYS["VIDEO"][1]) != control.frames:
            faults.append("decrypted frames differ")
    else:
        files = read_presentation(trial.output)
        faults += [
            f"{name} differs"
            for name in sorted(files.keys() | control.files.keys())
            if files.get(name) != control.files.get(name)
        ]
    return faults + check_store(trial, control)


def check_store(trial: Trial, control: Control) -> list[str]:
    """Return the artefacts whose content is not that of the undisturbed run, although their checksum is right."""
    faults = []
    artefacts = read_artefacts(trial.store)
    for name, content in artefacts.items():
        if name not in control.artefacts:
            # encrypted and clear runs share all artefacts
            faults.append(f"{name} is an artefact that no undisturbed run makes")
        elif content != control.artefacts[name]:
            faults.append(f"{name} differs from the artefact of the undisturbed run")
    return faults


def find_orphans(trial: Trial) -> list[str]:
    """Return the processes of a trial that still run; the kernel needs a moment to end the children of a killed one."""
    end = time.monotonic() + GRACE
    while trial.processes() and time.monotonic() < end:
        time.sleep(PAUSE)
    return [f"process {pid} still runs" for pid in trial.processes()]


def find_leftovers(trial: Trial) -> list[str]:
    """Return the temporary files in the folders of a trial."""
    found = [*trial.temporary.iterdir(), *(path for path in trial.output.parent.iterdir() if path != trial.output)]
    store = trial.store
    if store.is_dir():
        found += [path for path in store.iterdir() if store_layout.is_temporary_folder(path.name)]
        found += [*store.glob(".runs/*"), *store.glob(".jobs/*"), *store.glob("*/*/.*")]
    return [str(path.relative_to(trial.root)) for path in found]


def find_keys(trial: Trial) -> list[str]:
    """Return the files that contain a content key, except the file of keys that the command reads."""
    if "--keys" not in trial.words:
        return []
    return [f"a key in {path.relative_to(trial.root)}" for path in trial.root.rglob("*") if _has_key(path)]


def _has_key(path: Path) -> bool:
    if not path.is_file() or path.name == "keys.json":
        return False
    content = path.read_bytes()
    return any(key.encode() in content or bytes.fromhex(key) in content for _, key in KEYS.values())


def write_keys(folder: Path) -> Path:
    """Write the file of content keys of an encrypted trial."""
    keys = [{"label": label, "key_id": key_id, "key": key} for label, (key_id, key) in KEYS.items()]
    path = folder / "keys.json"
    path.write_text(json.dumps({"keys": keys}))
    return path


def _read_json(content: bytes) -> Any:
    """Return a JSON document without CPU times; NaN, which equals nothing, as text."""
    return _without_cost(json.loads(content, parse_constant=str))


def _without_cost(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_cost(v) for k, v in value.items() if k != "cost" and not k.endswith("cpu_seconds")}
    return [_without_cost(each) for each in value] if isinstance(value, list) else value
