"""The kernel of a batch: many sessions of one policy over one presentation, each scored."""

import numpy as np
from numba import types

from abr.player.kernels.qoe_kernel import score
from abr.player.kernels.session_kernel import session
from abr.player.session_layout import M_SEGMENTS, O_BAD
from abr.policies.policy_compiler import CALLBACK_SIGNATURE
from shotladder_runtime.kernels.compiler import kernel

__all__ = ["replay"]

_FLOATS = types.float64[::1]
_TABLE = types.float64[:, ::1]
_INTEGERS = types.int64[::1]
_INTEGER_TABLE = types.int64[:, ::1]

REPLAY_SIGNATURE = types.void(
    types.FunctionType(CALLBACK_SIGNATURE),
    *(_FLOATS,) * 4,  # s, k, m, c
    *(_TABLE,) * 3,  # sizes, vmaf, ssim
    *(_FLOATS,) * 7,  # ladder and its logarithms, durations, cum, enough; audio: sizes, ends of its segments
    _INTEGER_TABLE,  # rank
    _FLOATS,  # by_rank
    *(_FLOATS,) * 4,  # all traces: durations, rates, latencies, ends of the intervals
    _INTEGERS,  # first interval of every trace, and the end
    _INTEGERS,  # trace of every session
    _FLOATS,  # start of every session
    *(types.int64,) * 3,  # sessions from, to; first scored segment
    types.float64,  # target
    _TABLE,  # metrics of every session
    _FLOATS,  # nonsense of every session, NaN when it went well
    *(_INTEGERS,) * 2,  # scratch: rungs, marks
    _FLOATS,  # outcome
    _TABLE,  # a log of no rows
    _INTEGERS,  # the policy's table
    *(_FLOATS,) * 3,  # link, playback, estimator
)


@kernel(signature=REPLAY_SIGNATURE, counts_references=False)
def replay(  # type: ignore[no-untyped-def]
    policy,
    s,
    k,
    m,
    c,
    sizes,
    vmaf,
    ssim,
    ladder,
    logs,
    durations,
    cum,
    enough,
    a_bits,
    a_ends,
    rank,
    by_rank,
    t_dur,
    t_rate,
    t_lat,
    t_end,
    t_first,
    traces,
    starts,
    begin,
    end,
    first,
    target,
    metrics,
    nonsense,
    rungs,
    marks,
    o,
    log,
    w,
    n,
    p,
    e,
):
    """Play and score sessions `begin` to `end`."""
    segments = int(c[M_SEGMENTS])
    for i in range(begin, end):
        a = t_first[traces[i]]
        b = t_first[traces[i] + 1]
        bad = session(
            policy, s, k, m, c, sizes, vmaf, ladder, durations, cum, a_bits, a_ends,
            t_dur[a:b], t_rate[a:b], t_lat[a:b], t_end[a:b], starts[i], rungs, o, log, w, n, p, e,
        )  # fmt: skip
        if bad:
            nonsense[i] = o[O_BAD]
            metrics[i, :] = np.nan
        else:
            score(
                rungs, segments, first, sizes, vmaf, ssim, ladder, logs, durations, enough, rank, by_rank, marks, o,
                target, metrics[i],
            )  # fmt: skip
