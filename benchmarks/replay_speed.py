"""Sessions a second of the batch, against Sabre: one session after the other, in process, pure Python.

    python -m benchmarks.replay_speed [SABRE]

199 segments x 10 rungs. Rates are sessions over CPU seconds of the whole process, times two: what two idle cores do.
Sabre is no package: SABRE is the `src/sabre.py` of a copy of UMass-LIDS/sabre. It is then run beside, in this process,
on the same film and traces with the same policy. The last columns say how many times its sessions two cores play (a
process of it uses one), and how many times core for core: of the default model, and of `sabre` mode, which steps
through every download as it does. The plain Python session of `tests/naive/sessions.py` runs beside as a live check.
"""

from __future__ import annotations

import io
import json
import resource
import sys
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path
from statistics import median

import numpy as np

import abr
from tests.naive.sessions import NaiveBBA0, naive_session

ROUNDS = 3
#: policy -> Sabre's arguments
SABRE_ARGUMENTS = {
    "bola-basic": ("-a", "bola", "-ab"),
    "bola-finite": ("-a", "bola"),
    "bola-o": ("-a", "bola", "-ab", "-ao"),
    "bola-e": ("-a", "bolae"),
    "throughput": ("-a", "throughput"),
}
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


def rate(
    pres: abr.Presentation, traces: list[abr.Trace], policy: abr.PolicyLike, sessions: int, model: str = "default"
) -> float:
    starts = max(1, sessions // len(traces))
    abr.simulate_many(pres, traces, [policy], model=model)
    rates = []
    for seed in range(ROUNDS):
        before = cpu()
        table = abr.simulate_many(pres, traces, [policy], starts=abr.start_offsets(traces, starts, seed), model=model)
        rates.append(len(table) / (cpu() - before))
    return median(rates)


class Sabre:
    """Sabre in this process, on a film and traces; one session after the other."""

    def __init__(self, script: str, folder: str, pres: abr.Presentation, traces: list[abr.Trace]) -> None:
        self.code = compile(Path(script).read_text(), script, "exec")
        self.movie = Path(folder, "movie.json")
        sizes = (pres.sizes * 8).tolist()
        rates = (pres.bitrates / 1000).tolist()
        milliseconds = float(pres.durations[0] * 1e3)
        self.movie.write_text(
            json.dumps({"segment_duration_ms": milliseconds, "bitrates_kbps": rates, "segment_sizes_bits": sizes})
        )
        self.networks = [Path(folder, f"{number}.json") for number in range(len(traces))]
        for network, trace in zip(self.networks, traces, strict=True):
            rows = zip(trace.durations * 1e3, trace.rates / 1e3, trace.latencies * 1e3, strict=True)
            names = ("duration_ms", "bandwidth_kbps", "latency_ms")
            network.write_text(json.dumps([dict(zip(names, map(float, row), strict=True)) for row in rows]))

    def seconds(self, arguments: tuple[str, ...]) -> float:
        """Return the median CPU seconds of a session; its source is compiled beforehand."""
        taken = []
        for network in self.networks:
            sys.argv = ["sabre.py", "-m", str(self.movie), "-n", str(network), *arguments]
            before = cpu()
            with redirect_stdout(io.StringIO()):
                exec(self.code, {"__name__": "__main__"})
            taken.append(cpu() - before)
        return median(taken)


def main(script: str | None = None) -> None:
    pres = film()
    traces = [abr.generate_trace("3g", seed=seed) for seed in range(40)]
    before = cpu()
    for trace in traces[:5]:
        naive_session(pres, trace, NaiveBBA0(pres, 60), 60)
    print(f"one core: plain Python {5 / (cpu() - before):.0f}/s")
    with tempfile.TemporaryDirectory() as folder:
        sabre = Sabre(script, folder, pres, traces[:10]) if script else None
        print(
            f"{'policy':22}{'two cores /s':>14}{'bar':>10}{'Sabre /s':>10}{'x Sabre':>10}{'a core':>9}{'its model':>11}"
        )
        for policy, (sessions, bar) in BARS.items():
            each = rate(pres, traces, policy, sessions)
            beside = ""
            if sabre and policy in SABRE_ARGUMENTS:
                theirs = 1 / sabre.seconds(SABRE_ARGUMENTS[policy])
                same = rate(pres, traces, policy, sessions // 5, "sabre")
                beside = f"{theirs:10.1f}{2 * each / theirs:10,.0f}{each / theirs:9,.0f}{same / theirs:11,.0f}"
            print(f"{policy:22}{2 * each:14,.0f}{bar:10,}{beside}", flush=True)
    one = rate(pres, traces, python_policy, 80)
    print(f"{'a Python callable':22}{one:14,.0f}{200:10,}   (holds the interpreter: one core)")
    begun = time.monotonic()
    abr.simulate(pres, traces[0], "bba-0")
    print(f"a single session, warm: {time.monotonic() - begun:.4f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
