"""What a person sees on a terminal: stages that end, help for mistyped commands, notices before long work."""

import io
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest
from click.testing import CliRunner
from numba import njit
from rich.console import Console

import encoder
from shotladder.cli import COMMANDS, group
from shotladder.kernel_notice import announce_compilation
from shotladder.pipeline import free_space
from shotladder.pipeline.encode_request import EncodeRequest
from shotladder.pipeline.free_space import DiskSpaceError, check_free_space
from shotladder.pipeline.store_run import hold_store
from shotladder.reporter import Reporter
from shotladder_runtime.store import Store

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def written(monkeypatch):
    """A reporter, and what it writes on its terminal."""
    reporter, screen = Reporter(), io.StringIO()
    reporter._console = Console(file=screen, width=100, force_terminal=True, highlight=False)
    return reporter, screen


def test_stage_ends_at_100_percent_with_a_tick(written, monkeypatch):
    reporter, screen = written
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with reporter.stage("package"):
        pass
    with reporter.stage("probe") as advance:
        advance(1, 2)
    last = [line for line in screen.getvalue().splitlines() if "package" in line or "probe" in line]
    for title in ("package", "probe"):
        final = [line for line in last if title in line][-1]
        assert "100%" in final and "\N{CHECK MARK}" in final


def test_stage_without_a_terminal_ends_with_its_time(written):
    reporter, screen = written
    with reporter.stage("package"):
        pass
    first, last = screen.getvalue().splitlines()
    assert first == "package ..."
    assert last.startswith("package: done in 0.")


class SteadyClock:
    """A run of which half is done and 250 s are left."""

    fraction = 0.5

    def advance(self, title, fraction):
        pass

    def seconds_left(self):
        return 250.0


def test_stage_shows_one_time_left_for_the_whole_run(written, monkeypatch):
    reporter, screen = written
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    reporter.follow(SteadyClock())
    with reporter.stage("shots") as advance:
        advance(1, 4)
        reporter._live.refresh()
    lines = [line for line in screen.getvalue().splitlines() if "left" in line]
    assert lines and all("whole run" in line and "50%" in line and "4 min left" in line for line in lines)


def test_stage_without_a_terminal_prints_the_time_left_of_the_whole_run(written, monkeypatch):
    reporter, screen = written
    monkeypatch.setattr("shotladder.reporter.PLAIN_INTERVAL", 0.0)
    reporter.follow(SteadyClock())
    with reporter.stage("shots") as advance:
        advance(1, 4)
    assert "shots: 25%, the whole run 50%, 4 min left" in screen.getvalue()


def test_stage_that_fails_does_not_say_done(written):
    reporter, screen = written
    with pytest.raises(ValueError), reporter.stage("package"):
        raise ValueError
    assert "done" not in screen.getvalue()


def test_hold_store_says_on_an_interrupt_what_is_kept(written, tmp_path):
    reporter, screen = written
    with pytest.raises(KeyboardInterrupt), hold_store(Store.at(tmp_path / "store"), reporter):
        raise KeyboardInterrupt
    assert "the same command continues" in screen.getvalue()


@pytest.mark.parametrize(
    ("word", "answer"), [("encod", "did you mean 'encode'?"), ("xyzzy", "choose from compare, doctor")]
)
def test_resolve_command_suggests_the_nearest_command(word, answer):
    done = CliRunner().invoke(group, [word])
    assert done.exit_code == 2
    assert answer in done.output


def test_resolve_command_suggests_the_nearest_option():
    done = CliRunner().invoke(group, ["encode", "a.mp4", "-o", "b", "--max-hight", "3"])
    assert (done.exit_code, "--max-height" in done.output) == (2, True)


def test_resolve_command_accepts_help_as_a_word():
    assert "Commands:" in CliRunner().invoke(group, ["help"]).output
    assert "--sheet" in CliRunner().invoke(group, ["help", "shots"]).output


#: Packages whose import takes a fraction of a second or more.
HEAVY = ("numba", "scipy", "av", "cv2", "ladders", "encoder", "vmaf", "abr")


@pytest.mark.parametrize("line", ["encode absent.mp4 -o out", "shots absent.mp4", "ladder absent.mp4"])
def test_main_reports_an_absent_source_before_it_imports_a_library(line):
    code = (
        f"import sys; sys.argv[1:] = {line.split()!r}\nfrom shotladder.cli import main\n"
        f"try:\n    main()\nfinally:\n    print([each for each in {HEAVY!r} if each in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY)
    assert done.stderr.endswith("absent.mp4: no such file\n")
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_imports_no_library(name):
    code = (
        f"import sys, importlib; importlib.import_module('shotladder.commands.{name}')\n"
        f"print([each for each in {HEAVY!r} if each in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY)
    assert done.stdout.strip() == "[]", done.stderr


def test_announce_compilation_reports_once(written):
    reporter, screen = written
    announce_compilation(reporter)
    njit(lambda x: x + 1)(1)
    njit(lambda x: x + 2)(1)
    assert screen.getvalue().count("compiling kernels") == 1


@pytest.mark.parametrize(("fraction", "is_refused"), [(0.05, True), (0.5, False)])
def test_check_free_space_refuses_or_warns(film, written, tmp_path, monkeypatch, fraction, is_refused):
    reporter, screen = written
    source = encoder.inspect(film)
    free = fraction * free_space.estimate_output_bytes(source, 1)
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(free_space.shutil, "disk_usage", lambda path: usage(free))
    request = EncodeRequest(str(film), tmp_path / "out", store=Store.at(tmp_path / "store"))
    if is_refused:
        with pytest.raises(DiskSpaceError, match="are needed"):
            check_free_space(request, source, reporter)
    else:
        check_free_space(request, source, reporter)
        assert "the run may need" in screen.getvalue()
