"""The file of `simulate --edges`, and the command over it."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

import delivery
from shotladder.cli import group

EDGES = """
plan = "plan.json"
[origin]
mbps = 10
latency_ms = 100
[[edge]]
name = "a"
region = "fr"
mbps = 40
[[edge]]
name = "b"
region = "fr"
mbps = 40
[[outage]]
edge = "a"
start = 5
stop = 60
"""


@pytest.fixture
def files(tmp_path):
    """Edges with a plan, a presentation of two rungs as Pensieve has them, and a trace."""
    plan = {"sites": [{"name": n, "files": [{"presentation": "show", "rung": "low", "bytes": 1}]} for n in "ab"]}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    (tmp_path / "edges.toml").write_text(EDGES)
    (tmp_path / "traces").mkdir()
    for rate in (1500, 3000):
        intervals = [{"duration_ms": 9000, "bandwidth_kbps": rate, "latency_ms": 20}]
        (tmp_path / "traces" / f"{rate}.json").write_text(json.dumps(intervals))
    segments = [{"start": 4.0 * n, "duration": 4.0, "shots": []} for n in range(20)]
    video = [
        {
            "id": name, "codec": "h264", "codecs": "avc1.640028", "width": 2 * rows, "height": rows,
            "average_bitrate": rate, "peak_bitrate": rate,
            "segments": [{"bytes": rate // 2, "vmaf": vmaf, "url": f"{name}/{n}"} for n in range(20)],
        }
        for name, rows, rate, vmaf in (("low", 360, 400_000, 70.0), ("high", 1080, 1_600_000, 95.0))
    ]  # fmt: skip
    document = {"version": 1, "title": "show", "duration": 80.0, "frame_rate": "24/1", "segments": segments,
                "shots": [], "video": video, "audio": [], "text": []}  # fmt: skip
    (tmp_path / "presentation.json").write_text(json.dumps(document))
    return tmp_path


def test_read_edges_has_four_arms(files):
    experiment = delivery.read_edges(files / "edges.toml")
    arms = experiment.arms("show")
    assert list(arms) == ["neither", "steering", "fill", "steering and fill"]
    assert [network.is_steered for network, _ in arms.values()] == [False, True, False, True]
    assert arms["fill"][1] == {"a": {"low"}, "b": {"low"}}
    assert arms["neither"][1] == {"a": frozenset(), "b": frozenset()}
    assert np.allclose(experiment.network.edges[0].path.rates, 40e6)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("mbps = 40", "mpbs = 40", "mpbs"),
        ('edge = "a"', 'edge = "z"', "'z'"),
        ('edge = "a"', 'region = "de"', "'de'"),
        ("mbps = 10", "mbps = nan", "expected a finite number"),
        ('name = "b"', 'name = "a"', "different names"),
        ('plan = "plan.json"', 'plan = "absent.json"', "absent.json"),
        ('name = "b"', 'name = "c"', "has no site c"),
        ("mbps = 10", "", "origin needs either mbps or trace"),
        ('edge = "a"', "", "an outage needs either edge or region"),
        ('edge = "a"', 'edge = "a"\nregion = "fr"', "an outage needs either edge or region"),
        ('edge = "a"', 'region = "de"', "an outage names the region 'de', which has no edge"),
    ],
)
def test_read_edges_names_the_fault(files, old, new, fault):
    (files / "edges.toml").write_text(EDGES.replace(old, new, 1))
    with pytest.raises(delivery.FillError, match=fault):
        delivery.read_edges(files / "edges.toml")


@pytest.mark.parametrize("read", [delivery.read_edges, delivery.read_sites, delivery.read_views])
def test_readers_name_a_file_that_is_absent_or_a_folder(tmp_path, read):
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(delivery.FillError, match=f"^{path}: [^\n]+$"):
            read(path)


@pytest.mark.parametrize("window", ["2-14", "02:00-25:00", "02:00-24:01", "02:60-03:00", ""])
def test_read_sites_names_a_fill_window_that_is_no_time(tmp_path, window):
    path = tmp_path / "sites.toml"
    path.write_text(f'[[site]]\nname = "edge"\ndisk_gb = 1\nfill_window = "{window}"\n')
    with pytest.raises(delivery.FillError, match=f"^site edge: the fill window is '{window}', expected for example"):
        delivery.read_sites(path)
    path.write_text(path.read_text().replace(f'"{window}"', '"22:00-24:00"'))
    (site,) = delivery.read_sites(path)
    assert (site.fill_start, site.fill_seconds) == (22 * 3600, 2 * 3600)


def test_read_views_names_a_column_that_is_missing(tmp_path):
    path = tmp_path / "views.csv"
    path.write_text("presentation,region\npopular,fr\n")
    with pytest.raises(delivery.FillError, match=r"views\.csv: has no column views$"):
        delivery.read_views(path)


def test_simulate_edges_prints_offload_and_misses(files):
    words = ["simulate", str(files / "presentation.json"), "--traces", str(files / "traces")]
    answer = CliRunner().invoke(
        group, [*words, "--policy", "bba-2", "--edges", str(files / "edges.toml"), "--json", "--quiet"]
    )
    assert answer.exit_code == 0, answer.output
    arms = {arm["policy"].split(", ")[1]: arm["metrics"] for arm in json.loads(answer.stdout)["arms"]}
    assert arms["neither"]["offload"]["mean"] == arms["steering"]["offload"]["mean"] == 0
    assert 0 < arms["steering and fill"]["offload"]["mean"] < 1
    assert arms["steering"]["rebuffer_ratio"]["mean"] <= arms["neither"]["rebuffer_ratio"]["mean"]


def test_compare_edges_compares_delivery(files):
    words = ["compare", str(files / "presentation.json"), "--traces", str(files / "traces")]
    answer = CliRunner().invoke(group, [*words, "--edges", str(files / "edges.toml"), "--json", "--quiet"])
    assert answer.exit_code == 0, answer.output
    result = json.loads(answer.stdout)
    assert result["first"].endswith("neither") and result["second"].endswith("steering and fill")
