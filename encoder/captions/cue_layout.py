"""Lay out timed words as captions: lines, reading speed, durations, shot cuts.

The limits are those of common style guides (Netflix Timed Text Style Guide, BBC Subtitle Guidelines).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace

__all__ = ["Cue", "Word", "format_webvtt", "lay_out_cues"]

#: Characters of a line, and lines of a cue.
MAX_LINE, MAX_LINES = 42, 2
#: Characters per second that viewers can read; a cue is extended into the pause after it until it has this speed.
READING_SPEED = 17.0
#: Seconds. Min and max duration of a cue.
MIN_DURATION, MAX_DURATION = 1.0, 7.0
#: Seconds between two words from which a new cue begins (chosen by hand).
PAUSE = 0.7
#: Seconds between the end of a cue and the start of the next one, two frames at 24 frames/s.
GAP = 0.083
#: Seconds. A start or an end this close to a shot cut moves to the cut (half a second in the style guides).
CUT_DISTANCE = 0.5
#: Characters from which a cue ends with its sentence.
MIN_SENTENCE = 20
_SENTENCE_ENDS = ".?!\u2026\u3002\uff1f\uff01"
_CLAUSE_ENDS = ",;:\u2013\u2014"


@dataclass(frozen=True, slots=True)
class Word:
    """One spoken word and its start and end in seconds from the first frame of the video."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class Cue:
    """One caption: when it is shown, in seconds, and its lines."""

    start: float
    end: float
    lines: tuple[str, ...]


def lay_out_cues(words: Sequence[Word], duration: float, cuts: Sequence[float] = ()) -> tuple[Cue, ...]:
    """Return the cues of a transcript.

    Parameters
    ----------
    words : sequence of Word
        In order of time.
    duration : float
        Duration of the video, s; no cue ends later.
    cuts : sequence of float
        Times of shot cuts, s, increasing.

    Returns
    -------
    tuple of Cue
        In order of time, without overlaps. Each has at most two lines of 42 characters, except for a longer word, and
        lasts 1 s or longer, except where the next cue or the end of the video leaves less.
    """
    tidy = (replace(word, text=" ".join(word.text.split())) for word in words)
    spoken = [word for word in tidy if word.text and word.start < duration]
    groups = _merge_short(_group(spoken))
    cues: list[Cue] = []
    for n, group in enumerate(groups):
        limit = groups[n + 1][0].start - GAP if n + 1 < len(groups) else duration
        lines = break_lines(" ".join(word.text for word in group))
        before = cues[-1].end + GAP if cues else 0.0
        start, end = _choose_times(group, max(before, 0.0), min(limit, duration), sum(map(len, lines)), cuts)
        if end > start:
            cues.append(Cue(start, end, lines))
    return tuple(cues)


def _group(words: Sequence[Word]) -> list[list[Word]]:
    """Divide words into cues: at pauses, ends of sentences, and where a cue would be too long."""
    groups: list[list[Word]] = []
    for word in words:
        group = groups[-1] if groups else []
        if not group or _must_break(group, word):
            groups.append([word])
        else:
            group.append(word)
    return groups


def _must_break(group: Sequence[Word], word: Word) -> bool:
    text = " ".join(each.text for each in group)
    is_too_long = len(break_lines(f"{text} {word.text}")) > MAX_LINES or word.end - group[0].start > MAX_DURATION
    ends_sentence = text[-1] in _SENTENCE_ENDS and len(text) >= MIN_SENTENCE
    return is_too_long or ends_sentence or word.start - group[-1].end >= PAUSE


def _merge_short(groups: Sequence[list[Word]]) -> list[list[Word]]:
    """Join a cue that leaves too little time before the next one with that, if both fit."""
    merged: list[list[Word]] = []
    for group in groups:
        last = merged[-1] if merged else None
        if last is not None and group[0].start - GAP - last[0].start < MIN_DURATION:
            text = " ".join(word.text for word in [*last, *group])
            if len(break_lines(text)) <= MAX_LINES and group[-1].end - last[0].start <= MAX_DURATION:
                last.extend(group)
                continue
        merged.append(list(group))
    return merged


def _choose_times(
    group: Sequence[Word], earliest: float, limit: float, characters: int, cuts: Sequence[float]
) -> tuple[float, float]:
    """Return start and end of a cue: those of its words, moved to cuts and extended for reading."""
    start = max(_move_to_cut(group[0].start, cuts, later=False), earliest)
    needed = max(MIN_DURATION, min(characters / READING_SPEED, MAX_DURATION))
    end = min(max(group[-1].end, start + needed), limit)
    moved = _move_to_cut(end, cuts, later=True)
    if group[-1].end <= moved <= limit and moved - start >= MIN_DURATION:
        end = moved
    if end - start < MIN_DURATION:
        start = max(earliest, end - MIN_DURATION)
    return start, end


def _move_to_cut(time: float, cuts: Sequence[float], *, later: bool) -> float:
    """Return the nearest cut, not after a start or not before an end, if it is close; else the time."""
    n = bisect_left(cuts, time)
    near = cuts[n : n + 1] if later else cuts[max(n - 1, 0) : n]
    return next((cut for cut in near if abs(cut - time) <= CUT_DISTANCE), time)


def break_lines(text: str) -> tuple[str, ...]:
    """Return text as lines of at most 42 characters: as few as possible, ending with a clause or equally long.

    Examples
    --------
    >>> break_lines("It is a truth universally acknowledged, that a single man")
    ('It is a truth universally acknowledged,', 'that a single man')
    """
    if len(text) <= MAX_LINE:
        return (text,)
    words = text.split()
    splits = [(" ".join(words[:n]), " ".join(words[n:])) for n in range(1, len(words))]
    fitting = [pair for pair in splits if max(map(len, pair)) <= MAX_LINE]
    if fitting:
        return min(fitting, key=_judge_split)
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + 1 + len(word) <= MAX_LINE:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return tuple(lines)


def _judge_split(pair: tuple[str, str]) -> float:
    """Return a penalty: the difference of both lengths, less for a line that ends with punctuation."""
    first, second = pair
    bonus = 20 if first[-1] in _SENTENCE_ENDS + _CLAUSE_ENDS else 0
    return abs(len(first) - len(second)) - bonus


def format_webvtt(cues: Sequence[Cue]) -> str:
    """Return cues as WebVTT, with characters of markup escaped."""
    blocks = ["WEBVTT"]
    for cue in cues:
        lines = (line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") for line in cue.lines)
        blocks.append("\n".join([f"{_format_time(cue.start)} --> {_format_time(cue.end)}", *lines]))
    return "\n\n".join(blocks) + "\n"


def _format_time(seconds: float) -> str:
    whole, milliseconds = divmod(round(1000 * seconds), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{milliseconds:03}"
