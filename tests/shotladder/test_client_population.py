"""A ladder placed for viewers on recorded networks gives them more, and is the same for the same traces."""

from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from ladders import RungRules
from ladders.allocation.rung_placement import RungChoice, choose_rungs
from ladders.allocation.title_curve import TabulatedCurve
from shotladder.commands.ladder import command
from shotladder.pipeline.client_population import ClientPopulation

DURATION = 120.0


@pytest.fixture
def traces(tmp_path):
    """Networks that give about 0.9 Mbit/s."""
    rng = np.random.default_rng(2)
    for number in range(6):
        rates = 0.9 * np.exp(rng.normal(0, 0.25, 120))
        (tmp_path / f"t{number}").write_text("\n".join(f"{t} {rate:.4f}" for t, rate in enumerate(rates)))
    return tmp_path


def curve():
    rates = np.geomspace(100e3, 20e6, 300)
    quality = 100 - np.minimum(60 * (rates / 4e5) ** -0.9, 95)
    return TabulatedCurve(rates * DURATION, quality, np.arange(len(rates))[:, None])


def test_choose_rungs_with_a_client_population_raises_its_expected_quality(traces):
    viewers = ClientPopulation.from_traces([traces], DURATION, 4.0)
    plain = choose_rungs({720: curve()}, DURATION, RungRules())
    placed = choose_rungs({720: curve()}, DURATION, RungRules(expected_quality=viewers))
    assert len(placed) == len(plain)
    assert viewers(placed) > viewers(plain)


def test_client_population_is_identified_by_its_traces_and_gets_the_bitrates_of_the_ladder(traces):
    viewers = ClientPopulation.from_traces([traces], DURATION, 4.0)
    assert repr(viewers) == repr(ClientPopulation.from_traces(sorted(traces.iterdir()), DURATION, 4.0))
    assert viewers == ClientPopulation.from_traces([traces], DURATION, 4.0)
    assert "0x" not in repr(RungRules(expected_quality=viewers))
    (traces / "t6").write_text("0 1\n9 2\n")
    assert repr(viewers) != repr(ClientPopulation.from_traces([traces], DURATION, 4.0))
    ladder = (RungChoice(360, 400e3, 60.0), RungChoice(720, 900e3, 85.0))
    pres = viewers.presentation(ladder)
    assert pres.duration == DURATION
    assert 8 * pres.sizes.sum(axis=0) / DURATION == pytest.approx([400e3, 900e3], rel=1e-3)
    assert np.unique(pres.vmaf[:, 1]).tolist() == [85.0]
    assert replace(viewers, duration=7200.0).presentation(ladder).duration == 600.0


@pytest.mark.parametrize("ladder", ["fixed", "ladder.json"])
def test_client_traces_are_refused_with_a_given_ladder(tmp_path, monkeypatch, ladder, traces):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ladder.json").write_text("{}")
    (tmp_path / "film.mp4").touch()
    args = ["film.mp4", "-o", "out.json", "--ladder", ladder, "--client-traces", str(traces)]
    done = CliRunner().invoke(command, args)
    assert done.exit_code == 2
    assert "cannot be combined with a fixed ladder or a ladder file" in done.output
