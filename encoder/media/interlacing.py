"""Whether pictures that are said to be interlaced hold two fields of different moments."""

from __future__ import annotations

from collections import Counter

from shotladder_runtime.process import run
from shotladder_runtime.tools import ffmpeg_path

__all__ = ["is_interlaced"]

#: Where in the film pictures are looked at, and how many in each place.
PLACES, PICTURES = (0.0, 0.35, 0.7), 60
#: Share of the pictures with motion enough to tell that must hold fields: a film may be interlaced in parts.
LEAST_SHARE = 0.25
_KEY = "lavfi.idet.multiple.current_frame"


def is_interlaced(path: str, stream_index: int, duration: float) -> bool:
    """Look at some pictures of a film.

    Parameters
    ----------
    path : str
    stream_index : int
    duration : float
        Of the film, s.

    Returns
    -------
    bool
        Whether a fair share of the pictures in which something moves are woven of two moments. Much that is sent as
        interlaced is not, and would only lose lines by being deinterlaced.

    Raises
    ------
    ProcessError
        If ffmpeg fails.

    Notes
    -----
    FFmpeg's `idet` compares the lines of neighbouring fields, and lets several pictures decide together.
    """
    seen: Counter[str] = Counter()
    for place in PLACES:
        start = ("-ss", f"{place * duration:.3f}") if place else ()
        told = run(
            (ffmpeg_path(), "-v", "error", "-nostdin", "-threads", "1", *start, "-i", path, "-map", f"0:{stream_index}",
             "-frames:v", str(PICTURES), "-vf", f"idet,metadata=mode=print:key={_KEY}:file=-", "-f", "null", "-")
        ).stdout.decode()  # fmt: skip
        seen.update(line.partition("=")[2].strip() for line in told.splitlines() if line.startswith(_KEY))
    fields = seen["tff"] + seen["bff"]
    return fields > LEAST_SHARE * (fields + seen["progressive"])
