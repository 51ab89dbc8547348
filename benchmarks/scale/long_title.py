"""Find what grows faster than the number of shots: the search of a ladder, documents, the report, the store.

    python -m benchmarks.scale.long_title [SHOTS ...]

Real parts: `find_ladder`, `save_ladder`, `write_report`, `presentation.json`, `Store`, `prune`. Simulated parts: the
results of probe encodes, which are formulas, and the presentation, which has no files. The exponent of a row is the
slope of log CPU time over log shots between the last two sizes; n log n has 1.14 from 750 to 1500 shots.
"""

from __future__ import annotations

import math
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import msgspec

from benchmarks.scale.synthetic_presentation import make_long_presentation, make_report_images
from encoder import Chunk, Colour, Source, plan_chunks
from ladders import EncodeSettings, LadderRequest, ProbeCost, Prober
from ladders.construction.find_ladder import find_ladder
from ladders.construction.ladder_builder import LadderBuilder
from ladders.ladder_json import save_ladder
from ladders.probing.curve_fit import fit_all
from ladders.probing.probe_results import ProbeBatch, ProbePoint
from ladders.rd.curves import RatePoint
from shotladder.report.html_report import write_report
from shotladder_runtime.store import Store, list_artefacts, prune

SHOTS = (375, 750, 1500)
#: Frames per second of the title, and frames of a shot: a title of two hours has 1500 shots of 4.8 s.
RATE, SHOT_FRAMES = 24, 115
SIZE = (1920, 1080)
#: Artefacts of a shot that are written; a real run has about five times as many, and the cost of each is constant.
ARTEFACTS = 4


@dataclass(frozen=True)
class FormulaRunner:
    """A probe runner whose results are formulas; shots differ by up to 16 times in bits."""

    chunks: tuple[Chunk, ...]

    def run(self, points: Sequence[ProbePoint], progress: object = None) -> ProbeBatch:
        """Return the results of points, at no cost."""
        return ProbeBatch(tuple((point, self.result(point)) for point in points), ProbeCost(len(points), 0.0))

    def result(self, point: ProbePoint) -> RatePoint:
        """Return bits and VMAF of a point."""
        area = point.size[0] * point.size[1] / (SIZE[0] * SIZE[1])
        hardness = 4.0 ** (math.sin(7.0 * point.chunk) + 0.3 * math.sin(point.chunk * area * 31))
        step = point.quantiser - 24
        bits = 15e3 * self.chunks[point.chunk].frame_count * hardness * area**0.75 * 2 ** (-step / 6 + 0.0017 * step**2)
        deficit = 4.0 * (1.5 + math.sin(3.0 * point.chunk)) * 1.09**step + 22 * (1 / area**0.35 - 1)
        return RatePoint(point.quantiser, max(1, round(bits)), min(100.0, max(0.0, 100.5 - deficit)))


def make_prober(shots: int) -> Prober:
    """Return a prober of a title of this many shots."""
    count = SHOT_FRAMES * shots
    source = Source(
        **{"path": "video", "content_id": "known", "stream_index": 0, "codec": "h264", "pixel_format": "yuv420p"},
        **{"width": SIZE[0], "height": SIZE[1], "sample_aspect_ratio": Fraction(1), "rotation": 0},
        **{"interlaced": False, "colour": Colour(), "bit_depth": 8, "time_base": Fraction(1, RATE)},
        **{"pts": tuple(range(count)), "keyframes": (0,), "frame_rate": Fraction(RATE), "end_pts": count},
    )
    chunks, _ = plan_chunks(source, [SHOT_FRAMES * n for n in range(shots)], Fraction(4))
    return Prober(source, chunks, EncodeSettings(), Store(Path("nowhere")), None, runner=FormulaRunner(chunks))


def measure(function: Callable[[], object]) -> tuple[float, object]:
    """Return the CPU time of a call, s, and its result."""
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def ladder_rows(shots: int, folder: Path) -> dict[str, float]:
    """Return the CPU time of the ladder's steps, and the size of its document."""
    prober, request = make_prober(shots), LadderRequest()
    plan, (_, segments) = measure(
        lambda: plan_chunks(prober.source, [SHOT_FRAMES * n for n in range(shots)], Fraction(4))
    )
    search, ladder = measure(lambda: find_ladder(prober, segments, request))
    resolved = request.resolved_for(prober.source)
    builder = LadderBuilder(prober.source, prober.chunks, resolved)
    fit, curves = measure(lambda: fit_all(prober, list(builder.sizes.values())))
    rungs, _ = measure(lambda: builder.rungs(curves))
    document, _ = measure(lambda: save_ladder(ladder, folder / "ladder.json"))
    size = (folder / "ladder.json").stat().st_size
    return {
        "plan chunks": plan,
        "find ladder": search,
        "fit curves": fit,
        "choose rungs": rungs,
        "ladder JSON": document,
        "ladder JSON bytes": size,
        "probes": prober.cost.probes,
    }


def report_rows(shots: int, folder: Path) -> dict[str, float]:
    """Return the CPU time and the size of the report and of `presentation.json`."""
    presentation = make_long_presentation(shots)
    images = make_report_images(presentation)
    report, _ = measure(lambda: write_report(folder / "report.html", presentation, {"h264": ()}, images))
    encode, document = measure(lambda: msgspec.json.encode(presentation))
    return {
        "report": report,
        "report bytes": (folder / "report.html").stat().st_size,
        "presentation JSON": encode,
        "presentation JSON bytes": len(document),
    }


def store_rows(shots: int, folder: Path) -> dict[str, float]:
    """Return the CPU time of writing, finding, listing and pruning artefacts."""
    store = Store(folder / "store")
    keys = [{"shot": n // ARTEFACTS, "number": n} for n in range(shots * ARTEFACTS)]

    def write_all() -> None:
        for key in keys:
            store.write_json("probe", key, [1.0])

    def read_all() -> None:
        with store.hold():
            for key in keys:
                assert store.read_json("probe", key) == [1.0]

    return {
        "store: write": measure(write_all)[0],
        "store: verify and read": measure(read_all)[0],
        "store: list": measure(lambda: list_artefacts(store))[0],
        "store: prune": measure(lambda: prune(store, max_size=1))[0],
    }


def main() -> None:
    sizes = [int(word) for word in sys.argv[1:]] or list(SHOTS)
    parts = (ladder_rows, report_rows, store_rows)
    rows: dict[str, list[float]] = {}
    for count in (min(sizes), *sizes):  # the first round compiles
        table = {}
        for part in parts:
            with tempfile.TemporaryDirectory() as folder:
                table |= part(count, Path(folder))
        for name, value in table.items():
            rows.setdefault(name, []).append(value)
    print(f"{'CPU s or bytes':26s}" + "".join(f"{n:>14d}" for n in sizes) + "  exponent")
    for name, (_, *values) in rows.items():
        slope = math.log(values[-1] / values[-2]) / math.log(sizes[-1] / sizes[-2]) if values[-2] > 0 else math.nan
        shown = "".join(f"{value:>14.3f}" if "bytes" not in name else f"{value:>14,.0f}" for value in values)
        print(f"{name:26s}{shown}  {slope:8.2f}")


if __name__ == "__main__":
    main()
