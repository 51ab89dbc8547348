"""`simulate` gives the sessions in the logs of Sabre and Pensieve."""

import numpy as np
import pytest

import abr
from tests.abr.peer_logs import SABRE_POLICIES, read_sabre_log, read_sabre_totals

pytestmark = pytest.mark.shared


def pytest_generate_tests(metafunc):
    if "arguments" in metafunc.fixturenames:
        metafunc.parametrize("arguments", SABRE_POLICIES)


@pytest.fixture(scope="module")
def bunny(shared):
    return abr.load_presentation(shared / "truth/sabre/bbb.json")


def test_simulate_in_sabre_mode_equals_each_sabre_log(shared, bunny, arguments):
    logs = sorted((shared / "truth/sabre/logs").glob(f"{arguments}--*.gz"))
    assert len(logs) == 14
    for log in logs:
        _, folder, name = log.name.removesuffix(".txt.gz").split("--")
        trace = abr.load_trace(shared / "traces" / folder / f"{name}.json")
        session = abr.simulate(bunny, trace, SABRE_POLICIES[arguments], model="sabre")
        ours = [e for e in session.events if e.event in ("download", "abandon")]
        theirs = read_sabre_log(log)
        assert [(e.event, e.segment, e.rung) for e in ours] == [row[:3] for row in theirs], log.name
        times = np.array([(e.time, e.duration, e.buffer) for e in ours]) * 1e3
        # Sabre rounds its clock and cuts durations and buffers off, at 1 ms
        np.testing.assert_allclose(times, np.array(theirs)[:, [3, 4, 6]].astype(float), atol=1.001, rtol=0)
        np.testing.assert_allclose([8 * e.bytes for e in ours], [row[5] for row in theirs], atol=1, rtol=0)
        totals = read_sabre_totals(log)
        assert session.metrics["qoe_sabre"] == pytest.approx(totals["time average score"], abs=1e-5)
        stalled = sum(e.duration for e in session.events if e.event == "stall")
        assert stalled / session.events[-1].time == pytest.approx(totals["rebuffer ratio"], abs=1e-6)


def test_simulate_in_pensieve_mode_equals_each_pensieve_log(shared):
    envivio = abr.load_presentation(shared / "truth/pensieve")
    logs = sorted((shared / "truth/pensieve").glob("bb--*.txt"))
    assert len(logs) == 35
    for log in logs:
        trace = abr.load_trace(shared / "traces/pensieve" / log.stem.removeprefix("bb--"))
        session = abr.simulate(envivio, trace, "bb", model="pensieve")
        theirs = np.loadtxt(log)
        ours = np.array(
            [
                (e.time, envivio.rungs[e.rung].bitrate / 1e3, e.buffer, e.stall, e.bytes, e.duration * 1e3)
                for e in session.events
                if e.event == "download"
            ]
        )
        theirs[:, 0] -= theirs[0, 0] - ours[0, 0]  # the clock of Pensieve is not reset between traces
        np.testing.assert_allclose(ours, theirs[:, :6], atol=1e-6, rtol=0)
        assert session.metrics["qoe_lin"] == pytest.approx(theirs[1:, 6].sum(), abs=1e-6)
