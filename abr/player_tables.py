"""A presentation and traces as the kernels take them: ms, bits, bits/ms, contiguous."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abr.compiled import TABLE
from abr.estimator_kernel import ESTIMATOR_SIZE
from abr.network_kernel import LINK_SIZE
from abr.policy import Floats, Setting
from abr.presentation import Presentation
from abr.session_layout import PLAYBACK_SIZE
from abr.session_model import SessionModel
from abr.trace import Trace

__all__ = ["PlayerTables", "TraceTables", "player_tables", "scratch", "trace_tables"]


@dataclass(frozen=True, slots=True, eq=False)
class PlayerTables:
    """A presentation for the kernels, with the ranks of its VMAF values for percentiles."""

    sizes: Floats
    vmaf: Floats
    ssim: Floats
    ladder: Floats
    logs: Floats
    durations: Floats
    cum: Floats
    enough: Floats
    rank: NDArray[np.int64]
    by_rank: Floats
    model: Floats
    setting: Setting


@dataclass(frozen=True, slots=True, eq=False)
class TraceTables:
    """Traces end to end, with the first interval of each."""

    durations: Floats
    rates: Floats
    latencies: Floats
    ends: Floats
    first: NDArray[np.int64]
    lengths: Floats


def player_tables(pres: Presentation, model: SessionModel, target: float) -> PlayerTables:
    """Make the tables of a presentation."""
    sizes = pres.sizes.astype(np.float64) * 8.0
    nothing = np.full(sizes.shape, np.nan)
    vmaf = np.array(pres.vmaf) if pres.vmaf is not None else nothing
    ssim = np.array(pres.ssim_db) if pres.ssim_db is not None else nothing
    durations = pres.durations * 1e3
    order = np.argsort(vmaf, axis=None, kind="stable")
    rank = np.empty(order.size, np.int64)
    rank[order] = np.arange(order.size)
    reach = np.where(vmaf >= target, sizes, np.inf).min(axis=1)
    ladder = pres.bitrates / 1e3
    return PlayerTables(
        sizes,
        vmaf,
        ssim,
        ladder,
        np.log(ladder),
        durations,
        np.concatenate(([0.0], np.cumsum(durations))),
        reach,
        rank.reshape(vmaf.shape),
        vmaf.ravel()[order],
        model.vector(len(durations), len(ladder), float(pres.durations.max())),
        Setting(sizes, vmaf, ladder, durations, model.buffer * 1e3, target),
    )


def trace_tables(traces: Sequence[Trace], model: SessionModel) -> TraceTables:
    """Make the tables of traces."""
    lengths = [len(trace.durations) for trace in traces]
    return TraceTables(
        np.concatenate([trace.durations * 1e3 for trace in traces]),
        np.concatenate([trace.rates / 1e3 for trace in traces]) * model.payload,
        np.concatenate([trace.latencies * 1e3 for trace in traces]),
        np.concatenate([np.cumsum(trace.durations * 1e3) for trace in traces]),
        np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
        np.array([trace.duration * 1e3 for trace in traces]),
    )


def scratch() -> tuple[NDArray[np.int64], Floats, Floats, Floats]:
    """Return what the session kernel works in: the policy's table, link, playback, estimator."""
    return np.zeros(TABLE, np.int64), np.zeros(LINK_SIZE), np.zeros(PLAYBACK_SIZE), np.zeros(ESTIMATOR_SIZE)
