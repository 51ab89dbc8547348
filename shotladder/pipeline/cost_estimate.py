"""What a run costs: predicted before it from the plan, and stated after it from what it measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from encoder import Chunk, Rendition, Source
from encoder.encode.job_needs import predict_memory, predict_seconds
from shotladder.pipeline.encode_result import EncodeResult
from shotladder.pipeline.free_space import STORE_FACTOR, estimate_output_bytes
from shotladder.report.readable_units import format_count, format_size

__all__ = ["Prices", "describe_costs", "describe_spent", "measure_spent", "predict_needs", "sum_needs"]

#: Bytes of the coordinator: the libraries, the frame index, the curves of all shots. Chosen by hand.
COORDINATOR_MEMORY = 500_000_000
#: Rounds of jobs that follow each other for one codec: first probes, later probes, final encodes, corrections.
ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices in one currency; None if unknown.

    Attributes
    ----------
    cpu_hour : float or None
        Of an hour of one core.
    gigabyte : float or None
        Of 10**9 bytes of traffic.
    """

    cpu_hour: float | None = None
    gigabyte: float | None = None

    def total(self, cpu_seconds: float, size: float) -> float | None:
        """Return the money for CPU time and for uploading a size (bytes); None if no price is known."""
        if self.cpu_hour is None and self.gigabyte is None:
            return None
        return (self.cpu_hour or 0.0) * cpu_seconds / 3600 + (self.gigabyte or 0.0) * size / 1e9


def predict_needs(
    source: Source,
    chunks: Sequence[Chunk],
    renditions: Mapping[str, Sequence[Rendition]],
    cpu_seconds: float,
    workers: int,
    free_memory: float,
) -> dict[str, float]:
    """Predict what a run needs.

    Parameters
    ----------
    source : Source
    chunks : sequence of Chunk
    renditions : mapping
        Candidate renditions of each codec.
    cpu_seconds : float
        Predicted CPU time of all stages.
    workers : int
        Number of concurrent jobs.
    free_memory : float
        Bytes that jobs may use together; jobs wait instead of using more.

    Returns
    -------
    dict
        `cpu_hours`; `wall_seconds`; `peak_memory_bytes`, `scratch_bytes`, `store_bytes`, `output_bytes`; `egress_bytes`
        of one upload of the presentation.

    Notes
    -----
    The wall time is at least the work divided by the workers, and at least the longest job of each round.
    """
    pixels = source.width * source.height
    longest = max(chunk.frame_count for chunk in chunks)
    tops = [max(each, key=lambda rendition: rendition.width * rendition.height) for each in renditions.values()]
    chain = max(ROUNDS * predict_seconds(pixels, [top], longest) for top in tops)
    job_memory = max(predict_memory(pixels, each) for each in renditions.values())
    output = estimate_output_bytes(source, len(renditions))
    return {
        "cpu_hours": round(cpu_seconds / 3600, 4),
        "wall_seconds": round(max(cpu_seconds / workers, chain), 1),
        "peak_memory_bytes": COORDINATOR_MEMORY + round(max(job_memory, min(workers * job_memory, free_memory))),
        "scratch_bytes": round(workers * output * longest / source.frame_count),
        "store_bytes": round(STORE_FACTOR * output),
        "output_bytes": round(output),
        "egress_bytes": round(output),
    }


def sum_needs(needs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the needs of several runs that share workers: sums, and maxima of memory and scratch space."""
    return {
        name: max(each[name] for each in needs)
        if name in ("peak_memory_bytes", "scratch_bytes")
        else round(sum(each[name] for each in needs), 4)
        for name in (needs[0] if needs else ())
    }


def describe_costs(needs: Mapping[str, Any], workers: int, prices: Prices) -> list[str]:
    """Return predicted needs as lines of text."""
    sizes = {
        name: format_size(needs[f"{name}_bytes"]) for name in ("peak_memory", "scratch", "store", "output", "egress")
    }
    seconds = needs["wall_seconds"]
    wall = f"{seconds:.0f} s" if seconds < 60 else f"{seconds / 60:.1f} min"
    lines = [
        f"{needs['cpu_hours']:.2f} CPU hours, about {wall} with {format_count(workers, 'worker')}",
        f"at most {sizes['peak_memory']} of memory, {sizes['scratch']} of scratch space, {sizes['store']} in the store,"
        f" {sizes['output']} of output",
        f"traffic: {sizes['egress']} for one upload",
    ]
    money = prices.total(3600 * needs["cpu_hours"], needs["egress_bytes"])
    return lines if money is None else [*lines, f"price: {money:.2f}, of CPU time and one upload"]


def describe_spent(result: EncodeResult, prices: Prices) -> str | None:
    """Return in one line what a finished run cost; None if no price is known."""
    cpu_seconds, size = measure_spent(result)
    money = prices.total(cpu_seconds, size)
    if money is None:
        return None
    return f"price: {money:.2f}, of {cpu_seconds / 3600:.2f} CPU hours and one upload of {format_size(size)}"


def measure_spent(result: EncodeResult) -> tuple[float, int]:
    """Return the CPU time of all stages (s) and the size of the files (bytes) of a presentation."""
    cost = result.presentation.cost.to_dict()
    cpu_seconds = sum(value for name, value in cost.items() if name.endswith("cpu_seconds"))
    return cpu_seconds, sum((result.path / name).stat().st_size for name in result.presentation.files)
