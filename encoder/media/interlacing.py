"""Detect whether frames that are flagged as interlaced hold two fields of different moments."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

from encoder.media.container import input_arguments
from encoder.media.surveys.frame_survey import FrameSurvey
from shotladder_runtime.process import run
from shotladder_runtime.tools import ffmpeg_path

__all__ = ["is_interlaced"]

#: Positions at which frames are examined, fractions of the duration or of the flagged key frames (chosen by hand).
POSITIONS = (0.0, 0.35, 0.7)
#: Number of frames that are examined at each position (chosen by hand).
FRAMES_PER_POSITION = 60
#: Min fraction of interlaced frames among those with enough motion to decide. It is below 0.5 because a source may be
#: interlaced in parts only (chosen by hand, not tuned).
MIN_FRACTION = 0.25
#: Seconds in which ffmpeg must decode the frames of one position (chosen by hand: 0.2 frames per second).
TIME_LIMIT = 300
#: Metadata key of FFmpeg's `idet` with the type of a frame: tff, bff, progressive or undetermined.
_KEY = "lavfi.idet.multiple.current_frame"


def is_interlaced(path: str, stream_index: int, frames: FrameSurvey, duration: Fraction) -> bool:
    """Examine some frames of a source for interlacing.

    Parameters
    ----------
    path : str
    stream_index : int
    frames : FrameSurvey
        Key frames of the source. Frames are only examined if some of these are flagged as interlaced, and only there.
    duration : Fraction
        Duration of the source, s.

    Returns
    -------
    bool
        Whether at least `MIN_FRACTION` of the frames with motion are interlaced. Many streams are flagged as interlaced
        and hold progressive frames, which would only lose resolution if they were deinterlaced.

    Raises
    ------
    ProcessError
        If ffmpeg fails.

    Notes
    -----
    FFmpeg's `idet` compares lines of adjacent fields, of frames as they are stored, and decides over several frames.
    """
    flagged = [time - frames.frames[0].time for time in frames.interlaced_times]
    if len(flagged) == len(frames.frames):
        flagged = [Fraction(position) * duration for position in POSITIONS]
    counts: Counter[str] = Counter()
    reading = (ffmpeg_path(), "-v", "error", "-nostdin", "-threads", "1", "-noautorotate")
    for time in sorted({flagged[int(position * len(flagged))] for position in POSITIONS} if flagged else ()):
        start = ("-ss", f"{float(time):.3f}") if time > 0 else ()
        report = run(
            (*reading, *start, *input_arguments(path), "-i", path,
             "-map", f"0:{stream_index}", "-frames:v", str(FRAMES_PER_POSITION),
             "-vf", f"idet,metadata=mode=print:key={_KEY}:file=-", "-f", "null", "-"),
            time_limit=TIME_LIMIT,
        ).stdout.decode()  # fmt: skip
        counts.update(line.partition("=")[2].strip() for line in report.splitlines() if line.startswith(_KEY))
    fields = counts["tff"] + counts["bff"]
    return fields > MIN_FRACTION * (fields + counts["progressive"])
