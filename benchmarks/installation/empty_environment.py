"""Install the wheel into an empty environment of each interpreter, and run its commands from another folder.

    python -m benchmarks.installation [PYTHON...]

Each interpreter (default: the one that runs this) gets an environment of its own, with the package and its
dependencies from the package index, as a user installs them: about 300 MB for each.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
#: A program that prints where each package of the wheel is installed.
LOCATE = """
import abr, delivery, encoder, ladders, shotladder, shotladder_runtime, vmaf
print(*(each.__file__ for each in (abr, delivery, encoder, ladders, shotladder, shotladder_runtime, vmaf)), sep="\\n")
"""
#: Arguments of ffmpeg for a source of one second.
SOURCE = ("-f", "lavfi", "-i", "testsrc2=s=128x72:r=24:d=1", "-pix_fmt", "yuv420p", "-y")
#: Options of the encode: all stages, one small rung.
ENCODE = ("--preset", "ultrafast", "--rungs", "1", "--target-vmaf", "80", "--no-compare", "--json")


def run(argv: Sequence[str | Path], folder: Path) -> str:
    """Run a program in a folder, with nothing of this environment, and return its standard output."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    environment = kept | {"HOME": str(folder), "SHOTLADDER_STORE": str(folder / "store")}
    done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{argv}: exit status {done.returncode}: {done.stderr[-500:]}"
    return done.stdout


def build_wheel(folder: Path) -> Path:
    """Build the wheel of the repository."""
    options = ["--quiet", "--no-deps", "--disable-pip-version-check", "-w", folder]
    # setuptools writes its `build` folder beside the source
    copy = folder / "source"
    subprocess.run(["git", "clone", "--quiet", REPOSITORY, copy], check=True)
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, copy], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def try_commands(python: str, wheel: Path, folder: Path) -> Iterator[str]:
    """Install the wheel for an interpreter and yield what each command gave."""
    environment, work = folder / "environment", folder / "any folder"
    work.mkdir()
    subprocess.run([python, "-m", "venv", environment], check=True)
    bin_folder = environment / "bin"
    pip = [bin_folder / "python", "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", wheel], check=True)
    subprocess.run([*pip, "check"], check=True)
    places = run([bin_folder / "python", "-c", LOCATE], work).split("\n")
    assert all(place.startswith(str(environment)) for place in places if place), places
    yield f"{len(places) - 1} packages are imported from the environment"
    command = bin_folder / "shotladder"
    yield " ".join(run([command, "--version"], work).split())
    for words in (["--help"], ["doctor"], ["policies"], ["store"]):
        yield f"{' '.join(words)}: {len(run([command, *words], work).splitlines())} lines"
    ffmpeg = "import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())"
    program = run([bin_folder / "python", "-c", ffmpeg], work).strip()
    run([program, "-loglevel", "error", *SOURCE, "a video.mp4"], work)
    begun = time.monotonic()
    run([command, "encode", "a video.mp4", "-o", "out", *ENCODE], work)
    yield f"encode: {len(list((work / 'out').rglob('*.m4s')))} segments in {time.monotonic() - begun:.0f} s"
    (work / "trace.txt").write_text("0\t1\n60\t1\n")
    run([command, "simulate", "out", "--traces", "trace.txt", "--json"], work)
    yield "simulate: done"


def main(pythons: Sequence[str] = ()) -> int:
    """Try each interpreter and print what its commands gave."""
    with tempfile.TemporaryDirectory() as name:
        wheel = build_wheel(Path(name))
        print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB", flush=True)
        for n, python in enumerate(pythons or [sys.executable]):
            folder = Path(name) / str(n)
            folder.mkdir()
            for line in try_commands(python, wheel, folder):
                print(f"{python}: {line}", flush=True)
    return 0
