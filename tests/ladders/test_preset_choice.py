"""The choice of a preset by the cost of traffic and CPU time."""

from dataclasses import replace

import pytest

from encoder import get_codec
from ladders import AUTO, EncodeSettings, LadderError, LadderRequest, ProbeCost, TrafficModel
from ladders.probing.preset_choice import choose_preset
from ladders.rd.curves import RatePoint
from tests.ladders.synthetic import KnownFilm, film, known

PRESETS = get_codec("h264").presets


class FilmOfPresets(KnownFilm):
    """Each slower preset saves a tenth of the bits up to `slow`, nothing beyond, and takes half as long again."""

    index: int

    def result(self, point):
        bits, quality = self.law(point.chunk, point.size, point.quantiser + 0.2 * self.index)
        return RatePoint(point.quantiser, round(bits * 0.9 ** min(self.index, PRESETS.index("slow"))), quality)

    def seconds(self, point):
        pixels = self.chunks[point.chunk].frame_count * point.size[0] * point.size[1]
        return 1e-7 * 1.5**self.index * pixels


@pytest.fixture
def chosen():
    """Choose a preset; `chosen.probed` lists the presets that were probed."""
    prober, _ = known(count=20)

    def make_prober(encoding, pilots):
        runner = FilmOfPresets(pilots)
        runner.index = PRESETS.index(encoding.preset)
        choose.probed.append(encoding.preset)
        return replace(prober, chunks=pilots, encoding=encoding, runner=runner)

    def choose(views, gb_per_cpu_hour=4.0, preset=AUTO):
        request = LadderRequest(encoding=EncodeSettings(preset=preset), traffic=TrafficModel(views, gb_per_cpu_hour))
        return choose_preset(request, prober.source, prober.chunks, prober.store, None, make_prober=make_prober)[
            0
        ].encoding.preset

    choose.probed = []
    return choose


def test_choose_preset_is_slower_for_more_views(chosen):
    found = [PRESETS.index(chosen(views)) for views in (0.01, 1e3, 1e5, 1e9)]
    assert found == sorted(found)
    assert PRESETS[found[0]] == "ultrafast"
    assert PRESETS[found[-1]] == "slow"


def test_choose_preset_weighs_cpu_cost_against_views(chosen):
    assert chosen(1e5, gb_per_cpu_hour=4.0) == chosen(1e6, gb_per_cpu_hour=40.0)


def test_choose_preset_probes_only_adjacent_presets(chosen):
    assert chosen(1e9) == "slow"
    assert set(chosen.probed) == {"medium", "slow", "slower"}


def test_choose_preset_keeps_a_named_preset(chosen):
    request = LadderRequest(encoding=EncodeSettings(preset="fast"), traffic=TrafficModel(1e9))
    assert choose_preset(request, film(10), (), None, None) == (request, ProbeCost())
    assert chosen(1e9, preset="fast") == "fast"
    assert not chosen.probed


def test_choose_preset_requires_expected_views(chosen):
    with pytest.raises(LadderError, match="views"):
        choose_preset(LadderRequest(encoding=EncodeSettings(preset=AUTO)), film(10), (), None, None)
