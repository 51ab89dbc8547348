"""Sessions a second of the batch, against Sabre: one session after the other, in process, pure Python.

    python -m benchmarks.replay_speed [SABRE]

199 segments x 10 rungs, the default model. Rates are sessions over CPU seconds of the whole process, times two: what
two idle cores do. Sabre is no package: SABRE is the `src/sabre.py` of a copy of UMass-LIDS/sabre, which is then run
beside, in this process, on the same film and traces; without it 0.040 s a session, measured on such a machine,
stands for it. The plain Python session of `tests/naive.py` runs beside as a live check.
"""

from __future__ import annotations

import io
import json
import resource
import runpy
import sys
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path
from statistics import median

import numpy as np

import abr
from tests.naive import NaiveBBA0, naive_session

SABRE_SECONDS = 0.040
ROUNDS = 3
#: policy -> (sessions in a round, the bar)
BARS = {
    "bba-0": (20_000, 100_000),
    "bba-1": (20_000, 100_000),
    "bba-2": (20_000, 100_000),
    "bba-others": (20_000, 100_000),
    "bb": (20_000, 100_000),
    "bola-basic": (10_000, 50_000),
    "bola-finite": (5_000, 50_000),
    "bola-o": (10_000, 50_000),
    "bola-e": (5_000, 50_000),
    "throughput": (10_000, 50_000),
    "dashjs-throughput": (5_000, 50_000),
    "robust-mpc": (400, 1_000),
}


def cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def film() -> abr.Presentation:
    rng = np.random.default_rng(1)
    rates = np.array([230, 331, 477, 688, 991, 1427, 2056, 2962, 5027, 6000]) * 1000
    weight = np.exp(rng.normal(0, 0.3, 199))
    sizes = np.round(np.outer(weight / weight.mean(), rates) * 3 / 8).astype(np.int64)
    vmaf = np.clip(np.linspace(30, 97, 10) - 6 * np.log(weight)[:, None], 0, 100)
    rungs = tuple(abr.Rung(f"{rate // 1000}k", int(rate)) for rate in rates)
    return abr.Presentation("film", rungs, np.full(199, 3.0), sizes, vmaf)


def python_policy(state: abr.State) -> int:
    if state.buffer < 5:
        return 0
    return 9 if state.buffer >= 15 else int(9 * (state.buffer - 5) / 10)


def rate(pres: abr.Presentation, traces: list[abr.Trace], policy: abr.PolicyLike, sessions: int) -> float:
    starts = max(1, sessions // len(traces))
    abr.simulate_many(pres, traces, [policy])
    rates = []
    for seed in range(ROUNDS):
        before = cpu()
        table = abr.simulate_many(pres, traces, [policy], starts=starts, seed=seed)
        rates.append(len(table) / (cpu() - before))
    return median(rates)


def sabre_seconds(script: Path, pres: abr.Presentation, traces: list[abr.Trace]) -> float:
    """Run Sabre's BOLA-E in this process and return the median CPU seconds of a session."""
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        movie, network = Path(folder, "movie.json"), Path(folder, "network.json")
        movie.write_text(
            json.dumps(
                {
                    "segment_duration_ms": 3000,
                    "bitrates_kbps": (pres.bitrates / 1000).tolist(),
                    "segment_sizes_bits": (pres.sizes * 8).tolist(),
                }
            )
        )
        for trace in traces:
            rows = zip(trace.durations * 1e3, trace.rates / 1e3, trace.latencies * 1e3, strict=True)
            names = ("duration_ms", "bandwidth_kbps", "latency_ms")
            network.write_text(json.dumps([dict(zip(names, map(float, row), strict=True)) for row in rows]))
            sys.argv = [str(script), "-m", str(movie), "-n", str(network), "-a", "bolae"]
            before = cpu()
            with redirect_stdout(io.StringIO()):
                runpy.run_path(str(script), run_name="__main__")
            seconds.append(cpu() - before)
    return median(seconds)


def main(sabre: str | None = None) -> None:
    pres = film()
    traces = [abr.generate("3g", seed=seed) for seed in range(40)]
    beside = sabre_seconds(Path(sabre), pres, traces[:10]) if sabre else SABRE_SECONDS
    print(f"Sabre: {beside:.4f} s a session" + ("" if sabre else ", as measured elsewhere"))
    before = cpu()
    for trace in traces[:5]:
        naive_session(pres, trace, NaiveBBA0(pres, 60), 60)
    naive = 5 / (cpu() - before)
    print(f"{'policy':22}{'two cores /s':>14}{'bar':>10}{'x Sabre':>10}   one core: plain Python {naive:.0f}/s")
    for policy, (sessions, bar) in BARS.items():
        both = 2 * rate(pres, traces, policy, sessions)
        print(f"{policy:22}{both:14,.0f}{bar:10,}{both / 2 * beside:10,.0f}")
    one = rate(pres, traces, python_policy, 80)
    print(f"{'a Python callable':22}{one:14,.0f}{200:10,}   (holds the interpreter: one core)")
    begun = time.monotonic()
    abr.simulate(pres, traces[0], "bba-0")
    print(f"a single session, warm: {time.monotonic() - begun:.4f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
