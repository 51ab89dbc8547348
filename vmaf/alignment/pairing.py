"""Whether frame n of a rendition shows frame n of its reference.

Times cannot tell when a converter has doubled one frame, dropped another and numbered all anew; the pictures can.
A thumbnail of each frame, which the pyramid of VIF leaves over, is compared with its own reference frame and with the
ones before and after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vmaf.errors import PairingError
from vmaf.native.polyphase import GAP, RIM, Layout

__all__ = ["misplaced", "refuse_shift", "thumbnail"]

#: Rows of the smallest scale that a row of a thumbnail averages; it averages as many columns.
BLOCK = 4

#: A frame is misplaced that is this many times closer to a neighbour than to its own reference frame ...
CLOSER = 2.0

#: ... where these two differ by this much of full scale, so that noise cannot decide.
MOVED = 0.004

#: So many misplaced frames in a row, all in one direction, are a shift: there is no score to give.
RUN = 8


def thumbnail(plane: NDArray[Any], layout: Layout) -> NDArray[np.float32]:
    """Return block means, 0 to 1, of the smallest scale of a picture."""
    columns = layout.width // 4
    inside = plane[RIM : RIM + layout.height, : 4 * layout.segment].reshape(layout.height, 4, layout.segment)
    lines = inside[:, :, GAP : GAP + max(columns, 1)].mean(axis=1)
    rows = max(layout.height // BLOCK, 1)
    blocks = lines[: rows * min(BLOCK, layout.height)].reshape(rows, -1, lines.shape[1])
    means: NDArray[np.float32] = (blocks.mean(axis=1) / 65535.0).astype(np.float32)
    return means


def misplaced(
    reference: Mapping[int, NDArray[np.float32]], rendition: Mapping[int, NDArray[np.float32]]
) -> tuple[tuple[int, int], ...]:
    """Return (frame, reference frame that it shows) of frames that look like a neighbour of their own.

    Parameters
    ----------
    reference, rendition : mapping of int to array
        Thumbnails by number of the reference frame.
    """
    found = []
    for n in sorted(rendition):
        shown = rendition[n]
        own = _apart(shown, reference[n])
        for neighbour in (n - 1, n + 1):
            if (
                neighbour in reference
                and CLOSER * _apart(shown, reference[neighbour]) < own
                and _apart(reference[n], reference[neighbour]) > MOVED
            ):
                found.append((n, neighbour))
                break
    return tuple(found)


def refuse_shift(path: str, found: tuple[tuple[int, int], ...]) -> None:
    """Raise if frames in a row show the reference's frames by one off.

    Raises
    ------
    PairingError
        With the first frame of the run and the direction.
    """
    length = 0
    for place, (frame, shown) in enumerate(found):
        follows = place > 0 and found[place - 1] == (frame - 1, shown - 1)
        length = length + 1 if follows else 1
        if length >= RUN:
            start, late = frame - RUN + 1, shown < frame
            cause = "a frame is doubled or one was put in" if late else "a frame is missing"
            raise PairingError(
                f"{path}: from reference frame {start} on it shows the frame {'before' if late else 'after'}: {cause}"
            )


def _apart(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(np.abs(a - b).mean())
