"""`shotladder compare` end to end: ladders, policies, effects and guardrails."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from shotladder import ShotladderError
from shotladder.commands.compare import command


def presentation_document(title, factor, gain):
    rng = np.random.default_rng(3)
    weight = np.exp(rng.normal(0, 0.3, 20))
    rates = np.array([400e3, 1.2e6, 3e6])
    return {
        "title": title,
        "segments": [{"duration": 4.0}] * 20,
        "video": [
            {
                "id": f"{int(rate / 1000)}k",
                "average_bitrate": int(rate),
                "segments": [{"bytes": int(factor * w * rate / 2), "vmaf": min(100, v + gain)} for w in weight],
            }
            for rate, v in zip(rates, (45, 70, 90), strict=True)
        ],
    }


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for title, factor, gain in (("old", 1, 0), ("new", 1, 4), ("fat", 1.4, 4)):
        (tmp_path / f"{title}.json").write_text(json.dumps(presentation_document(title, factor, gain)))
    (tmp_path / "traces").mkdir()
    rng = np.random.default_rng(1)
    for number in range(12):
        rates = 2.2 * np.exp(rng.normal(0, 0.5, 60))
        text = "\n".join(f"{t} {rate:.4f}" for t, rate in enumerate(rates))
        (tmp_path / f"traces/t{number}").write_text(text)
    return tmp_path


def run(*args):
    return CliRunner().invoke(command, [*args, "--traces", "traces", "--quiet"])


def test_compare_prints_verdict_and_reasons_for_two_ladders(folder):
    done = run("old.json", "new.json", "--policy", "bba-2", "--json")
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert result["verdict"] == "ship"
    assert (result["traces"], result["sessions"], result["decomposition"]) == (12, 48, None)
    vmaf = next(e for e in result["effects"] if e["metric"] == "vmaf_mean")
    assert vmaf["ci95"][0] > 3
    assert any("vmaf_p5 holds" in reason for reason in result["reasons"])


def test_compare_decides_by_the_given_margins(folder):
    # each segment has 40 % more bytes, and the margin decides whether that is acceptable
    strict = json.loads(run("old.json", "fat.json", "--policy", "bba-2", "--bytes-margin", "0.01", "--json").stdout)
    assert strict["verdict"] == "stop"
    assert any("downloaded_bytes is broken" in reason for reason in strict["reasons"])
    loose = run("old.json", "fat.json", "--policy", "bba-2", "--bytes-margin", "9", "--rebuffer-margin", "1")
    assert "downloaded_bytes holds" in loose.stdout
    assert "verdict: " in loose.stdout and "; because" in loose.stdout


def test_compare_refuses_presentations_of_different_durations(folder):
    other = presentation_document("other", 1, 0)
    other["segments"] = [{"duration": 3.0}] * 20
    (folder / "other.json").write_text(json.dumps(other))
    refused = run("old.json", "other.json", "--policy", "bba-2")
    assert isinstance(refused.exception, ShotladderError)
    assert "different videos" in str(refused.exception)
    assert run("old.json", "other.json", "--policy", "bba-2", "--different-videos").exit_code == 0


@pytest.mark.parametrize(
    ("source", "is_refused"),
    [
        ({"name": "match.mp4", "bytes": 2000}, True),
        ({"name": "match.mp4", "bytes": None}, True),
        ({"name": "film.mp4", "bytes": 2000}, False),
        ({"name": "copy.mp4", "bytes": 1000}, False),
        (None, False),
    ],
)
def test_compare_refuses_presentations_of_different_source_files(folder, source, is_refused):
    for title, of in (("old", {"name": "film.mp4", "bytes": 1000}), ("new", source)):
        document = presentation_document(title, 1, 0) | {"source": of}
        (folder / f"{title}.json").write_text(json.dumps(document))
    done = run("old.json", "new.json", "--policy", "bba-2")
    if is_refused:
        assert isinstance(done.exception, ShotladderError)
        assert "film.mp4 and match.mp4" in str(done.exception)
        assert "--different-videos" in str(done.exception)
        done = run("old.json", "new.json", "--policy", "bba-2", "--different-videos")
    assert done.exit_code == 0, done.output


def test_compare_splits_the_effect_between_ladder_and_policy(folder):
    done = run("old.json", "new.json", "--policy", "bba-0", "bola-e", "--json")
    parts = json.loads(done.stdout)["decomposition"]
    assert parts["ladder"] + parts["policy"] == pytest.approx(parts["together"])
    assert parts["ladder"] == pytest.approx(4, abs=0.5)
    assert (
        f"= ladder {parts['ladder']:+.4g} + policy" in run("old.json", "new.json", "--policy", "bba-0", "bola-e").stdout
    )


def test_compare_takes_two_policies_and_one_ladder(folder):
    result = json.loads(run("old.json", "--policy", "bba-0", "bola-e", "--json").stdout)
    assert result["first"].endswith("bba-0@2014")
    assert result["second"].endswith("bola-e@sabre")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("old.json",), "give two presentations, or two policies"),
        (("old.json", "new.json", "fat.json"), "give two presentations"),
        (("old.json", "--policy", "bba-2", "nonsense"), "no policy is called 'nonsense'"),
        (("old.json", "new.json", "--primary", "beauty"), "unknown metric 'beauty'"),
    ],
)
def test_compare_reports_wrong_usage(folder, args, message):
    done = run(*args)
    assert done.exit_code == 2
    assert message in done.output


def test_compare_plots_both_arms_with_the_verdict(folder):
    done = run("old.json", "new.json", "--policy", "bba-2", "--plot", "page.html")
    assert done.exit_code == 0, done.output
    text = (folder / "page.html").read_text()
    assert "verdict: ship: prefer new bba-2" in text
    assert text.count('role="img"') == 5
    assert text.count('<g class="steps c1">') == 5
    assert "http" not in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("old.json", "new.json", "--policy", "bba-2", "--traces", "traces/t0"), "at least two traces"),
        (("bare.json", "new.json", "--policy", "bba-2", "--traces", "traces"), "bare: has no VMAF"),
        (("old.json", "old.json", "--policy", "bba-2", "--traces", "traces"), "both arms have the same"),
        (("old.json", "--policy", "bba-2,bba-2@2014", "--traces", "traces"), "both arms have the same"),
    ],
)
def test_compare_refuses_arms_without_a_verdict_before_it_simulates(folder, monkeypatch, words, message):
    bare = presentation_document("bare", 1, 0)
    for rung in bare["video"]:
        for segment in rung["segments"]:
            del segment["vmaf"]
    (folder / "bare.json").write_text(json.dumps(bare))
    monkeypatch.setattr("abr.simulate_many", lambda *_, **__: pytest.fail("simulates"))
    done = CliRunner().invoke(command, words)
    assert message in (done.stderr or str(done.exception))
