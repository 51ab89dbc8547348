"""Write generated network traces as Sabre JSON: `python -m samples.traces DIR`.

The models are those of `abr.traces.trace_generator`.
"""

import os
import sys
from pathlib import Path

import abr
from abr.traces.trace_generator import NETWORKS
from abr.traces.trace_json import save_trace

__all__ = ["write_traces"]


def write_traces(folder: str | os.PathLike[str], *, count: int = 5, duration: float = 600.0) -> list[Path]:
    """Write `count` traces of every network as `NETWORK_SEED.json` into a folder, which is created when absent.

    Parameters
    ----------
    folder : path
        Where to write.
    count : int
        Traces of each network.
    duration : float
        Of each trace, s.

    Returns
    -------
    list of Path
        The files.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return [
        save_trace(abr.generate_trace(name, seed=seed, duration=duration), folder / f"{name}_{seed}.json")
        for name in NETWORKS
        for seed in range(count)
    ]


def main() -> None:
    """Write the traces into the folder that the command line names."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m samples.traces DIR")
    for path in write_traces(sys.argv[1]):
        print(path)


if __name__ == "__main__":
    main()
