"""A presentation and traces as the kernels take them: ms, bits, bits/ms, contiguous."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from abr.errors import PresentationError
from abr.player.session_arrays import PresentationArrays, TraceArrays
from abr.player.session_model import SessionModel
from abr.policy_interface.policy import Floats
from abr.policy_interface.policy_state import PolicyContext
from abr.presentations.presentation import Presentation
from abr.traces.trace import Trace

__all__ = ["JoinedTraces", "join_traces", "policy_context", "presentation_arrays"]

_DIGITS = 9  #: after the point of a ms or a kbit/s


class JoinedTraces(NamedTuple):
    """Traces end to end."""

    arrays: TraceArrays
    first_intervals: NDArray[np.int64]  #: first interval of each trace, and the end
    lengths: Floats  #: ms


def _thousandths(seconds: Floats) -> Floats:
    """Return ms; what the change of unit does to last digits is undone, because policies meet exact ties."""
    return np.round(seconds * 1e3, _DIGITS)


def presentation_arrays(pres: Presentation, model: SessionModel, target: float) -> PresentationArrays:
    """Return a presentation as the kernels read it.

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
    min_sizes = np.where(vmaf >= target, sizes, np.inf).min(axis=1)
    bitrates = pres.bitrates / 1e3
    return PresentationArrays(
        sizes,
        vmaf,
        ssim,
        bitrates,
        np.log(bitrates),
        durations,
        np.concatenate(([0.0], np.cumsum(durations))),
        min_sizes,
        *_audio(pres, model),
        rank.reshape(vmaf.shape),
        vmaf.ravel()[order],
        model.buffer * 1e3,
        float(target),
    )


def policy_context(arrays: PresentationArrays) -> PolicyContext:
    """Return what a policy knows of a presentation."""
    return PolicyContext(
        arrays.sizes, arrays.vmaf, arrays.bitrates, arrays.durations, arrays.buffer_capacity, arrays.target_vmaf
    )


def _audio(pres: Presentation, model: SessionModel) -> tuple[Floats, Floats]:
    """Return bits and ends of the audio's segments, none where it is not fetched."""
    if not model.audio:
        return np.zeros(0), np.zeros(0)
    if pres.audio is None:
        raise PresentationError(f"{pres.title}: it has no audio of known sizes to be fetched beside the video")
    return pres.audio.sizes.astype(np.float64) * 8.0, np.cumsum(_thousandths(pres.audio.durations))


def join_traces(traces: Sequence[Trace], model: SessionModel) -> JoinedTraces:
    """Return traces as the kernels read them; the model's payload fraction lowers their rates."""
    lengths = [len(trace.durations) for trace in traces]
    arrays = TraceArrays(
        np.concatenate([_thousandths(trace.durations) for trace in traces]),
        np.concatenate([np.round(trace.rates / 1e3, _DIGITS) for trace in traces]) * model.payload,
        np.concatenate([_thousandths(trace.latencies) for trace in traces]),
        np.concatenate([np.cumsum(_thousandths(trace.durations)) for trace in traces]),
    )
    first_intervals = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    return JoinedTraces(arrays, first_intervals, np.array([trace.duration * 1e3 for trace in traces]))
