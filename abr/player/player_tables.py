"""A presentation and traces as the kernels take them: ms, bits, bits/ms, contiguous."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abr.errors import PresentationError
from abr.player.kernels.estimator_kernel import ESTIMATOR_SIZE
from abr.player.kernels.network_kernel import LINK_SIZE
from abr.player.session_layout import PLAYBACK_SIZE
from abr.player.session_model import SessionModel
from abr.policies.policy import Floats, Setting
from abr.policies.policy_compiler import TABLE
from abr.presentations.presentation import Presentation
from abr.traces.trace import Trace

__all__ = ["PlayerTables", "TraceTables", "player_tables", "scratch", "trace_tables"]

_DIGITS = 9  #: after the point of a ms or a kbit/s


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
    audio_sizes: Floats
    audio_ends: Floats
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


def _thousandths(seconds: Floats) -> Floats:
    """Return ms; what the change of unit does to last digits is undone, because policies meet exact ties."""
    return np.round(seconds * 1e3, _DIGITS)


def player_tables(pres: Presentation, model: SessionModel, target: float) -> PlayerTables:
    """Make the tables of a presentation.

    Raises
    ------
    PresentationError
        When the buffer cannot hold what the model wants in it, or there is no audio to fetch.
    """
    sizes = pres.sizes.astype(np.float64) * 8.0
    vmaf = np.array(pres.vmaf) if pres.vmaf is not None else np.full(sizes.shape, np.nan)
    ssim = np.array(pres.ssim_db) if pres.ssim_db is not None else np.zeros((0, sizes.shape[1]))
    durations = _thousandths(pres.durations)
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
        *_audio(pres, model),
        rank.reshape(vmaf.shape),
        vmaf.ravel()[order],
        model.vector(len(durations), len(ladder), float(pres.durations.max())),
        Setting(sizes, vmaf, ladder, durations, model.buffer * 1e3, target),
    )


def _audio(pres: Presentation, model: SessionModel) -> tuple[Floats, Floats]:
    """Return bits and ends of the audio's segments, none where it is not fetched."""
    if not model.audio:
        return np.zeros(0), np.zeros(0)
    if pres.audio is None:
        raise PresentationError(f"{pres.title}: it has no audio of known sizes to be fetched beside the video")
    return pres.audio.sizes.astype(np.float64) * 8.0, np.cumsum(_thousandths(pres.audio.durations))


def trace_tables(traces: Sequence[Trace], model: SessionModel) -> TraceTables:
    """Make the tables of traces."""
    lengths = [len(trace.durations) for trace in traces]
    return TraceTables(
        np.concatenate([_thousandths(trace.durations) for trace in traces]),
        np.concatenate([np.round(trace.rates / 1e3, _DIGITS) for trace in traces]) * model.payload,
        np.concatenate([_thousandths(trace.latencies) for trace in traces]),
        np.concatenate([np.cumsum(_thousandths(trace.durations)) for trace in traces]),
        np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
        np.array([trace.duration * 1e3 for trace in traces]),
    )


def scratch() -> tuple[NDArray[np.int64], Floats, Floats, Floats]:
    """Return what the session kernel works in: the policy's table, link, playback, estimator."""
    return np.zeros(TABLE, np.int64), np.zeros(LINK_SIZE), np.zeros(PLAYBACK_SIZE), np.zeros(ESTIMATOR_SIZE)
