"""Where things stand in the vectors that the session kernel takes and fills; ms, bits, bits/ms."""

from typing import Final

__all__ = [
    "CATCH_UP_DASHJS",
    "CATCH_UP_LOLP",
    "E_ABANDON",
    "E_AUDIO",
    "E_DOWNLOAD",
    "E_END",
    "E_REPLACE",
    "E_STALL",
    "E_STARTUP",
    "E_WAIT",
    "LOG_WIDTH",
    "MODEL_SIZE",
    "M_ABANDON",
    "M_CAP",
    "M_CATCH_UP",
    "M_EDGE",
    "M_ESTIMATE",
    "M_EXACT",
    "M_FIRST_RUNG",
    "M_FIXED_LATENCY",
    "M_HALF_LIFE_FAST",
    "M_HALF_LIFE_SLOW",
    "M_HONOUR",
    "M_IDLE",
    "M_LATE",
    "M_PLAIN",
    "M_PROGRESS_BITS",
    "M_PROGRESS_TIME",
    "M_QUANTUM",
    "M_REPLACE",
    "M_RESUME",
    "M_SEGMENTS",
    "M_STARTED",
    "M_STARTUP",
    "OUTCOME_SIZE",
    "O_BAD",
    "O_BEHIND",
    "O_BITS",
    "O_END",
    "O_EVENTS",
    "O_FAST",
    "O_FIRST_STALL",
    "O_STALL",
    "O_STALLS",
    "O_STARTUP",
    "O_WASTED",
    "PLAYBACK_SIZE",
    "P_AUDIO",
    "P_AUDIO_SEGMENT",
    "P_HEAD",
    "P_PLAYED",
    "P_PLAYING",
    "P_RECOVERING",
    "P_STALL",
    "P_STARTED",
    "REPLACE_EARLIEST",
    "REPLACE_LATEST",
]

# the session model `c`
M_CAP: Final = 0  #: buffer capacity
M_STARTUP: Final = 1  #: playback begins with this much in the buffer
M_RESUME: Final = 2  #: and goes on after a stall with this much
M_FIXED_LATENCY: Final = 3  #: latency that takes no trace time; negative: the trace's latency, which does
M_FIRST_RUNG: Final = 4  #: rung of the first segment, -1: the policy is asked
M_SEGMENTS: Final = 5  #: segments downloaded
M_ABANDON: Final = 6  #: whether a policy may abandon
M_HONOUR: Final = 7  #: whether the rung that a download was abandoned for is fetched next, and its bytes counted
M_QUANTUM: Final = 8  #: a full buffer is waited for in steps of this, after the download; 0: exactly, before the next
M_STARTED: Final = 9  #: the wait for the first segment is a stall, not startup
M_EXACT: Final = 10  #: every download is stepped through, as Sabre does, even where nothing can come of it
M_PROGRESS_BITS: Final = 11  #: progress is told after this much
M_PROGRESS_TIME: Final = 12  #: and after this long
M_HALF_LIFE_FAST: Final = 13  #: of the throughput estimate
M_HALF_LIFE_SLOW: Final = 14
M_ESTIMATE: Final = 15  #: whether anybody asks for the throughput estimate
M_IDLE: Final = 16  #: after so long without a transfer a connection starts slowly again; infinite: never
M_REPLACE: Final = 17  #: which buffered segment of a lower rung is fetched again first: 0 none, or as below
M_LATE: Final = 18  #: whether a replacement that comes too late is abandoned
M_EDGE: Final = 19  #: how much of a live title is there when the session begins: its target latency; infinite: all
M_CATCH_UP: Final = 20  #: who sets the playback rate of a live session: 0 nobody, or as below
M_PLAIN: Final = 21  #: whether there is neither audio nor a live edge, which is the quick way
MODEL_SIZE: Final = 22
REPLACE_EARLIEST: Final = 1
REPLACE_LATEST: Final = 2
CATCH_UP_DASHJS: Final = 1
CATCH_UP_LOLP: Final = 2

# what happened, `o`
O_STARTUP: Final = 0
O_STALL: Final = 1
O_STALLS: Final = 2
O_BITS: Final = 3
O_WASTED: Final = 4
O_END: Final = 5
O_EVENTS: Final = 6
O_BAD: Final = 7
O_FIRST_STALL: Final = 8
O_BEHIND: Final = 9  #: latency behind the live edge over the time since playback began, ms x ms
O_FAST: Final = 10  #: ms that were played fast, to catch up
OUTCOME_SIZE: Final = 11

# playback `p`
P_HEAD: Final = 0  #: the segment that plays
P_PLAYED: Final = 1  #: ms of it that have
P_PLAYING: Final = 2
P_STARTED: Final = 3
P_STALL: Final = 4  #: ms of the running stall
P_AUDIO: Final = 5  #: how far the audio that has come reaches, ms of the title; infinite when nothing is missing
P_AUDIO_SEGMENT: Final = 6  #: the next one
P_RECOVERING: Final = 7  #: whether a live session has stalled and holds little since
PLAYBACK_SIZE: Final = 8

# rows of the event log
E_DOWNLOAD: Final = 0
E_ABANDON: Final = 1
E_STALL: Final = 2
E_WAIT: Final = 3
E_STARTUP: Final = 4
E_END: Final = 5
E_AUDIO: Final = 6
E_REPLACE: Final = 7
LOG_WIDTH: Final = 10  #: kind, segment, rung, time, duration, bits, buffer, estimate, stall, latency
