"""The metrics of `simulate` equal those of the reference implementation on the event log."""

import numpy as np
import pytest

import abr
from tests.naive.sessions import naive_metrics


@pytest.mark.parametrize("name", ["bba-2", "bola-e", "throughput", "robust-mpc", "hlsjs", "dashjs-dynamic"])
def test_simulate_metrics_equal_reference_implementation_on_events(film, networks, name):
    for trace in networks:
        session = abr.simulate(film, trace, name, model=abr.SessionModel(target_vmaf=85))
        for metric, value in naive_metrics(session, film, 85).items():
            assert session.metrics[metric] == (None if value is None else pytest.approx(value, rel=1e-9, abs=1e-9)), (
                metric
            )


def test_simulate_qoe_lin_excludes_the_first_chunk_in_pensieve_mode(film, networks):
    session = abr.simulate(film, networks[1], "bb", model="pensieve")
    downloads = [e for e in session.events if e.event == "download"]
    rates = np.array([film.rungs[e.rung].bitrate / 1e6 for e in downloads])
    stalls = np.array([e.stall for e in downloads])
    expected = (rates[1:] - 4.3 * stalls[1:] - np.abs(np.diff(rates))).sum()
    assert session.metrics["qoe_lin"] == pytest.approx(expected)


def test_simulate_qoe_hd_and_qoe_puffer_are_none_without_their_inputs(film, networks):
    metrics = abr.simulate(film, networks[3], "bba-0").metrics
    assert metrics["qoe_hd"] is None  # it is defined for six rungs
    assert metrics["qoe_puffer"] is None  # no SSIM
    ssim = np.tile(np.linspace(8, 18, 5), (60, 1))
    measured = abr.Presentation(film.title, film.rungs, film.durations, film.sizes, film.vmaf, ssim)
    session = abr.simulate(measured, networks[3], "bba-0")
    levels = ssim[np.arange(60), list(session.rungs)]
    stall = sum(e.duration for e in session.events if e.event == "stall")
    expected = (levels.sum() - np.abs(np.diff(levels)).sum() - 20 * stall) / 60
    assert session.metrics["qoe_puffer"] == pytest.approx(expected)


def test_simulate_vmaf_metrics_are_none_without_vmaf(film, networks):
    without_vmaf = abr.Presentation(film.title, film.rungs, film.durations, film.sizes)
    metrics = abr.simulate(without_vmaf, networks[3], "bba-0").metrics
    assert metrics["vmaf_mean"] is None
    assert metrics["time_at_target"] is None
    assert metrics["bitrate"] > 0
    vmaf_with_gap = np.array(film.vmaf)
    vmaf_with_gap[5] = np.nan
    with_gap = abr.Presentation(film.title, film.rungs, film.durations, film.sizes, vmaf_with_gap)
    assert abr.simulate(with_gap, networks[3], "vmaf-mpc").metrics["vmaf_mean"] is None
    with pytest.raises(abr.PolicyError, match="needs a presentation with VMAF"):
        abr.simulate(without_vmaf, networks[3], "vmaf-mpc")


def test_simulate_device_constrains_rungs_and_changes_vmaf(film):
    fast = abr.Trace("fast", [100], [1e9], [0.0])
    phone = abr.simulate(film, fast, "throughput", device="phone")
    tv = abr.simulate(film, fast, "throughput", device="tv-1080p")
    assert max(phone.rungs) == 3
    assert max(tv.rungs) == 4
    low = abr.Trace("low", [100], [0.45e6], [0.0])
    on_phone = abr.simulate(film, low, "throughput", device="phone").metrics["vmaf_mean"]
    assert on_phone > abr.simulate(film, low, "throughput").metrics["vmaf_mean"] + 5
