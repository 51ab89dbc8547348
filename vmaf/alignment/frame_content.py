"""Detect, by comparing thumbnails, renditions whose frame n does not show frame n of the reference.

Frame times do not show that a converter duplicated one frame, dropped another and numbered all frames anew. So a
thumbnail of each frame is compared with those of its own reference frame and of the frames before and after that one.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from vmaf.errors import PairingError

__all__ = ["duplicated_frames", "reject_offset"]

#: minimum ratio of the difference from the own reference frame to that from an adjacent one; chosen by hand, not tuned
CLOSER = 2.0

#: fraction of full scale by which the two reference frames must differ, so that noise does not decide; chosen by hand,
#: not tuned
MIN_CHANGE = 0.004

#: consecutive duplicated frames with one offset that make the rendition shifted; chosen by hand, not tuned
OFFSET_RUN = 8


def duplicated_frames(
    reference: Mapping[int, NDArray[np.float32]], rendition: Mapping[int, NDArray[np.float32]]
) -> tuple[tuple[int, int], ...]:
    """Return the frames that look like an adjacent reference frame rather than like their own.

    Parameters
    ----------
    reference, rendition : mapping of int to array
        Thumbnails by number of the reference frame.

    Returns
    -------
    tuple of (int, int)
        The frame, and the reference frame that it shows.
    """
    found = []
    for n in sorted(rendition):
        shown = rendition[n]
        own = _difference(shown, reference[n])
        for adjacent in (n - 1, n + 1):
            if (
                adjacent in reference
                and CLOSER * _difference(shown, reference[adjacent]) < own
                and _difference(reference[n], reference[adjacent]) > MIN_CHANGE
            ):
                found.append((n, adjacent))
                break
    return tuple(found)


def reject_offset(path: str, duplicated: tuple[tuple[int, int], ...]) -> None:
    """Raise if `OFFSET_RUN` consecutive frames show the reference frame before, or after, their own.

    Raises
    ------
    PairingError
        The message names the first frame of the run and the direction.
    """
    length = 0
    for i, (frame, shown) in enumerate(duplicated):
        follows = i > 0 and duplicated[i - 1] == (frame - 1, shown - 1)
        length = length + 1 if follows else 1
        if length >= OFFSET_RUN:
            start, is_late = frame - OFFSET_RUN + 1, shown < frame
            cause = "a frame is duplicated or inserted" if is_late else "a frame is missing"
            direction = "before" if is_late else "after"
            raise PairingError(f"{path}: from reference frame {start} on it shows the frame {direction}: {cause}")


def _difference(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(np.abs(a - b).mean())
