"""Scores of one rendition: pools, series, tables, plots."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import vmaf


def scores_of(values, frames=None, **series):
    frames = np.arange(len(values)) if frames is None else np.array(frames)
    return vmaf.Scores(
        path="d.mp4",
        reference="r.mp4",
        model="vmaf_v0.6.1",
        model_digest="0",
        engine="native",
        libvmaf="3.2",
        width=64,
        height=64,
        bit_depth=8,
        frame_stride=1,
        frames=frames,
        times=frames / 25,
        series={**series, "vmaf": np.array(values, float)},
    )


def test_pool_equals_the_values_computed_by_hand():
    pool = scores_of([0.0, 50.0, 100.0]).pool
    assert pool.mean == 50
    assert pool.harmonic_mean == pytest.approx(3 / (1 + 1 / 51 + 1 / 101) - 1)
    assert pool.p5 == pytest.approx(5.0)
    assert pool.min == 0


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50))
def test_pool_is_between_minimum_and_mean(values):
    pool = scores_of(values).pool
    assert pool.min <= pool.p5 + 1e-9
    assert pool.min - 1e-9 <= pool.harmonic_mean <= pool.mean + 1e-9


def test_pools_selects_by_frame_number_and_returns_none_for_empty_ranges():
    scores = scores_of([10, 20, 30, 40], frames=[0, 5, 10, 15])
    first, none, rest = scores.pools([(0, 6), (6, 10), (10, 99)])
    assert (first.mean, rest.mean) == (15, 35)
    assert none is None


def test_scores_hold_series_in_order_as_read_only_attributes():
    scores = scores_of([10, 20], psnr_y=[30.0, np.inf], adm2=[0.5, 0.6])
    assert list(scores.series) == ["vmaf", "adm2", "psnr_y"]
    assert scores.vmaf.tolist() == [10, 20]
    assert scores.psnr_y.tolist() == [30, np.inf]
    assert scores.cambi is None
    with pytest.raises(AttributeError, match="psnr_x"):
        scores.psnr_x  # noqa: B018
    with pytest.raises(ValueError, match="read-only"):
        scores.series["adm2"][0] = 1
    assert "psnr_y" in dir(scores)


def test_scores_survive_pickling():
    scores = pickle.loads(pickle.dumps(scores_of([10, 20], psnr_y=[30.0, 31.0])))
    assert scores.psnr_y.tolist() == [30, 31]


def test_to_pandas_has_one_row_for_each_frame():
    table = scores_of([10, 20], frames=[5, 10], psnr_y=[30.0, 31.0]).to_pandas()
    assert table.index.tolist() == [5, 10]
    assert table.index.name == "frame"
    assert table.columns.tolist() == ["time", "vmaf", "psnr_y"]
    assert table["time"].tolist() == [0.2, 0.4]


def test_plot_draws_a_series_over_time(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    pyplot = pytest.importorskip("matplotlib.pyplot")
    scores = scores_of([10, 20], frames=[5, 10], psnr_y=[30.0, 31.0])
    axes = scores.plot("psnr_y")
    assert axes.lines[0].get_xydata().tolist() == [[0.2, 30], [0.4, 31]]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("time (s)", "PSNR of luma (dB)")
    assert scores.plot(ax=axes) is axes
    assert len(axes.lines) == 2
    pyplot.close(axes.figure)
    with pytest.raises(KeyError, match="ssim_y was not measured; measured: vmaf, psnr_y"):
        scores.plot("ssim_y")


def test_repr_is_short_and_repr_html_lists_the_pools():
    scores = scores_of([10, 20, 30])
    assert repr(scores) == "Scores('d.mp4': VMAF 20.00, 3 frames, vmaf_v0.6.1)"
    assert "mean 20.00, harmonic mean" in scores._repr_html_()


def test_import_of_vmaf_loads_neither_pandas_nor_matplotlib():
    code = "import sys, vmaf; sys.exit(any(name in sys.modules for name in ('pandas', 'matplotlib')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
