"""What viewers of both ladders receive, by sessions simulated over network traces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np

import abr
from encoder import Source

#: Folder of the traces; other clients need another folder of the same form: one sub-folder per set.
TRACES = Path(__file__).resolve().parents[3] / "shared" / "traces"
#: Sets of traces: fixed lines that carry the top rung, slower fixed lines, and mobile networks.
SETS = ("fcc-hd", "fcc-sd", "norway3g")
POLICIES = ("bba-2", "bola-e", "hlsjs", "throughput")
DEVICES = ("phone", "tv-1080p", "tv-4k")
#: Sessions per trace, presentation, policy and device.
STARTS = 3
#: Columns of the table, and the factor from the unit of the session table.
COLUMNS = {"downloaded_bytes": 1e-6, "vmaf_mean": 1, "vmaf_p5": 1, "startup_delay": 1, "rebuffer_ratio": 100}


def fixed_presentation(source: Source, files: Sequence[str], frames: Sequence[Sequence[float]]) -> abr.Presentation:
    """Return the fixed ladder as a presentation, with a segment for each GOP.

    Parameters
    ----------
    source : Source
    files : sequence of str
        One MP4 for each rung.
    frames : sequence of sequence of float
        VMAF of the frames of each rung.
    """
    sizes, vmaf = [], []
    for path, scores in zip(files, frames, strict=True):
        with av.open(path) as container:
            packets = [(packet.is_keyframe, packet.size) for packet in container.demux(video=0) if packet.size]
        starts = [n for n, (is_key, _) in enumerate(packets) if is_key]
        sizes.append(np.add.reduceat([size for _, size in packets], starts))
        vmaf.append([float(np.mean(part)) for part in np.split(np.array(scores), starts[1:])])
    edges = np.array([float(source.time(n)) for n in (*starts, len(packets))])
    table = np.array(sizes).T
    rungs = [abr.Rung(str(n), round(8 * row.sum() / edges[-1])) for n, row in enumerate(table.T)]
    order = np.argsort([rung.bitrate for rung in rungs])
    return abr.Presentation(
        "fixed", tuple(rungs[n] for n in order), np.diff(edges), table[:, order], np.array(vmaf).T[:, order]
    )


def replay(fixed: abr.Presentation, ours: abr.Presentation) -> list[dict[str, Any]]:
    """Simulate sessions of both presentations, and return the mean of each column by trace set, policy and device."""
    both = [fixed, replace(ours, title="ours")]
    rows = []
    for name in SETS:
        traces = abr.load_traces([TRACES / name])
        for device in DEVICES:
            table = abr.simulate_many(both, traces, POLICIES, starts=STARTS, device=device)
            for policy in dict.fromkeys(table["policy"]):
                row: dict[str, Any] = {"traces": name, "device": device, "policy": policy}
                for title in ("fixed", "ours"):
                    at = (table["policy"] == policy) & (table["presentation"] == title)
                    row[title] = {key: scale * float(np.nanmean(table[key][at])) for key, scale in COLUMNS.items()}
                rows.append(row)
    return rows


def show(rows: Sequence[dict[str, Any]]) -> None:
    """Print the table."""
    print("    viewers, fixed -> ours: MB downloaded, mean VMAF, 5th percentile, startup s, stalled %")
    for row in rows:
        pairs = "  ".join(f"{row['fixed'][key]:6.2f} -> {row['ours'][key]:6.2f}" for key in COLUMNS)
        print(f"      {row['traces']:9} {row['device']:9} {row['policy']:16} {pairs}")
