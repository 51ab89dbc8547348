"""Write generated network traces as Sabre JSON: `python -m samples.traces DIR`.

The models are those of `abr.traces.trace_generator`.
"""

import os
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import abr
from abr.traces.trace_generator import NETWORKS
from abr.traces.trace_json import save_trace

__all__ = ["write_traces"]

#: Lowest and highest mean throughput of scaled traces, as multiples of the bitrate of the middle rung.
LOAD_RATIOS = (0.5, 1.5)


def write_traces(
    folder: str | os.PathLike[str],
    *,
    count: int = 5,
    duration: float = 600.0,
    bitrates: NDArray[np.float64] | None = None,
) -> list[Path]:
    """Write `count` traces of every network as `NETWORK_SEED.json` into a folder, which is created when absent.

    Parameters
    ----------
    folder : path
        Where to write.
    count : int
        Traces of each network.
    duration : float
        Of each trace, s.
    bitrates : ndarray of float64, optional
        Of the rungs of a presentation, bit/s. The traces are scaled so that their mean throughput is 0.5 to 1.5 times
        the bitrate of the middle rung, where ABR policies differ most. By default they are not scaled.

    Returns
    -------
    list of Path
        The files.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    ratios = np.geomspace(*LOAD_RATIOS, count) if count > 1 else np.ones(1)
    paths = []
    for name in NETWORKS:
        for seed, ratio in enumerate(ratios.tolist()):
            trace = abr.generate_trace(name, seed=seed, duration=duration)
            if bitrates is not None:
                trace = trace.scaled(ratio / trace.load_ratio(bitrates))
            paths.append(save_trace(trace, folder / f"{name}_{seed}.json"))
    return paths


def main() -> None:
    """Write the traces into the folder that the command line names."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m samples.traces DIR")
    for path in write_traces(sys.argv[1]):
        print(path)


if __name__ == "__main__":
    main()
