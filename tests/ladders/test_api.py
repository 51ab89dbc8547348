"""The functions of the interface resolve their keywords against the source."""

import inspect
from dataclasses import replace
from fractions import Fraction

import pytest

import ladders
from encoder import EFFORTS
from ladders import EncodeSettings, LadderRequest, RungRules, StoppingRule, api
from tests.ladders.synthetic import film, known

FUNCTIONS = (ladders.per_shot, ladders.per_title, ladders.constant_quality, ladders.fixed)


@pytest.fixture
def request_of(monkeypatch):
    """Call a function of the interface, and return the request that reaches `make_ladder`."""

    def call(function, *args, **options):
        seen = []
        monkeypatch.setattr(api, "make_ladder", lambda source, shots, request, **_: seen.append(request))
        function(*args, **options)
        return seen[0]

    return call


@pytest.mark.parametrize(("size", "target"), [((3840, 2160), 95), ((1920, 1080), 93), ((640, 360), 93)])
@pytest.mark.parametrize(
    "request_", [None, LadderRequest(), LadderRequest(max_height=720), LadderRequest(mode="fixed")]
)
def test_target_follows_the_source_unless_it_is_given(request_of, size, target, request_):
    source = film(96, size)
    request = request_of(ladders.per_shot, source, [0], request=request_)
    assert request.target_for(source) == target
    assert replace(request, rules=RungRules(target=90)).target_for(source) == 90


def test_find_ladder_uses_the_target_of_the_source():
    for size, target in (((3840, 2160), 95), ((1280, 720), 93)):
        prober, segments = known(count=3, size=size)
        assert ladders.find_ladder(prober, segments, LadderRequest()).target == target


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_has_the_same_visible_keywords(function):
    parameters = inspect.signature(function).parameters
    assert list(parameters) == list(inspect.signature(ladders.per_shot).parameters)
    assert all(p.default is not p.empty for name, p in parameters.items() if name != "source")
    assert not any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def test_per_shot_passes_every_keyword_on(request_of):
    request = request_of(
        ladders.per_shot, film(10), [0], codec="hevc", target_vmaf=90, max_height=720, rungs=3, segment_duration=2,
        preset="slow", tune="metric", pooling="harmonic", effort="thorough", probe_tolerance=2.0, probe_budget=60.0,
    )  # fmt: skip
    assert request == LadderRequest(
        encoding=EncodeSettings("hevc", "slow", "metric", pooling="harmonic", effort="thorough"),
        rules=RungRules(target=90, count=3),
        max_height=720,
        segment_duration=Fraction(2),
        stopping=StoppingRule(2.0, 60.0),
    )
    assert request_of(ladders.per_shot, film(10), [0], codec="av1").encoding.preset == "6"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_passes_the_effort_on(request_of, function):
    for effort in EFFORTS:
        request = request_of(function, film(10), [0], effort=effort)
        assert request.encoding.effort == ("" if function is ladders.fixed else effort)
        assert request.stopping == StoppingRule.for_effort(effort)
    with pytest.raises(ValueError, match=r"effort: unknown 'slow' \(choose from fast, balanced, thorough\)"):
        request_of(function, film(10), [0], effort="slow")


def test_modes_are_those_of_the_functions(request_of):
    modes = [request_of(function, film(10), [0]).mode for function in FUNCTIONS]
    assert modes == list(ladders.MODES)
    assert request_of(ladders.fixed, film(10), [0], request=LadderRequest()).mode == "fixed"


def test_per_shot_rejects_a_request_beside_its_settings():
    with pytest.raises(ValueError, match="both request and codec, rungs are given"):
        ladders.per_shot(film(10), [0], codec="hevc", rungs=3, request=LadderRequest())
