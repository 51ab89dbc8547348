"""The time that the allocation of a long title takes: 1500 shots, 8 rungs, 6 heights, on curves of a formula.

Claim: under a second of CPU time from curves to quantisers: the title's curve at every height, the rungs, their
heights again within floor and peak, and what each rung encodes. `--max-quality-step` takes longer and is listed.
Nothing is encoded. Warm, several rounds; median and spread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from ladders import Constraints, RungRules
from ladders.allocation.constraints import RungTarget
from ladders.allocation.equal_slope import equal_slope, solve_for_quality
from ladders.allocation.rung_placement import allocate_rungs, choose_rungs
from ladders.allocation.smoothness import smooth
from ladders.allocation.title_curve import Allocation
from ladders.rd.curves import Curve, quantiser_grid

SHOTS, RUNGS, HEIGHTS, FRAME_RATE, ROUNDS = 1500, 8, (1080, 720, 540, 432, 360, 234), 24, 5
GRID = quantiser_grid(12.0, 46.0, 0.25)
#: By how much shots differ in bits (natural logarithm).
SPREAD = 0.8
JUMP = 10.0


def synthetic_title(seed: int = 1) -> tuple[list[int], dict[int, list[Curve]]]:
    """Return the shots' lengths in frames, and their curves at each height."""
    rng = np.random.default_rng(seed)
    frames = [int(count) for count in rng.integers(48, 240, SHOTS)]
    hardness = np.exp(rng.normal(0, SPREAD, SHOTS))
    curves = {}
    for height in HEIGHTS:
        area = (height / 1080) ** 2
        lost = 30 * (area**-0.2 - 1)
        curves[height] = [
            Curve(
                GRID,
                8e4 * count * hard * area**0.75 * 2 ** ((24 - GRID) / 6),
                np.clip(100.5 - 4 * hard**0.3 * 1.09 ** (GRID - 24) - lost, 0, 100),
            )
            for count, hard in zip(frames, hardness, strict=True)
        ]
    return frames, curves


def share(frames: list[int], curves: dict[int, list[Curve]], constraints: Constraints) -> list[tuple[int, Allocation]]:
    """Choose rungs and allocate their bits, as `per-shot` does."""
    duration = sum(frames) / FRAME_RATE
    titles = {height: equal_slope(row, frames, constraints) for height, row in curves.items()}
    chosen = choose_rungs(titles, duration, RungRules(target=93.0, count=RUNGS))

    def reached(height: int, rung_target: RungTarget) -> Allocation:
        allocation = solve_for_quality(curves[height], frames, constraints, rung_target)
        if constraints.max_quality_step is None:
            return allocation
        return smooth(curves[height], frames, constraints, replace(rung_target, bits=allocation.bits))

    return allocate_rungs(chosen, titles, duration, reached)


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return median and spread of the CPU seconds, warm."""
    work()
    seconds = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        work()
        seconds.append(time.process_time() - begun)
    return float(np.median(seconds)), max(seconds) - min(seconds)


def main() -> None:
    """Print the times."""
    frames, curves = synthetic_title()
    for name, constraints in {
        "floor, cap and peak": Constraints(),
        f"and a max_quality_step of {JUMP:g}": Constraints(max_quality_step=JUMP),
    }.items():
        rungs = share(frames, curves, constraints)
        median, spread = _timed(partial(share, frames, curves, constraints))
        heights = ", ".join(f"{height}" for height, _ in rungs)
        print(f"{SHOTS} shots, {len(rungs)} rungs ({heights} rows), {name}: {median:.2f} CPU s (spread {spread:.2f})")


if __name__ == "__main__":
    main()
