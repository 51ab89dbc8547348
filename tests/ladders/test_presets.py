"""A preset is chosen by what its encodes and the traffic cost together."""

from dataclasses import replace

import pytest

from encoder import get_codec
from ladders import (
    AUTO,
    EncodeSettings,
    LadderError,
    LadderRequest,
    ProbeCost,
    RatePoint,
    TrafficModel,
)
from ladders.probing import preset_choice
from ladders.probing.preset_choice import choose_preset
from tests.ladders.test_making import KnownFilm, film, known

PRESETS = get_codec("h264").presets


class FilmOfPresets(KnownFilm):
    """Each slower preset saves a tenth of the bits up to `slow`, nothing beyond, and takes half as long again."""

    runs: list[str] = []  # noqa: RUF012 - the class is what the module under test makes probers of

    def run(self, points, progress=None):
        place = PRESETS.index(self.encoding.preset)
        for point in points:
            bits, quality = self.law(point.chunk, point.size, point.quantiser + 0.2 * place)
            bits *= 0.9 ** min(place, PRESETS.index("slow"))
            self.known(point)[point.quantiser] = RatePoint(point.quantiser, round(bits), quality)
            pixels = self.chunks[point.chunk].frame_count * point.size[0] * point.size[1]
            seconds = 1e-7 * 1.5**place * pixels
            self.cost = replace(self.cost, encode_cpu_seconds=self.cost.encode_cpu_seconds + seconds)
        self.runs.append(self.encoding.preset)


@pytest.fixture
def chosen(monkeypatch):
    monkeypatch.setattr(preset_choice, "Prober", FilmOfPresets)
    FilmOfPresets.runs.clear()
    prober, _ = known(count=20)

    def choose(views, cpu_hour=4.0):
        request = LadderRequest(encoding=EncodeSettings(preset=AUTO), views=TrafficModel(views, cpu_hour))
        return choose_preset(request, prober.source, prober.chunks, prober.store, None)[0].encoding.preset

    return choose


def test_many_views_are_worth_slow_encodes_and_few_are_not(chosen):
    found = [PRESETS.index(chosen(views)) for views in (0.01, 1e3, 1e5, 1e9)]
    assert found == sorted(found)
    assert PRESETS[found[0]] == "ultrafast"
    assert PRESETS[found[-1]] == "slow"


def test_dear_processors_are_worth_as_much_as_few_views(chosen):
    assert chosen(1e5, cpu_hour=4.0) == chosen(1e6, cpu_hour=40.0)


def test_only_presets_on_the_way_are_tried(chosen):
    assert chosen(1e9) == "slow"
    assert set(FilmOfPresets.runs) == {"medium", "slow", "slower"}


def test_a_preset_that_is_named_stays(chosen):
    request = LadderRequest(encoding=EncodeSettings(preset="fast"), views=TrafficModel(1e9))
    assert choose_preset(request, film(10), (), None, None) == (request, ProbeCost())
    assert not FilmOfPresets.runs


def test_views_have_to_be_stated(chosen):
    with pytest.raises(LadderError, match="views"):
        choose_preset(LadderRequest(encoding=EncodeSettings(preset=AUTO)), film(10), (), None, None)
