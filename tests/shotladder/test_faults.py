"""Errors are one line and leave no files; interrupted runs resume; help and versions."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import av
import pytest

from shotladder.cli import COMMANDS, main
from shotladder_runtime.tools import use_ffmpeg
from tests.encoder.videos import write_video
from tests.shotladder.running import FAST, REPOSITORY, Answer, command, shotladder


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A directory with bad inputs and bad outputs."""
    folder = tmp_path_factory.mktemp("faults")
    (folder / "notes.txt").write_text("not a film\n" * 50)
    (folder / "notes.mp4").write_text("not a film\n" * 50)
    (folder / "empty.mp4").touch()
    (folder / "file").write_text("a file")
    (folder / "full").mkdir()
    (folder / "full" / "thesis.tex").write_text("years of work")
    (folder / "bytes.json").write_bytes(bytes(range(256)))
    (folder / "list.json").write_text("[1, 2]")
    film = write_video(folder / "film.mp4", 12)
    with av.open(str(film)) as read, av.open(str(folder / "hollow.mkv"), "w") as out:
        out.add_stream_from_template(read.streams.video[0])
        out.start_encoding()
    return folder


#: Arguments (names are in the directory), exit status, and a part of the message.
FAULTS = {
    "a missing source": ("encode absent.mp4 -o out", 1, "no such file"),
    "a text file": ("encode notes.txt -o out", 1, "cannot be opened as video"),
    "text with the name of a video": ("encode notes.mp4 -o out", 1, "cannot be opened as video"),
    "an empty file": ("encode empty.mp4 -o out", 1, "cannot be opened as video"),
    "no frames": ("encode hollow.mkv -o out", 1, "hollow.mkv"),
    "a directory as the source": ("encode full -o out", 1, "the folder contains no v"),
    "an unreachable URL": ("encode http://127.0.0.1:9/film.mp4 -o out", 1, "film"),
    "output is a file": ("encode film.mp4 -o file", 1, "is a file"),
    "output is not empty": ("encode film.mp4 -o full", 1, "not empty"),
    "output under a file": ("encode film.mp4 -o file/out", 1, "cannot be written"),
    "output in a read-only file system": ("encode film.mp4 -o /proc/out", 1, "cannot be written"),
    "output is the working directory": ("encode film.mp4 -o .", 1, "not empty"),
    "no output": ("encode film.mp4", 2, "--output"),
    "no source": ("encode -o out", 2, "SOURCE"),
    "an unknown option": ("encode film.mp4 -o out --fast", 2, "--fast"),
    "an unknown codec": ("encode film.mp4 -o out --codec h261", 2, "h261"),
    "an unknown preset": ("encode film.mp4 -o out --preset quick", 2, "quick"),
    "a target above the scale": ("encode film.mp4 -o out --target-vmaf 101", 2, "101"),
    "a target that is not a number": ("encode film.mp4 -o out --target-vmaf best", 2, "best"),
    "no rungs": ("encode film.mp4 -o out --rungs 0", 2, "rungs"),
    "no height": ("encode film.mp4 -o out --max-height 0", 2, "max-height"),
    "no segment": ("encode film.mp4 -o out --segment-duration 0", 2, "segment"),
    "endless segments": ("encode film.mp4 -o out --segment-duration inf", 2, "segment"),
    "segments that are not a number": ("encode film.mp4 -o out --segment-duration 1/0", 2, "segment"),
    "no workers": ("encode film.mp4 -o out --workers 0", 2, "workers"),
    "an unknown tune": ("encode film.mp4 -o out --tune ear", 2, "ear"),
    "an unknown engine": ("encode film.mp4 -o out --engine guess", 2, "guess"),
    "a missing ladder": ("encode film.mp4 -o out --ladder absent.json", 2, "absent.json"),
    "a ladder of bytes": ("encode film.mp4 -o out --ladder bytes.json", 1, "not a ladder"),
    "a ladder that is a list": ("encode film.mp4 -o out --ladder list.json", 1, "not a ladder"),
    "a ladder that is a video": ("encode film.mp4 -o out --ladder film.mp4", 1, "not a ladder"),
    "an ffmpeg that is text": ("encode film.mp4 -o out --ffmpeg notes.txt", 1, "notes.txt"),
    "an ffmpeg that is another program": ("encode film.mp4 -o out --ffmpeg /bin/true", 1, "is not ffmpeg"),
    "a store that is a file": ("encode film.mp4 -o out --store file", 1, "file"),
    "a store of other files": ("encode film.mp4 -o out --store full", 1, "is not a store"),
    "a ladder that cannot be written": ("ladder film.mp4 -o file/ladder.json --preset ultrafast", 1, "file"),
    "a ladder file that is a directory": ("ladder film.mp4 -o full --preset ultrafast", 1, "is a directory"),
    "an unknown command": ("encoed film.mp4 -o out", 2, "encoed"),
    "a ladder file and expected views": (
        "encode film.mp4 -o out --ladder list.json --expected-views 9", 2, "cannot be combined with a ladder file"
    ),
    "a traffic cost without views": (
        "ladder film.mp4 --gb-per-cpu-hour 2", 2, "--gb-per-cpu-hour requires --expected-views"
    ),
    "preset auto without views": ("ladder film.mp4 --preset auto", 2, "--preset auto requires --expected-views"),
    "a missing source of a ladder": ("ladder absent.mp4", 1, "no such file"),
}  # fmt: skip


#: Lines of progress without a terminal: the start of a stage, and where it is after some seconds.
PROGRESS = re.compile(r".* \.\.\.|.*: \d+%.*, \d+ (?:s|min) left|.*: done in \d+\.\d s")


@pytest.fixture
def here(tmp_path, monkeypatch, capsys):
    """Run `main` in this process, which saves the start of another."""
    monkeypatch.setenv("SHOTLADDER_STORE", str(tmp_path / "store"))
    monkeypatch.delenv("SHOTLADDER_FFMPEG", raising=False)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["shotladder", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        return Answer(ended.value.code, *capsys.readouterr())

    yield run
    # `--ffmpeg` chose another one in this process
    use_ffmpeg(None)


@pytest.mark.parametrize("fault", FAULTS)
def test_main_reports_an_error_in_one_line_and_leaves_no_files(place, fault, here, monkeypatch):
    monkeypatch.chdir(place)
    words, status, message = FAULTS[fault]
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    answer = here(*words.split())
    assert answer.status == status, answer.err
    assert "Traceback" not in answer.err
    assert answer.out == ""
    lines = [line for line in answer.lines if not PROGRESS.fullmatch(line)]
    # a usage error prints the usage first
    assert message in lines[-1] and lines[-1].startswith("error: ")
    assert status == 2 or (len(lines) == 1 and lines[0].startswith("error: "))
    assert {path: path.stat().st_mtime_ns for path in place.rglob("*")} == before


def start(words, store):
    argv, environment = command(*words, store=store)
    return subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_stage(run, number):
    """Read stderr until the given stage begins: 0 is shot detection, 1 are probe encodes, 2 are final encodes."""
    for line in run.stderr:
        number -= line.endswith(" ...\n")
        if number < 0:
            return
    raise AssertionError("the run ended before the stage")


def segment_bytes(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.m4s")}


def test_encode_killed_leaves_no_output_and_resumes(made, tmp_path):
    words = ("encode", made.film, "-o", tmp_path / "out", *FAST)
    with start(words, tmp_path / "store") as run:
        wait_for_stage(run, 2)
        run.send_signal(signal.SIGKILL)
    assert run.returncode == -signal.SIGKILL
    assert not (tmp_path / "out").exists()
    answer = shotladder(*words, store=tmp_path / "store")
    assert answer.status == 0, answer.err
    assert segment_bytes(tmp_path / "out") == segment_bytes(made.folder)
    again = json.loads((tmp_path / "out" / "presentation.json").read_text())
    assert again["video"] == made.document["video"]
    assert [path.name for path in tmp_path.iterdir() if path.name not in ("out", "store")] == []


def test_encode_makes_damaged_artefacts_again_and_reports_them(made, tmp_path):
    shutil.copytree(made.store, tmp_path / "store")
    chunks = sorted((tmp_path / "store" / "chunk").rglob("*.mp4"))
    for path in chunks:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 0xFF
        path.write_bytes(content)
    for path in (tmp_path / "store").rglob("*.json"):
        if path.name != "shotladder-store.json":
            path.write_bytes(path.read_bytes()[:-7])
    answer = shotladder("encode", made.film, "-o", tmp_path / "out", *FAST, store=tmp_path / "store")
    assert answer.status == 0, answer.err
    assert "damaged files of the store were removed" in answer.err
    assert segment_bytes(tmp_path / "out") == segment_bytes(made.folder)
    again = json.loads((tmp_path / "out" / "presentation.json").read_text())
    assert again["video"] == made.document["video"]


def test_encode_interrupted_ends_with_one_line(made, tmp_path):
    words = ("encode", made.film, "-o", tmp_path / "out", *FAST, "--preset", "placebo")
    with start(words, tmp_path / "store") as run:
        wait_for_stage(run, 1)
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=60)
    assert run.returncode == 130
    assert err.splitlines()[-1] == "interrupted"
    assert "Traceback" not in err
    assert not (tmp_path / "out").exists()


def test_main_accepts_a_closed_pipe(made):
    argv, environment = command("encode", made.film, "-o", made.folder, *FAST, "--json", store=made.store)
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(argv, env=environment, stdout=write, stderr=subprocess.PIPE, text=True)
    finally:
        os.close(write)
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_doctor_finds_all_tools(here):
    answer = here("doctor", "--json")
    assert (answer.status, answer.err) == (0, "")
    findings = {finding["name"]: finding for finding in json.loads(answer.out)["findings"]}
    for name in ("ffmpeg", "libx264", "libvmaf", "Shaka Packager", "cores"):
        assert findings[name]["needed"]
        assert findings[name]["found"]
    assert "MISSING" not in here("doctor").out


def test_doctor_explains_how_to_add_a_missing_tool(here, tmp_path, monkeypatch):
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
def test_import_of_a_package_loads_no_other(statement, absent):
    code = f"import sys; {statement}; print([name for name in {absent!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY)
    assert done.stdout.strip() == "[]", done.stderr


def test_help_lists_every_command_and_imports_none(tmp_path):
    argv, environment = command("--help", store=tmp_path)
    done = subprocess.run([argv[0], "-X", "importtime", *argv[1:]], capture_output=True, text=True, env=environment)
    assert done.returncode == 0
    imported = {line.rsplit("|", 1)[1].strip() for line in done.stderr.splitlines() if "|" in line}
    assert imported.isdisjoint({"numba", "plotly", "av", "cv2", "scipy", "ladders", "encoder", "shotladder.pipeline"})
    for name in COMMANDS:
        assert f"\n  {name} " in done.stdout


def test_version_prints_a_line_for_each_tool(here, monkeypatch):
    answer = here("--version")
    assert (answer.status, answer.err) == (0, "")
    versions = dict(line.split(" ", 1) for line in answer.out.splitlines())
    assert list(versions) == ["shotladder", "ffmpeg", "packager", "numba", "python"]
    assert all(re.search(r"\d", version) for version in versions.values())
    monkeypatch.setenv("SHOTLADDER_FFMPEG", "/nowhere/ffmpeg")
    answer = here("--version")
    assert (answer.status, answer.err) == (0, "")
    assert "ffmpeg not found\n" in answer.out


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_every_command_prints_its_help(here, flag):
    for name in COMMANDS:
        answer = here(name, flag)
        assert (answer.status, answer.err) == (0, "")
        assert answer.out.startswith("Usage: ")
