"""The effort of a search: its tolerance, and the encoder override that all chunks have."""

from dataclasses import replace

import pytest

from encoder import EFFORTS, get_codec, load_codecs
from ladders import EFFORT_TOLERANCES, MODES, EncodeSettings, LadderRequest, StoppingRule, find_ladder
from tests.ladders.synthetic import known


def test_for_effort_returns_the_tolerance_of_the_effort_or_the_given_one():
    tolerances = [StoppingRule.for_effort(effort).tolerance_percent for effort in EFFORTS]
    assert tolerances == [EFFORT_TOLERANCES[effort] for effort in EFFORTS]
    assert tolerances == sorted(tolerances, reverse=True)
    assert StoppingRule.for_effort("fast", 0.0, 60.0) == StoppingRule(0.0, 60.0)
    assert StoppingRule() == StoppingRule.for_effort(EncodeSettings().effort)


@pytest.mark.parametrize("mode", MODES)
def test_with_mode_has_no_override_only_for_the_fixed_ladder(mode):
    for codec in load_codecs().values():
        for preset in codec.presets:
            for tune in ("visual", "metric"):
                encoding = EncodeSettings(codec.name, preset, tune)
                request = LadderRequest(encoding=encoding).with_mode(mode)
                assert request.mode == mode
                assert request.encoding == (replace(encoding, effort="") if mode == "fixed" else encoding)
                if mode == "fixed":
                    assert request.encoding.default_override() == ""


@pytest.mark.parametrize("effort", [*EFFORTS, ""])
def test_rendition_has_the_default_override_of_its_preset(effort):
    encoding = EncodeSettings("h264", "medium", effort=effort)
    for preset in (None, encoding.fast_preset):
        expected = get_codec("h264").default_override(effort, preset or "medium", "visual")
        assert encoding.rendition((64, 36), preset).override == expected
    assert encoding.rendition((64, 36), override="b-frames").override == "b-frames"
    assert encoding.rendition((64, 36), override="").override == ""


@pytest.mark.parametrize("effort", [*EFFORTS, ""])
def test_other_overrides_are_all_except_the_default_one(effort):
    encoding = EncodeSettings("h264", "medium", effort=effort)
    names = {each.name for each in get_codec("h264").overrides_for("medium", "visual")}
    assert set(encoding.other_overrides) == names - {encoding.default_override()}
    assert (encoding.default_override() in names) == bool(effort)


@pytest.mark.parametrize(("effort", "name"), [("fast", "weak AQ"), ("balanced", "weak AQ, thorough"), ("", "")])
def test_find_ladder_lists_the_default_override_of_all_chunks(effort, name):
    prober, segments = known(count=3, preset="medium", effort=effort)
    request = LadderRequest(encoding=prober.encoding)
    ladder = find_ladder(prober, segments, request)
    assert ladder.overrides == ((name,) * 3 if name else ())
    assert ladder.overrides_except(name) == {}
    assert prober.results.overrides() == set()
