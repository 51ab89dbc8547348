"""Audit of predicted title curves: at every size, encodes of what was predicted there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import ladders
from encoder import Source, get_codec, plan_chunks
from ladders.construction.ladder_builder import LadderBuilder
from ladders.probing.curve_fit import fit_all
from shotladder_runtime.jobs import LocalExecutor
from shotladder_runtime.store import Store

#: Points at each size: evenly spaced in the logarithm of the bitrate over the range of the rungs.
POINTS = 2


def audit(source: Source, shots: Sequence[int], request: ladders.LadderRequest) -> list[dict[str, Any]]:
    """Search a ladder, encode allocations at every size, and return prediction and measurement of each.

    Returns
    -------
    list of dict
        height, predicted and measured bitrate (bits/s), predicted and measured VMAF, and `error`: the predicted VMAF
        minus the VMAF that the measured curve has at the predicted bitrate (the slope of the predicted curve moves it).
    """
    chunks, segments = plan_chunks(source, shots, request.segment_duration)
    with TemporaryDirectory() as folder, LocalExecutor(os.cpu_count() or 1) as executor:
        prober = ladders.Prober(source, chunks, request.encoding, Store(Path(folder) / "store"), executor)
        ladder = ladders.find_ladder(prober, segments, request)
        builder = LadderBuilder(source, chunks, request)
        titles = builder.titles(fit_all(prober, list(builder.sizes.values())))
        low, high = ladder.rungs[0].rate, ladder.rungs[-1].rate
        rungs, heights = [], []
        for height, title in titles.items():
            for rate in np.geomspace(low, high, POINTS):
                allocation = title.for_bits(rate * builder.duration)
                quantisers = tuple(
                    float(get_codec(ladder.codec).quantisers[0] + i * builder.step) for i in allocation.indices
                )
                rate = round(allocation.bits / builder.duration)
                rungs.append(ladders.Rung(*builder.sizes[height], quantisers, rate, allocation.quality))
                heights.append(height)
        finals = ladders.encode_final_chunks(prober, replace(ladder, rungs=tuple(rungs)))
    rows = []
    for n, (height, rung) in enumerate(zip(heights, rungs, strict=True)):
        bits = sum(chunk.bits for chunk in finals.chunks[n]) / builder.duration
        measured = float(request.encoding.pool(finals.vmaf(n)))
        title = titles[height]
        slope = np.interp(np.log([rung.rate, bits]), np.log(title.bits / builder.duration), title.quality)
        rows.append(
            {
                "height": height,
                "predicted_bitrate": rung.rate,
                "bitrate": bits,
                "predicted_vmaf": rung.quality,
                "vmaf": measured,
                "error": float(rung.quality + slope[1] - slope[0] - measured),
            }
        )
    return rows


def show(rows: Sequence[dict[str, Any]]) -> None:
    """Print the table."""
    print("    audit: height, kbit/s predicted -> encoded, VMAF predicted -> measured, error at equal bits")
    for row in rows:
        print(
            f"      {row['height']:5}p {row['predicted_bitrate'] / 1e3:7.0f} -> {row['bitrate'] / 1e3:7.0f}"
            f"   {row['predicted_vmaf']:6.2f} -> {row['vmaf']:6.2f}   {row['error']:+.2f}"
        )
