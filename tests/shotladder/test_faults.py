"""What goes wrong is told in one line, leaves nothing half made, and a run that was cut off goes on."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import av
import pytest

from shotladder.cli import COMMANDS, main
from tests.encoder.films import write_film
from tests.shotladder.running import FAST, REPOSITORY, Answer, command, shotladder


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with bad inputs and bad outputs."""
    folder = tmp_path_factory.mktemp("faults")
    (folder / "notes.txt").write_text("not a film\n" * 50)
    (folder / "notes.mp4").write_text("not a film\n" * 50)
    (folder / "empty.mp4").touch()
    (folder / "file").write_text("a file")
    (folder / "full").mkdir()
    (folder / "full" / "thesis.tex").write_text("years of work")
    (folder / "bytes.json").write_bytes(bytes(range(256)))
    (folder / "list.json").write_text("[1, 2]")
    film = write_film(folder / "film.mp4", 12)
    with av.open(str(film)) as read, av.open(str(folder / "hollow.mkv"), "w") as out:
        out.add_stream_from_template(read.streams.video[0])
        out.start_encoding()
    return folder


#: Words of the command (names are in the folder), its exit status, and what the line must say.
FAULTS = {
    "no such film": ("encode absent.mp4 -o out", 1, "no such file"),
    "a text file": ("encode notes.txt -o out", 1, "not a film"),
    "text under a film's name": ("encode notes.mp4 -o out", 1, "not a film"),
    "an empty file": ("encode empty.mp4 -o out", 1, "not a film"),
    "no frames": ("encode hollow.mkv -o out", 1, "hollow.mkv"),
    "a folder for a film": ("encode full -o out", 1, "not a film"),
    "a URL that nobody answers": ("encode http://127.0.0.1:9/film.mp4 -o out", 1, "film"),
    "output is a file": ("encode film.mp4 -o file", 1, "is a file"),
    "output is not empty": ("encode film.mp4 -o full", 1, "not empty"),
    "output under a file": ("encode film.mp4 -o file/out", 1, "cannot be written"),
    "output where nothing can be": ("encode film.mp4 -o /proc/out", 1, "cannot be written"),
    "output is where we are": ("encode film.mp4 -o .", 1, "not empty"),
    "no output": ("encode film.mp4", 2, "--output"),
    "no film": ("encode -o out", 2, "SOURCE"),
    "an unknown option": ("encode film.mp4 -o out --fast", 2, "--fast"),
    "an unknown codec": ("encode film.mp4 -o out --codec h261", 2, "h261"),
    "an unknown preset": ("encode film.mp4 -o out --preset quick", 2, "quick"),
    "a target above the scale": ("encode film.mp4 -o out --target-vmaf 101", 2, "101"),
    "a target that is no number": ("encode film.mp4 -o out --target-vmaf best", 2, "best"),
    "no rungs": ("encode film.mp4 -o out --rungs 0", 2, "rungs"),
    "no height": ("encode film.mp4 -o out --max-height 0", 2, "max-height"),
    "no segment": ("encode film.mp4 -o out --segment 0", 2, "segment"),
    "endless segments": ("encode film.mp4 -o out --segment inf", 2, "segment"),
    "segments that are no number": ("encode film.mp4 -o out --segment 1/0", 2, "segment"),
    "no workers": ("encode film.mp4 -o out --workers 0", 2, "workers"),
    "an unknown tune": ("encode film.mp4 -o out --tune ear", 2, "ear"),
    "an unknown engine": ("encode film.mp4 -o out --engine guess", 2, "guess"),
    "a ladder that is not there": ("encode film.mp4 -o out --ladder absent.json", 2, "absent.json"),
    "a ladder of bytes": ("encode film.mp4 -o out --ladder bytes.json", 1, "not a ladder"),
    "a ladder that is a list": ("encode film.mp4 -o out --ladder list.json", 1, "not a ladder"),
    "a ladder that is a film": ("encode film.mp4 -o out --ladder film.mp4", 1, "not a ladder"),
    "an ffmpeg that is text": ("encode film.mp4 -o out --ffmpeg notes.txt", 1, "notes.txt"),
    "an ffmpeg that is another program": ("encode film.mp4 -o out --ffmpeg /bin/true", 1, "is not ffmpeg"),
    "a store that is a file": ("encode film.mp4 -o out --store file", 1, "file"),
    "a store of other files": ("encode film.mp4 -o out --store full", 1, "is not a store"),
    "a ladder nowhere to be written": ("ladder film.mp4 -o file/ladder.json --preset ultrafast", 1, "file"),
    "a ladder over a folder": ("ladder film.mp4 -o full --preset ultrafast", 1, "is a directory"),
    "an unknown command": ("encoed film.mp4 -o out", 2, "encoed"),
    "a ladder of a file and views": ("encode film.mp4 -o out --ladder list.json --views 9", 2, "--ladder is made"),
    "a price without views": ("ladder film.mp4 --cpu-hour 2", 2, "--cpu-hour goes with --views"),
    "a preset to choose without views": ("ladder film.mp4 --preset auto", 2, "--preset auto goes with --views"),
    "no film for a ladder": ("ladder absent.mp4", 1, "no such file"),
}  # fmt: skip


@pytest.fixture
def here(tmp_path, monkeypatch, capsys):
    """Run the command's own `main` in this process, which saves the start."""
    monkeypatch.setenv("SHOTLADDER_STORE", str(tmp_path / "store"))
    # restored at the end, whatever `--ffmpeg` sets
    monkeypatch.setenv("SHOTLADDER_FFMPEG", "")
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["shotladder", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        return Answer(ended.value.code, *capsys.readouterr())

    return run


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_told_in_a_line_and_leaves_nothing(place, fault, here, monkeypatch):
    monkeypatch.chdir(place)
    words, status, said = FAULTS[fault]
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    answer = here(*words.split())
    assert answer.status == status, answer.err
    assert "Traceback" not in answer.err
    assert answer.out == ""
    talk = [line for line in answer.lines if not line.endswith("...")]
    # wrong usage shows how to use it first
    assert said in talk[-1]
    assert status == 2 or (len(talk) == 1 and talk[0].startswith("error: "))
    assert {path: path.stat().st_mtime_ns for path in place.rglob("*")} == before


def started(words, store):
    argv, environment = command(*words, store=store)
    return subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def until(run, words):
    """Read what a run says until a stage begins."""
    for line in run.stderr:
        if line.startswith(words):
            return
    raise AssertionError(f"the run ended before {words!r}")


def segment_bytes(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.m4s")}


def test_a_killed_run_leaves_nothing_and_finishes_when_started_again(made, tmp_path):
    words = ("encode", made.film, "-o", tmp_path / "out", *FAST)
    with started(words, tmp_path / "store") as run:
        until(run, "encode and measure")
        run.send_signal(signal.SIGKILL)
    assert run.returncode == -signal.SIGKILL
    assert not (tmp_path / "out").exists()
    answer = shotladder(*words, store=tmp_path / "store")
    assert answer.status == 0, answer.err
    assert segment_bytes(tmp_path / "out") == segment_bytes(made.folder)
    again = json.loads((tmp_path / "out" / "presentation.json").read_text())
    assert again["video"] == made.document["video"]
    assert [path.name for path in tmp_path.iterdir() if path.name not in ("out", "store")] == []


def test_an_interrupt_ends_at_once_in_a_line(made, tmp_path):
    words = ("encode", made.film, "-o", tmp_path / "out", *FAST, "--preset", "placebo")
    with started(words, tmp_path / "store") as run:
        until(run, "probe encodes")
        run.send_signal(signal.SIGINT)
        _, talk = run.communicate(timeout=60)
    assert run.returncode == 130
    assert talk.splitlines()[-1] == "interrupted"
    assert "Traceback" not in talk
    assert not (tmp_path / "out").exists()


def test_a_reader_that_goes_away_is_no_fault(made):
    argv, environment = command("encode", made.film, "-o", made.folder, *FAST, "--json", store=made.store)
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(argv, env=environment, stdout=write, stderr=subprocess.PIPE, text=True)
    finally:
        os.close(write)
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_doctor_finds_everything_here(here):
    answer = here("doctor", "--json")
    assert (answer.status, answer.err) == (0, "")
    findings = {finding["name"]: finding for finding in json.loads(answer.out)["findings"]}
    for name in ("ffmpeg", "libx264", "libvmaf", "Shaka Packager", "cores"):
        assert findings[name]["needed"]
        assert findings[name]["found"]
    assert "MISSING" not in here("doctor").out


def test_doctor_says_what_is_missing_and_what_to_do(here, tmp_path, monkeypatch):
    monkeypatch.setenv("SHOTLADDER_FFMPEG", str(tmp_path / "nowhere"))
    answer = here("doctor")
    assert answer.status == 1
    assert "Traceback" not in answer.err
    (line,) = [line for line in answer.out.splitlines() if line.startswith("MISSING")]
    assert "imageio-ffmpeg" in line
    findings = json.loads(here("doctor", "--json").out)["findings"]
    assert next(f for f in findings if f["name"] == "ffmpeg")["found"] is None


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import encoder", ("click", "rich", "plotly", "numba", "ladders", "vmaf", "abr")),
        ("import abr", ("click", "rich", "plotly", "encoder", "ladders", "vmaf", "av")),
        ("import vmaf", ("click", "rich", "plotly", "ladders", "abr")),
        ("import ladders", ("click", "rich", "plotly", "abr", "shotladder")),
        ("import shotladder.cli", ("numba", "plotly", "scipy", "av", "ladders", "vmaf", "abr")),
    ],
)
def test_importing_one_room_brings_no_other(statement, absent):
    code = f"import sys; {statement}; print([name for name in {absent!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY)
    assert done.stdout.strip() == "[]", done.stderr


def test_help_names_every_command_and_imports_none(tmp_path):
    argv, environment = command("--help", store=tmp_path)
    done = subprocess.run([argv[0], "-X", "importtime", *argv[1:]], capture_output=True, text=True, env=environment)
    assert done.returncode == 0
    imported = {line.rsplit("|", 1)[1].strip() for line in done.stderr.splitlines() if "|" in line}
    assert imported.isdisjoint({"numba", "plotly", "av", "cv2", "scipy", "ladders", "encoder", "shotladder.pipeline"})
    for name in ("doctor", "encode", "ladder", "score", "shots", "simulate"):
        assert f"\n  {name} " in done.stdout


def test_every_command_explains_itself(here):
    for name in COMMANDS:
        answer = here(name, "--help")
        assert (answer.status, answer.err) == (0, "")
        assert answer.out.startswith("Usage: ")
