"""Cases with a known outcome for every listed policy, and the rows and progress of `simulate_many`."""

import csv

import numpy as np
import pytest

import abr
from tests.abr.conftest import random_trace
from tests.abr.test_bba import assert_equals_reference
from tests.abr.test_policies import (
    ALL_POLICIES,
    LADDER,
    SCORES,
    assert_log_adds_up,
    constant_presentation,
    constant_trace,
)

#: families that settle on one rung at a constant throughput; the others alternate between two adjacent rungs by design
SETTLING = (
    "throughput",
    "rate-based",
    "bola-o",
    "dashjs-bola",
    "dashjs-dynamic",
    "exoplayer",
    "hlsjs",
    "shaka",
    "l2a",
    "lol",
)


@pytest.mark.parametrize("name", ALL_POLICIES)
@pytest.mark.parametrize("factor", [0.9, 1.0, 1.1])
def test_simulate_with_constant_throughput_settles_on_one_or_two_adjacent_rungs(name, factor):
    film = constant_presentation(LADDER, segments=120, vmaf=SCORES)
    for rate in LADDER[1:]:
        late = np.array(abr.simulate(film, constant_trace(factor * rate), name).rungs)[60:]
        if name.split("@")[0].removeprefix("dashjs-").startswith(SETTLING) or name.startswith(SETTLING):
            assert np.ptp(late) == 0
        elif name.startswith("bola-finite"):
            # it drains the buffer near the end, and chooses lower rungs then
            assert np.ptp(late[:30]) <= 1
        else:
            assert np.ptp(late) <= (2 if name.startswith("bb@") else 1)


@pytest.mark.parametrize("name", ["bba-0", "bba-1", "bba-2", "bba-others"])
@pytest.mark.parametrize("start", [0.0, 7.0, 45.0])
def test_simulate_across_an_outage_at_the_loop_point_equals_the_reference_implementation(film, name, start):
    seam = abr.Trace("seam", [10, 30, 10], [0.0, 2.5e6, 0.0], [0.05] * 3)
    assert_equals_reference(film, seam, name, 60.0, start)


@pytest.mark.parametrize("name", ALL_POLICIES)
def test_simulate_plays_segments_of_a_third_to_three_times_the_nominal_size(name):
    even = constant_presentation(LADDER, vmaf=SCORES)
    weight = 3.0 ** np.random.default_rng(4).uniform(-1, 1, (60, 1))
    wild = abr.Presentation(
        even.title, even.rungs, even.durations, np.round(even.sizes * weight).astype(np.int64), even.vmaf
    )
    for trace in (
        constant_trace(2e6),
        random_trace(1, 2e6),
        abr.Trace("seam", [10, 30, 10], [0.0, 3e6, 0.0], [0.05] * 3),
    ):
        session = abr.simulate(wild, trace, name)
        assert_log_adds_up(session, wild)
        assert max(event.buffer for event in session.events) <= 60 + 1e-9


def test_save_writes_the_same_rows_as_csv_and_parquet(film, networks, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    table = abr.simulate_many(film, networks, ["bba-2", "hlsjs"], starts=2)
    table.save(tmp_path / "rows.csv")
    table.save(tmp_path / "rows.parquet")
    stored = parquet.read_table(tmp_path / "rows.parquet").to_pydict()
    with (tmp_path / "rows.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(table) == 24
    for name, column in table.columns.items():
        for value, kept, text in zip(column.tolist(), stored[name], (row[name] for row in rows), strict=True):
            absent = value != value  # NaN
            assert (kept is None and text == "") if absent else (kept == value and text == str(value))


def test_simulate_many_reports_progress_and_stops_on_an_interrupt(film, networks):
    reports = []
    abr.simulate_many(
        film, networks, ["bba-2", "throughput"], starts=60, progress=lambda *report: reports.append(report)
    )
    assert reports[-1] == (720, 720)
    assert reports == sorted(reports)
    assert len(reports) >= 4

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        abr.simulate_many(film, networks, ["bba-2"], starts=2000, progress=stop)
