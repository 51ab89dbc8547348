"""`simulate` and `simulate_many`: inputs by path, values and names of session models, start offsets, progress."""

import json

import numpy as np
import pytest

import abr


@pytest.fixture
def paths(tmp_path, film, networks):
    """A presentation in Sabre's format and a trace, as files, with the values that they are read as."""
    trace = networks[2]
    movie = {
        "segment_duration_ms": 4000,
        "bitrates_kbps": [rung.bitrate / 1000 for rung in film.rungs],
        "segment_sizes_bits": (film.sizes * 8).tolist(),
    }
    (tmp_path / "movie.json").write_text(json.dumps(movie))
    rows = zip(trace.durations, trace.rates, trace.latencies, strict=True)
    network = [{"duration_ms": d * 1e3, "bandwidth_kbps": r / 1e3, "latency_ms": q * 1e3} for d, r, q in rows]
    (tmp_path / "trace.json").write_text(json.dumps(network))
    return tmp_path / "movie.json", tmp_path / "trace.json"


def test_simulate_and_simulate_many_take_paths(paths):
    movie, network = paths
    expected = abr.simulate(abr.load_presentation(movie), abr.load_trace(network), policy="bba-2")
    assert abr.simulate(movie, str(network), policy="bba-2") == expected
    table = abr.simulate_many(str(movie), network, "bba-2")
    assert len(table) == 1
    assert table["vmaf_mean"][0] == pytest.approx(expected.metrics["vmaf_mean"] or np.nan, nan_ok=True)
    assert table["bitrate"][0] == expected.metrics["bitrate"]


def test_simulate_many_accepts_the_offsets_of_start_offsets(film, networks):
    by_count = abr.simulate_many(film, networks, ["bba-2"], starts=3)
    by_offsets = abr.simulate_many(film, networks, ["bba-2"], starts=abr.start_offsets(networks, 3))
    other_seed = abr.simulate_many(film, networks, ["bba-2"], starts=abr.start_offsets(networks, 3, seed=1))
    assert by_count["bitrate"].tolist() == by_offsets["bitrate"].tolist()
    assert by_count["bitrate"].tolist() != other_seed["bitrate"].tolist()
    with pytest.raises(abr.TraceError, match=r"shape \(6, sessions per trace\), not \(5, 3\)"):
        abr.simulate_many(film, networks, ["bba-2"], starts=abr.start_offsets(networks[:5], 3))
    assert len(abr.simulate_many(film, networks, "bba-2", starts=np.int64(2))) == 12


def test_simulate_many_refuses_an_unknown_device_and_no_traces(film, networks):
    with pytest.raises(ValueError, match=r"unknown device 'tv' \(choose from phone, tv-1080p, tv-4k\)"):
        abr.simulate_many(film, networks, "bba-2", device="tv")
    with pytest.raises(abr.TraceError, match="at least one trace"):
        abr.simulate_many(film, [], "bba-2")


def test_simulate_takes_a_session_model_by_name_or_value(film, networks):
    by_name = abr.simulate(film, networks[2], "bola-e", model="sabre")
    assert by_name.mode == "sabre"
    assert abr.simulate(film, networks[2], "bola-e", model=abr.MODES["sabre"]) == by_name
    small = abr.simulate(film, networks[2], "bola-e", buffer=15)
    assert abr.simulate(film, networks[2], "bola-e", model=abr.SessionModel(buffer=15)) == small
    with pytest.raises(
        ValueError, match=r"unknown session model 'sabr' \(choose from default, sabre, pensieve, player\)"
    ):
        abr.simulate(film, networks[2], "bola-e", model="sabr")


def test_simulate_many_draws_its_progress_on_stderr(film, networks, capsys):
    abr.simulate_many(film, networks, ["bba-2"], progress=True)
    assert "simulate [" in capsys.readouterr().err


def test_check_buffer_refuses_a_buffer_shorter_than_a_segment(film):
    with pytest.raises(abr.PresentationError, match="a buffer of 4 s cannot hold"):
        abr.SessionModel(buffer=4.0).check_buffer(float(film.durations.max()))
    abr.SessionModel(buffer=5.0).check_buffer(float(film.durations.max()))


def test_simulate_many_keeps_inputs_with_equal_names_apart(film, networks):
    slow = abr.Trace(networks[0].name, [10], [4e5], [0.05])
    table = abr.simulate_many((film, film.repeated(2)), (networks[0], slow), "bba-2")
    assert [(title, len(rows)) for title, _, rows in table.arms()] == [(film.title, 2), (f"{film.title} (2)", 2)]
    assert list(table["trace"]) == [networks[0].name, f"{networks[0].name} (2)"] * 2
