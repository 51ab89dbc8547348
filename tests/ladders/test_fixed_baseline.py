"""The measured fixed ladder that a ladder is compared with."""

import numpy as np
import pytest

from ladders import APPLE_LADDERS, EncodeSettings, LadderRequest, find_ladder, fixed_anchor
from tests.ladders.synthetic import KnownFilm, SlowFilm, known

#: Titles with a fast target preset, and with a slow one that has fast-preset probes.
FILMS = [(KnownFilm, "veryfast"), (SlowFilm, "medium")]


def uneven(law):
    class Uneven(law):
        def law(self, chunk, size, quantiser):
            bits, quality = super().law(chunk, size, quantiser)
            lost = (chunk * 7 % 5) * 3 * (1 - (size[1] / 720) ** 0.5)
            return bits, max(0.0, quality - lost)

    return Uneven


def truth(prober, rate):
    """The quality of each height at a rate, with one quantiser for all, by the law."""
    best = {}
    for height in (720, 540, 432, 360, 234):
        size = (height * 16 // 9, height)
        for q in np.arange(12, 46.25, 0.25):
            each = [prober.runner.law(n, size, q) for n in range(len(prober.chunks))]
            if sum(bits for bits, _ in each) <= rate * float(prober.source.duration):
                best[height] = float(np.mean([quality for _, quality in each]))
                break
    return best


def anchored(law, preset, count):
    prober, segments = known(uneven(law), count, preset=preset)
    request = LadderRequest(encoding=EncodeSettings(preset=preset))
    return prober, find_ladder(prober, segments, request), request


@pytest.mark.parametrize(("law", "preset"), FILMS)
@pytest.mark.parametrize(("count", "unsure"), [(3, 6.0), (60, 4.0)])
def test_fixed_anchor_has_the_recommended_bitrates_and_the_vmaf_of_one_quantiser(law, preset, count, unsure):
    prober, ladder, request = anchored(law, preset, count)
    anchor = fixed_anchor(prober, ladder, request)
    assert 3 <= anchor.chunks <= 24
    recommended = [rate for height, rate in APPLE_LADDERS["h264"] if height <= 720]
    # the film cannot use what the dearest have
    for (rate, _), asked in zip(anchor.points, recommended[:3], strict=False):
        assert rate == pytest.approx(asked, rel=0.04)
    # every chunk is sampled at one rung only
    assert all(error > 0 for error in anchor.errors)
    for (rate, quality), error in zip(anchor.points, anchor.errors, strict=True):
        assert error < unsure
        assert min(abs(quality - each) for each in truth(prober, 1.01 * rate).values()) < 0.4 + 2 * error


def test_fixed_anchor_does_not_change_the_prober_and_has_its_own_cost():
    prober, ladder, request = anchored(KnownFilm, "veryfast", 6)
    cost, results, encoding = prober.cost, prober.results, prober.encoding
    anchor = fixed_anchor(prober, ladder, request)
    assert (prober.cost, prober.results, prober.encoding) == (cost, results, encoding)
    # one probe of each sampled chunk
    assert anchor.cost.probes == anchor.chunks


def test_fixed_anchor_is_encoded_without_overrides(monkeypatch):
    more_bits, more_deficit, runs = 1.12, 1.05, []

    class Plain(uneven(KnownFilm)):
        def law(self, chunk, size, quantiser):
            bits, quality = super().law(chunk, size, quantiser)
            return more_bits * bits, max(0.0, 100.5 - more_deficit * (100.5 - quality))

    def runner(source, chunks, encoding, *others):
        runs.append(encoding.default_override())
        return (uneven(KnownFilm) if encoding.effort else Plain)(chunks)

    monkeypatch.setattr("ladders.probing.prober.EncodeRunner", runner)
    # 33 chunks, so that the pilots do not all have the same remainder by 5 and thus the same loss
    prober, segments = known(count=33)
    prober.runner = None
    request = LadderRequest(encoding=prober.encoding)
    ladder = find_ladder(prober, segments, request)
    assert set(runs) == {"weak AQ"}
    runs.clear()
    anchor = fixed_anchor(prober, ladder, request)
    assert runs == [""]
    prober.runner = Plain(prober.chunks)
    for (rate, quality), error in zip(anchor.points, anchor.errors, strict=True):
        assert min(abs(quality - each) for each in truth(prober, 1.01 * rate).values()) < 0.4 + 2 * error
