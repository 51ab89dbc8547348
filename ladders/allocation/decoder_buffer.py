"""Which chunks of an encoded rung a decoder's buffer runs empty on, and what they may keep of their bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["kept_shares"]

#: A share is taken a hair lower, so that rounding leaves nothing short.
HAIR = 1e-9


def kept_shares(
    bits: NDArray[np.int64], times: NDArray[np.float64], chunk: NDArray[np.int64], rate: float, seconds: float
) -> NDArray[np.float64]:
    """Return the share of its bits that each chunk may keep so that a decoder's buffer never runs empty.

    Parameters
    ----------
    bits : ndarray of int64, shape (samples,)
        Of each sample, in decoding order.
    times : ndarray of float64, shape (samples,)
        When each is decoded, s.
    chunk : ndarray of int64, shape (samples,)
        Number of the chunk that it is of, from 0, never falling.
    rate : float
        At which the buffer is filled, bits/s.
    seconds : float
        How long that takes.

    Returns
    -------
    ndarray of float64, shape (chunks,)
        1 for those that nothing is asked of. Were every sample of a chunk smaller by its share, all would be there in
        time.

    Notes
    -----
    Where the buffer runs empty, what left it since it was last full is too much: all chunks that this is of, on both
    sides of a join, are asked for the same share, until none runs it empty any more.
    """
    sizes = np.asarray(bits, np.float64)
    share = np.ones(int(chunk[-1]) + 1)
    while True:
        gone = np.cumsum(sizes * share[chunk])
        left = gone - rate * times
        before = left - sizes * share[chunk]
        full = np.minimum.accumulate(before)
        since = np.maximum.accumulate(np.where(before == full, np.arange(len(before)), 0))
        short = np.flatnonzero(left - full > rate * seconds * (1 + HAIR))
        if len(short) == 0:
            return share
        out = gone[short] - gone[since[short]] + (sizes * share[chunk])[since[short]]
        kept = rate * (times[short] - times[since[short]] + seconds) / out
        again = np.ones(len(share))
        for begin in np.unique(since[short]):
            these = since[short] == begin
            span = slice(chunk[begin], chunk[short[these][-1]] + 1)
            again[span] = np.minimum(again[span], kept[these].min())
        share *= again
