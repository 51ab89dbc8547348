"""Each command prints what it leaves out, assumes or replaces; no command prints a password."""

from dataclasses import replace

import pytest
from click.testing import CliRunner

from encoder import SourceError, inspect
from shotladder.cli import group
from shotladder.pipeline import encode_pipeline
from shotladder.pipeline.encode_function import _CollectingReporter
from shotladder.report.presentation_writer import _make_title
from shotladder.reporter import Reporter
from shotladder_runtime.process import run
from shotladder_runtime.tools import ffmpeg_path

PLANNED = {"frames": 25, "shots": 1, "chunks": 1, "segments": 1, "sizes": ["64x36"], "predicted_cpu_seconds": {}}
PLANNED |= {"workers": 1, "predicted_wall_seconds": 1.0, "predicted_bytes": 1}


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Return a video of 1 s with audio of 3 s."""
    path = tmp_path_factory.mktemp("notes") / "video.mkv"
    picture, sound = ("-f", "lavfi", "-i", "testsrc2=s=64x36:r=25:d=1"), ("-f", "lavfi", "-i", "sine=d=3")
    run([ffmpeg_path(), "-v", "error", *picture, *sound, "-c:v", "ffv1", "-c:a", "flac", str(path)])
    return path


def test_score_prints_the_notes_of_all_files(video):
    answer = CliRunner().invoke(group, ["score", str(video), str(video), "--size", "64x36"])
    assert answer.exit_code == 0, answer.output
    (line,) = [line for line in answer.stderr.splitlines() if "the audio ends" in line]
    assert line.startswith(f"{video} and 1 others: the audio ends 2.00 s after the last frame")


def test_plan_prints_the_notes_of_the_source_and_of_the_traces(video, tmp_path, monkeypatch):
    monkeypatch.setattr(encode_pipeline, "_plan", lambda *_: PLANNED)
    for rate in (3050, 4050):
        (tmp_path / f"{rate}.log").write_text("".join(f"{n} {rate}\n" for n in range(10)))
    options = ["--dry-run", "--engine", "libvmaf", "--client-traces", str(tmp_path)]
    answer = CliRunner().invoke(group, ["encode", str(video), "-o", str(tmp_path / "out"), *options])
    assert answer.exit_code == 0, answer.output
    assert f"{video}: the audio ends 2.00 s after the last frame" in answer.stderr
    (line,) = [line for line in answer.stderr.splitlines() if "does not state its units" in line]
    assert " and 1 others: " in line


@pytest.mark.parametrize("command", ["encode", "ladder"])
def test_encode_prints_the_notes_of_the_traces(video, tmp_path, monkeypatch, command):
    def stop(*_):
        raise SourceError("stopped before any work")

    monkeypatch.setattr(encode_pipeline, "hold_store", stop)
    (tmp_path / "trace").write_text("".join(f"{n} 2050\n" for n in range(10)))
    options = ["--client-traces", str(tmp_path / "trace"), "--store", str(tmp_path / "store")]
    answer = CliRunner().invoke(group, [command, str(video), "-o", str(tmp_path / "out"), *options])
    assert isinstance(answer.exception, SourceError)
    assert "trace: the file does not state its units" in answer.stderr


SECRET = "http://user:secret@127.0.0.1:9/a/video.mp4?part=1.5"


def test_say_prints_no_password(capsys):
    reporter = Reporter()
    reporter.say(f"{SECRET}: the audio is left out")
    reporter.say_notes([(SECRET, ("the audio is left out",))])
    with reporter.stage(f"measure {SECRET}"):
        pass
    err = capsys.readouterr().err
    assert err.count("http://127.0.0.1:9/a/video.mp4?part=1.5") == 4
    assert "secret" not in err


def test_encode_returns_no_password_in_its_notes():
    reporter = _CollectingReporter(progress=False)
    reporter.say_notes([(SECRET, ("the audio is left out",))])
    assert reporter.notes == ["http://127.0.0.1:9/a/video.mp4?part=1.5: the audio is left out"]


def test_inspect_names_no_password_in_its_errors():
    with pytest.raises(SourceError) as caught:
        inspect(SECRET)
    assert "http://127.0.0.1:9/a/video.mp4" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_source_shows_no_password(video):
    source = replace(inspect(video), path=SECRET)
    assert "secret" not in repr(source) + source._repr_html_()
    assert "http://127.0.0.1:9/a/video.mp4" in repr(source)


@pytest.mark.parametrize(
    ("path", "title"),
    [
        (SECRET, "video"),
        ("http://user:secret@host", "video"),
        ("https://host/a%20b.mp4?token=a.b", "a b"),
        ("/folder/a?b.c.mp4", "a?b.c"),
    ],
)
def test_make_title_uses_the_name_of_a_file_only(path, title):
    assert _make_title(path) == title


@pytest.mark.parametrize(("pixel_format", "is_noted"), [("bgra", True), ("yuva420p", True), ("yuv420p", False)])
def test_inspect_notes_transparency(tmp_path, pixel_format, is_noted):
    frames = ("-f", "lavfi", "-i", "testsrc2=s=64x36:r=25:d=0.2")
    path = tmp_path / "video.mkv"
    run([ffmpeg_path(), "-v", "error", *frames, "-c:v", "ffv1", "-pix_fmt", pixel_format, str(path)])
    assert any("transparency" in note for note in inspect(path).notes) is is_noted
