"""Export of values to pandas and matplotlib, and their short reprs."""

import sys

import matplotlib
import numpy as np
import pytest

import abr

matplotlib.use("Agg")


@pytest.fixture(scope="module")
def session(film, networks):
    return abr.simulate(film, networks[1], "bba-2")


@pytest.fixture(scope="module")
def table(film, networks):
    return abr.simulate_many(film, networks, ["bba-2", "throughput"])


def test_to_pandas_has_a_row_for_each_event_segment_interval_and_session(film, networks, session, table):
    assert len(session.to_pandas()) == len(session.events)
    segments = session.to_pandas("segments")
    assert segments["rung"].tolist() == list(session.rungs)
    assert segments["bytes"].tolist() == [film.sizes[n, rung] for n, rung in enumerate(session.rungs)]
    assert len(table.to_pandas()) == len(table)
    assert networks[0].to_pandas()["rate"].tolist() == networks[0].rates.tolist()
    frame = film.to_pandas()
    assert frame["bytes"].to_numpy().reshape(film.sizes.shape).tolist() == film.sizes.tolist()
    with pytest.raises(ValueError, match="unknown table 'shots'"):
        session.to_pandas("shots")


def test_plot_returns_axes_with_the_data(networks, session, table):
    import matplotlib.pyplot

    assert len(session.plot()) == 3
    assert networks[0].plot().get_ylabel() == "throughput (Mbit/s)"
    assert len(table.plot("bitrate").lines) == 2
    with pytest.raises(abr.PolicyError, match="unknown metric 'beauty'"):
        table.plot("beauty")
    matplotlib.pyplot.close("all")


def test_repr_is_short_and_html_is_a_table(film, networks, session, table):
    for value in (film, networks[0], session, table):
        assert len(repr(value)) < 200
        assert value._repr_html_().startswith("<table>")
    assert np.array(film.sizes).size > 200


def test_to_pandas_names_the_extra_when_pandas_is_missing(table, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pip install 'shotladder\[pandas\]'"):
        table.to_pandas()
