"""Generate network traces from stated Markov models, `python -m samples.traces DIR`, as Sabre JSON.

A model is a chain of states. Every `step` seconds the chain moves by its transition matrix, and the rate over the
step is drawn from a gamma distribution with the state's mean and coefficient of variation. The rows below are states:
mean kbit/s, coefficient of variation, then the row of the transition matrix. What follows from them (stationary shares
and mean, mean stay) is computed by `Model`; the figures beside "imitates" are those of the measured sets.

`3g`, 1 s steps, 100 ms latency. Imitates Riiser et al. 2013, commutes in Norway on HSDPA: mean 1.15 Mbit/s
(0.55 to 1.83 between traces), coefficient of variation 0.68, minima of 0:

    tunnel      30   0.80   0.900 0.100 0     0     0
    weak       450   0.35   0.030 0.900 0.070 0     0
    fair      1050   0.28   0     0.050 0.900 0.050 0
    good      1900   0.22   0     0     0.080 0.890 0.030
    best      2900   0.18   0     0     0     0.100 0.900

`4g`, 1 s steps, 20 ms. Imitates van der Hooft et al. 2016, Ghent on LTE by foot, tram, car: mean 31.4 Mbit/s,
coefficient of variation 0.43:

    edge      6000   0.40   0.850 0.150 0     0
    far      20000   0.25   0.030 0.900 0.070 0
    near     34000   0.20   0     0.060 0.890 0.050
    clear    52000   0.18   0     0     0.090 0.910

`cable`, 5 s steps, 20 ms. Imitates the FCC's Measuring Broadband America lines as Sabre's `hd_fs` holds them: mean
17.1 Mbit/s (13.3 to 22.3), coefficient of variation 0.67:

    idle     28000   0.20   0.850 0.130 0.020
    busy     14000   0.25   0.110 0.800 0.090
    jammed    4000   0.45   0.020 0.180 0.800

`wifi`, 1 s steps, 30 ms. Not from one set: the Gilbert-Elliott idea (Gilbert 1960, Elliott 1963) with two good and
two bad states; in an outage nothing arrives, for 2.5 s on average, one about every two minutes:

    near     24000   0.20   0.960 0.036 0     0.004
    wall      9000   0.35   0.060 0.880 0.050 0.010
    corner    2200   0.60   0     0.140 0.830 0.030
    outage       0   0      0.080 0.160 0.160 0.600
"""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["MODELS", "Model", "generate", "write_trace", "write_traces"]


@dataclass(frozen=True, slots=True)
class Model:
    """A Markov model of a link; the module's docstring states each.

    Attributes
    ----------
    name
        Of the model.
    step
        Seconds between moves of the chain.
    latency
        Milliseconds, constant.
    rates, spreads
        Per state, mean in kbit/s and coefficient of variation.
    moves
        The transition matrix: rows sum to 1.
    """

    name: str
    step: float
    latency: float
    rates: tuple[float, ...]
    spreads: tuple[float, ...]
    moves: tuple[tuple[float, ...], ...]

    @property
    def shares(self) -> NDArray[np.float64]:
        """Stationary distribution of the chain."""
        matrix = np.array(self.moves)
        count = len(matrix)
        equations = np.vstack([matrix.T - np.eye(count), np.ones(count)])
        return np.linalg.lstsq(equations, np.r_[np.zeros(count), 1.0], rcond=None)[0]

    @property
    def mean(self) -> float:
        """Stationary mean in kbit/s."""
        return float(self.shares @ np.array(self.rates))


def _model(name: str, step: float, latency: float, *rows: tuple[float, ...]) -> Model:
    rates, spreads = (tuple(row[k] for row in rows) for k in (0, 1))
    return Model(name, step, latency, rates, spreads, tuple(row[2:] for row in rows))


MODELS = {
    model.name: model
    for model in (
        _model("3g", 1.0, 100.0,
               (30, 0.80, 0.900, 0.100, 0, 0, 0),
               (450, 0.35, 0.030, 0.900, 0.070, 0, 0),
               (1050, 0.28, 0, 0.050, 0.900, 0.050, 0),
               (1900, 0.22, 0, 0, 0.080, 0.890, 0.030),
               (2900, 0.18, 0, 0, 0, 0.100, 0.900)),
        _model("4g", 1.0, 20.0,
               (6000, 0.40, 0.850, 0.150, 0, 0),
               (20000, 0.25, 0.030, 0.900, 0.070, 0),
               (34000, 0.20, 0, 0.060, 0.890, 0.050),
               (52000, 0.18, 0, 0, 0.090, 0.910)),
        _model("cable", 5.0, 20.0,
               (28000, 0.20, 0.850, 0.130, 0.020),
               (14000, 0.25, 0.110, 0.800, 0.090),
               (4000, 0.45, 0.020, 0.180, 0.800)),
        _model("wifi", 1.0, 30.0,
               (24000, 0.20, 0.960, 0.036, 0, 0.004),
               (9000, 0.35, 0.060, 0.880, 0.050, 0.010),
               (2200, 0.60, 0, 0.140, 0.830, 0.030),
               (0, 0, 0.080, 0.160, 0.160, 0.600)),
    )
}  # fmt: skip
"""Every model by name."""


def generate(model: Model, seed: int, *, seconds: float = 600.0) -> list[dict[str, float]]:
    """Walk a model and return its trace as Sabre's intervals.

    Parameters
    ----------
    model
        One of `MODELS`, or your own.
    seed
        The same seed gives the same trace. The walk starts in the stationary distribution.
    seconds
        At least this long, in whole steps.

    Returns
    -------
    list of dict
        Each with `duration_ms`, `bandwidth_kbps`, `latency_ms`.

    Examples
    --------
    >>> trace = generate(MODELS["cable"], 1, seconds=10)
    >>> [sorted(interval) for interval in trace]
    [['bandwidth_kbps', 'duration_ms', 'latency_ms'], ['bandwidth_kbps', 'duration_ms', 'latency_ms']]
    """
    rng = np.random.default_rng(seed)
    shares = np.maximum(model.shares, 0)
    state = int(rng.choice(len(shares), p=shares / shares.sum()))
    bounds = np.cumsum(model.moves, axis=1)
    intervals = []
    for _ in range(int(np.ceil(seconds / model.step))):
        rate, spread = model.rates[state], model.spreads[state]
        drawn = rng.gamma(spread**-2, rate * spread**2) if spread else rate
        intervals.append(
            {
                "duration_ms": model.step * 1000,
                "bandwidth_kbps": round(float(drawn), 1),
                "latency_ms": model.latency,
            }
        )
        state = min(int(np.searchsorted(bounds[state], rng.random(), side="right")), len(shares) - 1)
    return intervals


def write_trace(path: str | os.PathLike[str], trace: list[dict[str, float]]) -> Path:
    """Write a trace as Sabre JSON, whole or not at all."""
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(json.dumps(trace) + "\n")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def write_traces(folder: str | os.PathLike[str], *, each: int = 5, seconds: float = 600.0) -> list[Path]:
    """Write `each` traces of every model as `NAME_NUMBER.json` into a folder, made where it is absent."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return [
        write_trace(folder / f"{name}_{seed}.json", generate(model, seed, seconds=seconds))
        for name, model in MODELS.items()
        for seed in range(each)
    ]


def main() -> None:
    """Write the traces where the command line says."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m samples.traces DIR")
    for path in write_traces(sys.argv[1]):
        print(path)


if __name__ == "__main__":
    main()
