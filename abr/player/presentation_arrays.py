"""Presentations and traces as contiguous arrays for the kernels, in ms, bits and bit/ms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from abr.errors import PresentationError, TraceError
from abr.player.session_arrays import PresentationArrays, TraceArrays
from abr.player.session_model import SessionModel
from abr.policy_interface.policy import Floats
from abr.policy_interface.policy_state import PolicyContext
from abr.presentations.presentation import Presentation
from abr.traces.trace import Trace

__all__ = ["JoinedTraces", "check_work", "join_traces", "policy_context", "presentation_arrays"]

#: intervals of a trace that one session may pass; chosen by hand: some seconds of work; ten hours at 20 Mbit/s over a
#: trace of 100 kbit/s with intervals of 0.1 s pass 72 million
MAX_INTERVALS = 200_000_000
#: decimal digits of a time in ms and of a rate in kbit/s that are kept; enough to undo the rounding of a unit change
_DIGITS = 9


class JoinedTraces(NamedTuple):
    """The intervals of several traces, joined."""

    arrays: TraceArrays
    first_intervals: NDArray[np.int64]  #: index of the first interval of each trace, then the total
    lengths: Floats  #: ms


def _thousandths(seconds: Floats) -> Floats:
    """Return ms, rounded: the change of unit must not separate values that are equal, because policies compare them."""
    return np.round(seconds * 1e3, _DIGITS)


def presentation_arrays(pres: Presentation, model: SessionModel, target: float) -> PresentationArrays:
    """Return a presentation as arrays for the kernels.

    Raises
    ------
    PresentationError
        When the model needs audio and the presentation has none.
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


def check_work(pres: Presentation, traces: Sequence[Trace]) -> None:
    """Raise when a session would pass too many intervals of a trace, which repeats until all segments are there.

    Raises
    ------
    TraceError
        When the trace is too slow or its intervals are too short for the presentation.
    """
    bits = 8.0 * float(pres.sizes.max(axis=1).astype(np.float64).sum())
    for trace in traces:
        with np.errstate(over="ignore", divide="ignore"):
            rounds = bits / float(trace.rates @ trace.durations) + pres.duration / trace.duration
            rounds += len(pres.durations) * float(trace.latencies.max()) / trace.duration
        if not rounds * len(trace.durations) <= MAX_INTERVALS:
            raise TraceError(
                f"trace {trace.name}, presentation {pres.title}: a session would repeat the {len(trace.durations)}"
                f" intervals of the trace about {rounds:.3g} times; check the units of both"
            )


def policy_context(arrays: PresentationArrays) -> PolicyContext:
    """Return the context of a policy for a presentation."""
    return PolicyContext(
        arrays.sizes, arrays.vmaf, arrays.bitrates, arrays.durations, arrays.buffer_capacity, arrays.target_vmaf
    )


def _audio(pres: Presentation, model: SessionModel) -> tuple[Floats, Floats]:
    """Return the sizes and the end times of the audio segments; empty arrays when audio is not downloaded."""
    if not model.audio:
        return np.zeros(0), np.zeros(0)
    if pres.audio is None:
        raise PresentationError(f"{pres.title}: it has no audio whose segment sizes are known")
    return pres.audio.sizes.astype(np.float64) * 8.0, np.cumsum(_thousandths(pres.audio.durations))


def join_traces(traces: Sequence[Trace], model: SessionModel) -> JoinedTraces:
    """Return traces as arrays for the kernels; their throughput is multiplied by the payload fraction of the model."""
    lengths = [len(trace.durations) for trace in traces]
    arrays = TraceArrays(
        np.concatenate([_thousandths(trace.durations) for trace in traces]),
        np.concatenate([np.round(trace.rates / 1e3, _DIGITS) for trace in traces]) * model.payload,
        np.concatenate([_thousandths(trace.latencies) for trace in traces]),
        np.concatenate([np.cumsum(_thousandths(trace.durations)) for trace in traces]),
    )
    first_intervals = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    return JoinedTraces(arrays, first_intervals, np.array([trace.duration * 1e3 for trace in traces]))
