"""`shotladder simulate` end to end."""

import csv
import json
import os

import pytest

import abr
from tests.command_server import run_command


@pytest.fixture
def folder(tmp_path, film):
    """Return a folder with a presentation.json and two traces."""
    document = {
        "version": 1,
        "title": film.title,
        "segments": [{"duration": d} for d in film.durations],
        "video": [
            {
                "id": rung.id,
                "codec": "h264",
                "width": rung.width,
                "height": rung.height,
                "average_bitrate": rung.bitrate,
                "segments": [{"bytes": int(b), "vmaf": float(v)} for b, v in zip(sizes, scores, strict=True)],
            }
            for rung, sizes, scores in zip(film.rungs, film.sizes.T, film.vmaf.T, strict=True)
        ],
    }
    (tmp_path / "presentation.json").write_text(json.dumps(document))
    (tmp_path / "traces").mkdir()
    (tmp_path / "traces/a").write_text("0 1.5\n5 2.0\n9 0.5\n30 3.0\n")
    (tmp_path / "traces/b.json").write_text(
        '[{"duration_ms": 4000, "bandwidth_kbps": 900, "latency_ms": 90},'
        ' {"duration_ms": 9000, "bandwidth_kbps": 4000, "latency_ms": 60}]'
    )
    return tmp_path


def run(*args):
    return run_command(["simulate", *map(str, args)], dict(os.environ))


def test_simulate_json_is_one_document_with_the_documented_keys(folder):
    done = run(
        folder, "--traces", folder / "traces/a", folder / "traces/b.json", "--policy", "bba-2", "bola-e", "--json"
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["sessions"] == 4
    assert [arm["policy"] for arm in document["arms"]] == ["bba-2@2014", "bola-e@sabre"]
    arm = document["arms"][0]
    assert {"presentation", "policy", "device", "sessions", "metrics"} <= set(arm)
    assert set(arm["metrics"]["vmaf_mean"]) == {"mean", "ci95", "p5", "p95"}
    for name in ("vmaf_p5", "time_at_target", "bitrate", "rebuffer_ratio", "rebuffer_count", "startup_delay"):
        assert arm["metrics"][name] is not None


def test_simulate_writes_sessions_and_events_that_agree(folder, film):
    rows, events = folder / "s.csv", folder / "e.jsonl"
    done = run(
        folder,
        "--traces",
        folder / "traces",
        "--policy",
        "throughput",
        "--sessions",
        rows,
        "--events",
        events,
        "--quiet",
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    with rows.open() as file:
        table = list(csv.DictReader(file))
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    assert len(table) == 2
    for number, row in enumerate(table):
        session_lines = [line for line in lines if line["session"] == number]
        assert {line["trace"] for line in session_lines} == {row["trace"]}
        downloads = [line for line in session_lines if line["event"] == "download"]
        assert len(downloads) == len(film.durations)
        total = sum(line["bytes"] for line in session_lines if line["event"] in ("download", "abandon"))
        assert total == pytest.approx(float(row["downloaded_bytes"]))
        stalled = sum(line["duration"] for line in session_lines if line["event"] == "stall")
        played = film.duration
        assert float(row["rebuffer_ratio"]) == pytest.approx(stalled / (stalled + played))


@pytest.mark.parametrize(
    ("args", "status"),
    [
        (["nowhere.json", "--traces", "traces"], 1),
        (["presentation.json", "--traces", "nowhere"], 1),
        (["presentation.json", "--traces", "traces", "--policy", "nonsense"], 2),
        (["presentation.json", "--traces", "traces", "--mode", "nonsense"], 2),
        (["presentation.json"], 2),
        (["traces/a", "--traces", "traces"], 1),
        (["presentation.json", "--traces", "presentation.json"], 1),
        (["presentation.json", "--traces", "traces", "--events", "no/such/folder.jsonl"], 1),
    ],
)
def test_simulate_reports_bad_input_in_one_line(folder, args, status, monkeypatch):
    monkeypatch.chdir(folder)
    done = run(*args, "--quiet")
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()
    if status == 1:
        assert len(done.stderr.strip().splitlines()) == 1


def test_simulate_events_follow_startup_resume_and_goodput(folder):
    events = folder / "e.jsonl"
    options = ("--startup", "9", "--resume", "6", "--goodput", "0.8")
    done = run(folder, "--traces", folder / "traces/a", "--policy", "bba-1", *options, "--events", events, "--quiet")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    startup_index = next(n for n, line in enumerate(lines) if line["event"] == "startup")
    assert lines[startup_index]["buffer"] >= 9
    assert all(line["buffer"] < 9 for line in lines[:startup_index])
    assert all(line["buffer"] >= 6 for line in lines if line["event"] == "stall")
    # a goodput of 0.8 equals a link with 0.8 times the throughput
    pres, trace = abr.load_presentation(folder), abr.load_trace(folder / "traces/a")
    expected = abr.simulate(pres, trace.scaled(0.8), "bba-1", model=abr.SessionModel(startup=9.0, resume=6.0))
    assert [line["time"] for line in lines] == pytest.approx([event.time for event in expected.events], rel=1e-9)


def test_load_presentation_reads_a_directory(folder, film):
    read = abr.load_presentation(folder)
    assert read.title == "film"
    assert (read.sizes == film.sizes).all()
    assert (read.vmaf == film.vmaf).all()
    assert read.rungs == film.rungs


def test_simulate_events_follow_the_options_of_the_session(folder, film):
    document = json.loads((folder / "presentation.json").read_text())
    document["audio"] = [{"language": "en", "segments": [{"bytes": 24_000, "duration": 2.0}] * 130}]
    (folder / "with-audio.json").write_text(json.dumps(document))
    given = (
        "--separate-audio",
        "--slow-start",
        0.5,
        "--replace",
        "earliest",
        "--live-latency",
        12,
        "--catch-up",
        "lol+",
    )
    done = run(
        folder / "with-audio.json", "--traces", folder / "traces/a", "--policy", "bba-2", *given, "--events",
        folder / "events.jsonl", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    metrics = json.loads(done.stdout)["arms"][0]["metrics"]
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    downloaded = sum(e["bytes"] for e in events if e["event"] in ("download", "abandon", "audio", "replace"))
    assert downloaded == pytest.approx(metrics["downloaded_bytes"]["mean"])
    assert sum(e["event"] == "audio" for e in events) == -(-film.duration // 2)
    assert metrics["live_latency"]["mean"] > 5
    assert metrics["load_ratio"]["mean"] > 0
    assert "regret" not in metrics
    for wrong, message in ((("--catch-up", "lol+"), "--live-latency"), (("--live-latency", 2), "cannot be 2 s behind")):
        refused = run(folder / "with-audio.json", "--traces", folder / "traces/a", *wrong)
        assert refused.returncode in (1, 2)
        assert message in refused.stderr
    without_audio = run(folder, "--traces", folder / "traces/a", "--separate-audio")
    assert without_audio.returncode == 1
    assert without_audio.stderr.splitlines()[-1].startswith("error: film: it has no audio")


def test_simulate_prints_markup_and_control_codes_in_titles_as_text(folder):
    document = json.loads((folder / "presentation.json").read_text())
    (folder / "presentation.json").write_text(json.dumps(document | {"title": "[/red]\x1b[31m[bold]film"}))
    done = run(folder, "--traces", folder / "traces/a", "--policy", "bba-2")
    assert done.returncode == 0, done.stderr
    for text in (done.stdout, done.stderr):
        assert "[/red]\\x1b[31m[bold]film" in text
        assert "\x1b[31m" not in text


def test_simulate_shows_presentations_with_equal_titles_by_their_paths(folder):
    other = folder / "other.json"
    other.write_text((folder / "presentation.json").read_text())
    words = (folder / "presentation.json", other, other, "--traces", folder / "traces/a", "--json")
    done = run(*words, "--policy", "bba-2", "--policy", "bba-2")
    assert done.returncode == 0, done.stderr
    arms = json.loads(done.stdout)["arms"]
    assert [(arm["presentation"], arm["sessions"]) for arm in arms] == [(str(words[0]), 1), (str(other), 1)]
