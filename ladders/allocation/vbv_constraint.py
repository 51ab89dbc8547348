"""Find the chunks of an encoded rung that underflow the decoder buffer, and the fraction of their bits that fits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["kept_fractions"]

#: Relative tolerance of the buffer size against rounding.
ROUNDING_TOLERANCE = 1e-9


def kept_fractions(
    bits: NDArray[np.int64], times: NDArray[np.float64], chunk: NDArray[np.int64], rate: float, seconds: float
) -> NDArray[np.float64]:
    """Return the fraction of its bits that each chunk may keep so that the decoder buffer does not underflow.

    Parameters
    ----------
    bits : ndarray of int64, shape (samples,)
        Size of each sample in decoding order.
    times : ndarray of float64, shape (samples,)
        Decoding time of each sample, s.
    chunk : ndarray of int64, shape (samples,)
        Index of the chunk of each sample, from 0, non-decreasing.
    rate : float
        Bitrate at which the buffer fills, bits/s.
    seconds : float
        Time in which an empty buffer fills, s.

    Returns
    -------
    ndarray of float64, shape (chunks,)
        1 for chunks without a constraint. If every sample of a chunk is scaled by its fraction, no sample is late.

    Notes
    -----
    At an underflow, the bits decoded since the buffer was last full are too many. All chunks that contain these bits,
    on both sides of a chunk boundary, are scaled by the same fraction. This is repeated until there is no underflow.
    """
    sizes = np.asarray(bits, np.float64)
    kept = np.ones(int(chunk[-1]) + 1)
    while True:
        gone = np.cumsum(sizes * kept[chunk])
        left = gone - rate * times
        before = left - sizes * kept[chunk]
        full = np.minimum.accumulate(before)
        since = np.maximum.accumulate(np.where(before == full, np.arange(len(before)), 0))
        short = np.flatnonzero(left - full > rate * seconds * (1 + ROUNDING_TOLERANCE))
        if len(short) == 0:
            return kept
        out = gone[short] - gone[since[short]] + (sizes * kept[chunk])[since[short]]
        fitting = rate * (times[short] - times[since[short]] + seconds) / out
        again = np.ones(len(kept))
        for begin in np.unique(since[short]):
            these = since[short] == begin
            span = slice(chunk[begin], chunk[short[these][-1]] + 1)
            again[span] = np.minimum(again[span], fitting[these].min())
        kept *= again
