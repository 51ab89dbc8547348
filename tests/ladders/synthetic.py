"""Synthetic titles whose curves are formulas, in place of encodes; everything after the probes is real."""

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

from encoder import Colour, Source, plan_chunks
from ladders import EncodeSettings, ProbeCost, Prober
from ladders.probing.probe_results import ProbeBatch
from ladders.rd.curves import RatePoint
from shotladder_runtime.store import Store


def film(count: int, size=(1280, 720), content="known") -> Source:
    return Source(
        **{"path": "film", "content_id": content, "stream_index": 0, "codec": "h264", "pixel_format": "yuv420p"},
        **{"width": size[0], "height": size[1], "sample_aspect_ratio": Fraction(1), "rotation": 0},
        **{"interlaced": False, "colour": Colour(), "bit_depth": 8, "time_base": Fraction(1, 24)},
        **{"pts": tuple(range(count)), "keyframes": (0,), "frame_rate": Fraction(24), "end_pts": count},
    )


@dataclass
class KnownFilm:
    """A probe runner whose results are formulas."""

    chunks: tuple[Any, ...]

    def law(self, chunk: int, size: tuple[int, int], quantiser: float) -> tuple[float, float]:
        """Bits and VMAF: shots differ by up to 16 times in bits, small sizes have fewer bits and a lower maximum.

        The log odds of the deficit are curved about as in the exhaustive grids of real videos.
        """
        area = size[0] * size[1] / (1280 * 720)
        hardness = 4.0 ** (chunk % 3 - 1)
        frames = self.chunks[chunk].frame_count
        bend = 0.0017 * (quantiser - 24) ** 2
        bits = 2e4 * frames * hardness * area**0.75 * 2 ** (-(quantiser - 24) / 6 + bend)
        odds = 0.02 * (1 + chunk % 2) / area**2 * np.exp(0.11 * (quantiser - 24) + 0.0017 * (quantiser - 24) ** 2)
        return bits, min(100.0, 100.5 / (1 + odds))

    def result(self, point) -> RatePoint:
        bits, quality = self.law(point.chunk, point.size, point.quantiser)
        return RatePoint(point.quantiser, max(1, round(bits)), quality)

    def seconds(self, point) -> float:
        """CPU seconds of a probe."""
        return 0.0

    def run(self, points, progress=None) -> ProbeBatch:
        results = tuple((point, self.result(point)) for point in points)
        return ProbeBatch(results, ProbeCost(len(results), sum(map(self.seconds, points))))


class SlowFilm(KnownFilm):
    """A slow preset: the curves of the fast one are shifted by some quantisers, and have more bits."""

    def result(self, point) -> RatePoint:
        if not point.fast:
            return super().result(point)
        bits, quality = self.law(point.chunk, point.size, point.quantiser + 2.5 + 0.5 * (point.chunk % 3))
        return RatePoint(point.quantiser, max(1, round(bits * (1.06 + 0.02 * (point.chunk % 2)))), quality)


def known(law=KnownFilm, count=12, size=(1280, 720), preset="veryfast", effort="balanced"):
    """A prober of a synthetic title, and its segments."""
    source = film(96 * count, size)
    chunks, segments = plan_chunks(source, [96 * n for n in range(count)], Fraction(4))
    encoding = EncodeSettings(preset=preset, effort=effort)
    return Prober(source, chunks, encoding, Store("nowhere"), None, runner=law(chunks)), segments


def achieved(prober, rung):
    """Bitrate and VMAF of a rung by the law itself."""
    each = [prober.runner.law(n, (rung.width, rung.height), q) for n, q in enumerate(rung.quantisers)]
    frames = [chunk.frame_count for chunk in prober.chunks]
    return sum(b for b, _ in each) / float(prober.source.duration), np.average([q for _, q in each], weights=frames)


def exact_counts(prober):
    """Number of target-preset probes by chunk and size."""
    sizes = prober.results.sizes()
    counts = {(n, size): len(prober.results.exact(n, size)) for n in range(len(prober.chunks)) for size in sizes}
    return {key: count for key, count in counts.items() if count}


def check_ladder(ladder, prober):
    assert ladder.rungs
    assert ladder.chunks == prober.chunks
    for low, high in pairwise(ladder.rungs):
        assert high.rate > low.rate
        assert high.quality >= low.quality
        assert high.height >= low.height
    for rung in ladder.rungs:
        assert len(rung.quantisers) == len(prober.chunks)
        assert all(12 <= q <= 46 and q % 0.25 == 0 for q in rung.quantisers)
