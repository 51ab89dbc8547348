"""Compile the kernels in two processes at once: `python -m samples.compile_kernels`.

Kernels are compiled when they are first called, some when they are imported, and kept on disk. Processes that start
together in a fresh checkout, such as those of the tests, would compile the same kernels, each for itself. Here each
process compiles another half. With kernels on disk it takes two seconds.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from importlib import import_module
from pathlib import Path

import av
import numpy as np

__all__ = ["compile_bounds", "compile_sessions", "compile_shots", "compile_vmaf", "policies", "start"]

#: Calls of each half; they take about the same time.
HALVES = (
    "compile_bounds(); compile_shots(); compile_sessions(policies()[::2])",
    "compile_sessions(policies()[1::2]); compile_vmaf(8); compile_vmaf(10)",
)


def compile_bounds() -> None:
    """Compile the kernels of the offline optimum of sessions."""
    import_module("abr.bounds.bound_kernel")


def compile_sessions(names: Sequence[str]) -> None:
    """Compile the kernels of simulated sessions, and ABR policies."""
    import abr

    import_module("abr.player.kernels.batch_kernel")
    rungs = (abr.Rung("low", 1_000_000), abr.Rung("high", 3_000_000))
    sizes = np.full((5, 2), [500_000, 1_500_000])
    title = abr.Presentation("title", rungs, np.full(5, 4.0), sizes, np.full((5, 2), [60.0, 90.0]))
    for name in names:
        abr.simulate(title, abr.Trace("steady", [10], [2e6], [0.05]), name)


def compile_shots() -> None:
    """Compile the kernels of shot detection and complexity."""
    import ladders

    with tempfile.TemporaryDirectory() as folder:
        ladders.detect_shots(_write_clip(Path(folder) / "clip.mp4"))


def compile_vmaf(bit_depth: int) -> None:
    """Compile the kernels of VMAF."""
    import vmaf

    vmaf.warm_up(bit_depth)


def policies() -> list[str]:
    """Return the names of all ABR policies."""
    import abr

    return sorted(abr.REGISTRY)


def start(calls: str) -> subprocess.Popen[bytes]:
    """Start a process that runs calls of the functions of this module."""
    return subprocess.Popen([sys.executable, "-c", f"from samples.compile_kernels import *; {calls}"])


def _write_clip(path: Path) -> Path:
    """Write two shots of noise."""
    stills = np.random.default_rng(1).integers(16, 235, (2, 96, 64), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24, options={"crf": "20", "preset": "ultrafast", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for n in range(48):
            frame = av.VideoFrame.from_ndarray(stills[n // 24], format="yuv420p")
            frame.pts, frame.time_base = n, Fraction(1, 24)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def main() -> None:
    """Compile both halves."""
    statuses = [process.wait() for process in [start(calls) for calls in HALVES]]
    if any(statuses):
        print("some kernels are not compiled yet; each process that needs them compiles them", file=sys.stderr)


if __name__ == "__main__":
    main()
