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
@pytest.mark.parametrize(("count", "unsure"), [(3, 0.3), (60, 4.0)])
def test_fixed_anchor_has_the_recommended_bitrates_and_the_vmaf_of_one_quantiser(law, preset, count, unsure):
    prober, ladder, request = anchored(law, preset, count)
    anchor = fixed_anchor(prober.sibling(), ladder, request)
    assert 3 <= anchor.chunks <= 24
    recommended = [rate for height, rate in APPLE_LADDERS["h264"] if height <= 720]
    # the film cannot use what the dearest have
    for (rate, _), asked in zip(anchor.points, recommended[:3], strict=False):
        assert rate == pytest.approx(asked, rel=0.04)
    assert all(error > 0 for error in anchor.errors) == (anchor.chunks < count)
    for (rate, quality), error in zip(anchor.points, anchor.errors, strict=True):
        assert error < unsure
        assert min(abs(quality - each) for each in truth(prober, 1.01 * rate).values()) < 0.3 + 2 * error


def test_fixed_anchor_of_a_sibling_has_its_own_cost():
    prober, ladder, request = anchored(KnownFilm, "veryfast", 6)
    before = prober.cost
    sibling = prober.sibling()
    anchor = fixed_anchor(sibling, ladder, request)
    assert prober.cost == before
    assert anchor.cost.probes > 0
    # what was tried need not be tried again
    assert fixed_anchor(sibling.sibling(), ladder, request).cost.probes == 0
