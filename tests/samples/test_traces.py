"""The generated traces follow the models that their module states."""

import doctest
import json
from pathlib import Path

import numpy as np
import pytest

import abr
from samples import traces


@pytest.mark.parametrize("model", traces.MODELS.values(), ids=lambda m: m.name)
def test_rows_are_distributions_and_shares_are_stationary(model: traces.Model) -> None:
    moves = np.array(model.moves)
    assert moves.shape == (len(model.rates),) * 2
    assert np.allclose(moves.sum(1), 1)
    assert np.allclose(model.shares @ moves, model.shares)
    assert (model.shares > 0.01).all()


@pytest.mark.parametrize("model", traces.MODELS.values(), ids=lambda m: m.name)
def test_docstring_states_the_model_that_runs(model: traces.Model) -> None:
    stated = [line.split()[1:] for line in (traces.__doc__ or "").splitlines() if line.startswith("    ")]
    rows = [[float(word) for word in line] for line in stated]
    for rate, spread, moves in zip(model.rates, model.spreads, model.moves, strict=True):
        assert [rate, spread, *moves] in rows


@pytest.mark.parametrize("model", traces.MODELS.values(), ids=lambda m: m.name)
def test_long_traces_have_the_models_mean(model: traces.Model) -> None:
    means = [
        np.mean([i["bandwidth_kbps"] for i in traces.generate(model, seed, seconds=4000 * model.step)])
        for seed in range(6)
    ]
    error = np.std(means, ddof=1) / np.sqrt(len(means))
    assert abs(np.mean(means) - model.mean) < max(4 * error, 0.02 * model.mean)
    assert abs(np.mean(means) - model.mean) < 0.10 * model.mean


@pytest.mark.parametrize(("name", "measured"), [("3g", 1150), ("4g", 31400), ("cable", 17100)])
def test_models_have_the_mean_of_what_they_imitate(name: str, measured: float) -> None:
    assert traces.MODELS[name].mean == pytest.approx(measured, rel=0.05)


def test_wifi_goes_out_for_the_stated_time() -> None:
    rates = np.array([i["bandwidth_kbps"] for i in traces.generate(traces.MODELS["wifi"], 4, seconds=40_000)])
    out = np.r_[False, rates == 0, False]
    begins = np.flatnonzero(out[1:] & ~out[:-1])
    ends = np.flatnonzero(~out[1:] & out[:-1])
    assert np.mean(ends - begins) == pytest.approx(2.5, rel=0.15)
    assert 90 < len(rates) / len(begins) < 140


def test_files_are_the_same_twice_and_abr_reads_them(tmp_path: Path) -> None:
    paths = traces.write_traces(tmp_path / "a", each=2, seconds=60)
    again = traces.write_traces(tmp_path / "b", each=2, seconds=60)
    assert [p.read_bytes() for p in paths] == [p.read_bytes() for p in again]
    assert len(paths) == len(list((tmp_path / "a").iterdir())) == 2 * len(traces.MODELS)
    assert set(json.loads(paths[0].read_text())[0]) == {"duration_ms", "bandwidth_kbps", "latency_ms"}
    for path in paths:
        abr.load_trace(path)


def test_example_runs() -> None:
    results = doctest.testmod(traces)
    assert results.attempted
    assert not results.failed
