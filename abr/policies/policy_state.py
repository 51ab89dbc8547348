"""What a policy sees: the positions of the state vector and the events it is called with.

A compiled policy is a function ``(event, s, k, m, sizes, vmaf, ladder, durations) -> int``:

``s``          state, positions below; time in ms, sizes in bits, rates in bit/ms (= kbit/s)
``k``          the policy's constants, made once for a presentation
``m``          the policy's own memory, kept through a session
``sizes``      bits, (segments, rungs), rung 0 the lowest
``vmaf``       0 to 100, same shape; NaN where it was not measured
``ladder``     nominal rate of every rung, bit/ms
``durations``  ms of every segment

On `DECIDE` it returns the rung of segment ``s[SEGMENT]`` and may set ``s[DELAY]``, the ms to wait before the
request. On `PROGRESS` it returns the rung to abandon the running download for, or -1. On `SAFE` it returns 1
when nothing that can still happen would lead it to abandon the running download. Otherwise it may set how long that is
so: until `s[SAFE_UNTIL]`, and beyond while the average rate since the first bit is at least `s[SAFE_RATE]`; where
neither holds it is asked step by step. Elsewhere the result is ignored.
"""

from typing import Final

__all__ = [
    "BEHIND",
    "BUFFER",
    "CAP",
    "CLOCK",
    "DECIDE",
    "DELAY",
    "DOWNLOADED",
    "ELAPSED",
    "GOT",
    "INSTEAD",
    "LAST_RUNG",
    "LATENCY",
    "NOW",
    "PLAYING",
    "PROGRESS",
    "RATE",
    "REPLACED",
    "REQUESTED",
    "RESET",
    "RUNG",
    "SAFE",
    "SAFE_RATE",
    "SAFE_UNTIL",
    "SAMPLE",
    "SEGMENT",
    "SEGMENTS",
    "STATE_SIZE",
    "THROUGHPUT",
    "TTFB",
    "WAITED",
    "WAITED_FOR",
]

# events
RESET: Final = 0  #: a session begins; the memory is zero
DECIDE: Final = 1  #: which rung next?
PROGRESS: Final = 2  #: a download is running: abandon it?
DOWNLOADED: Final = 3  #: a download ended, whole or abandoned
WAITED: Final = 4  #: the player waited because its buffer was full
SAFE: Final = 5  #: can abandoning be ruled out?

# positions of the state
NOW: Final = 0  #: ms since the session began
BUFFER: Final = 1  #: ms of video in the buffer
SEGMENT: Final = 2  #: index of the next segment
LAST_RUNG: Final = 3  #: rung of the last segment, -1 before the first
THROUGHPUT: Final = 4  #: the player's estimate, bit/ms, 0 while there is none
LATENCY: Final = 5  #: the player's estimate, ms
CAP: Final = 6  #: capacity of the buffer, ms
DELAY: Final = 7  #: set by the policy on DECIDE
REQUESTED: Final = 8  #: bits of the running or ended download
GOT: Final = 9  #: bits that have arrived of it
ELAPSED: Final = 10  #: ms since its request
TTFB: Final = 11  #: ms until its first bit
RUNG: Final = 12  #: its rung
WAITED_FOR: Final = 13  #: ms, on WAITED
PLAYING: Final = 14  #: 1 while video plays
INSTEAD: Final = 15  #: the rung an ended download was abandoned for, -1 if it is whole
SEGMENTS: Final = 16  #: how many segments there are
CLOCK: Final = 17  #: ms since the beginning of the trace, running on when it loops
SAMPLE: Final = 18  #: bit/ms of the last whole transfer, 0 before the first
SAFE_UNTIL: Final = 19  #: set by the policy on SAFE, ms since the request; 0 before
SAFE_RATE: Final = 20  #: set by the policy on SAFE, bit/ms; infinite before
REPLACED: Final = 21  #: the buffered segment that the running or ended download replaces, -1 if it is the next one
RATE: Final = 22  #: at which playback goes, or will go; 1 unless a live session catches up
BEHIND: Final = 23  #: ms behind the live edge, 0 in a session that is not live
STATE_SIZE: Final = 24
