"""The example scripts run against the current libraries."""

import importlib
import json
import runpy
import sys
from pathlib import Path

import pytest

from examples import compare_policies, shot_complexity
from training.clips import variants


def test_compare_policies_prints_a_table_for_each_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rates = [300, 800, 2000, 5000]
    manifest = {
        "segment_duration_ms": 4000,
        "bitrates_kbps": rates,
        "segment_sizes_bits": [[rate * 4000 for rate in rates]] * 30,
    }
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(manifest))
    monkeypatch.setattr(sys, "argv", ["compare_policies", str(path), "bba-0", "throughput"])
    compare_policies.main()
    printed = capsys.readouterr().out
    assert printed.count("bba-0") == printed.count("throughput") == 4
    assert "wifi, " in printed


def test_shot_complexity_prints_one_row_per_shot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = variants.generate(22, kind="cut", width=160, height=90)
    path = variants.write_clip(tmp_path / "clip.mp4", clip, crf=18)
    monkeypatch.setattr(sys, "argv", ["shot_complexity", str(path)])
    shot_complexity.main()
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    shots = [row for row in rows if len(row) == 7 and row[0].isdigit()]
    assert sum(int(row[1]) for row in shots) == len(clip.frames)
    assert all(float(row[3]) > 0 for row in shots)
    assert ["inter_cost"] in [row[:1] for row in rows]


@pytest.mark.parametrize("name", ["compare_policies", "shot_complexity", "per_shot_vs_fixed"])
def test_main_prints_usage_without_arguments(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [name])
    script = importlib.import_module(f"examples.{name}")
    with pytest.raises(SystemExit, match=r"python -m examples"):
        script.main()


def test_per_shot_vs_fixed_prints_each_ladder_and_the_bd_rates(
    clip: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["per_shot_vs_fixed", str(clip), "144"])
    importlib.import_module("examples.per_shot_vs_fixed").main()
    printed = capsys.readouterr().out
    for mode in ("per-shot", "per-title", "fixed"):
        assert f"\n{mode}: " in printed
    # the fixed ladder has one rung at this size, and a BD-rate needs two
    assert printed.count("unknown") == 2
    assert "per-shot against per-title: BD-rate -" in printed


def test_ladder_and_session_runs_every_cell(
    clip: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["ladder_and_session", str(clip)])
    runpy.run_module("examples.ladder_and_session")
    printed = capsys.readouterr().out
    assert "probe encodes" in printed
    assert "rung " in printed
    assert "EncodeResult(" in printed
    assert printed.count(": rungs (") == 2
    assert printed.index("bba-2") < printed.index("throughput")
