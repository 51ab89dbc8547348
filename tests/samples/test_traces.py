"""The generated traces of the demonstration."""

import json
from pathlib import Path

import pytest

import abr
from abr.traces.trace_generator import NETWORKS
from samples import traces


def test_write_traces_writes_the_same_files_twice_and_abr_reads_them(tmp_path: Path) -> None:
    paths = traces.write_traces(tmp_path / "a", count=2, duration=60)
    again = traces.write_traces(tmp_path / "b", count=2, duration=60)
    assert [p.read_bytes() for p in paths] == [p.read_bytes() for p in again]
    assert len(paths) == len(list((tmp_path / "a").iterdir())) == 2 * len(NETWORKS)
    assert set(json.loads(paths[0].read_text())[0]) == {"duration_ms", "bandwidth_kbps", "latency_ms"}
    for path in paths:
        network, seed = path.stem.split("_")
        read, generated = abr.load_trace(path), abr.generate_trace(network, seed=int(seed), duration=60)
        assert read.rates == pytest.approx(generated.rates, abs=0.5)
        assert read.durations == pytest.approx(generated.durations)
        assert read.latencies == pytest.approx(generated.latencies)
