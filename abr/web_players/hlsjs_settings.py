"""Default settings and constants of hls.js 1.7.4 (Apache-2.0); the files are those of the release on npm, `src/`."""

__all__ = [
    "AUDIO_OVERLAP",
    "BUFFER_BYTES",
    "BUFFER_TARGET",
    "CHECK_PERIOD",
    "FACTOR",
    "LOOKUP_TOLERANCE",
    "MAX_BUFFER_TARGET",
    "MAX_STALL",
    "PARSE_BITRATE",
    "TICK",
    "UP_FACTOR",
    "buffer_target",
]

# The values are those of `config.ts` unless a comment names another file.

#: Period of the stream controllers, s; `controller/stream-controller.ts`, TICK_INTERVAL
TICK = 0.1
#: Buffer target, s, and in bytes, which counts if it is longer; `maxBufferLength`, `maxBufferSize`
BUFFER_TARGET, BUFFER_BYTES = 30.0, 60e6
#: Upper bound of the buffer target, s; `maxMaxBufferLength`
MAX_BUFFER_TARGET = 600.0
#: Fractions of the estimate for a level that is not higher, and for a higher one
FACTOR, UP_FACTOR = 0.95, 0.7
#: Longest permitted stall, s; `maxStarvationDelay`
MAX_STALL = 4.0
#: Distance to the end of a segment at which the next one is chosen, s; `maxFragLookUpTolerance`
LOOKUP_TOLERANCE = 0.25
#: Fraction of an audio segment that the video buffer covers before the segment is appended; `buffer-controller.ts`
AUDIO_OVERLAP = 0.05
#: Bitrate from which a sample of the throughput includes the time until the segment is parsed, bit/s, which is long for
#: the first one; `abr-controller.ts`, `onFragBuffered`
PARSE_BITRATE = 1e5
#: Period of the check of a running download, s; `abr-controller.ts`, `onFragLoading`
CHECK_PERIOD = 0.1


def buffer_target(bitrate: float) -> float:
    """Return the buffer target of a level with a peak bitrate, s; `base-stream-controller.ts`, `getMaxBufferLength`."""
    return min(max(8 * BUFFER_BYTES / bitrate, BUFFER_TARGET), MAX_BUFFER_TARGET)
