"""The shot list of the sample video: scenes, transitions, and the labels of both."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from samples import land, night, screens, waters
from samples.painting import Painter, Size

__all__ = ["BEEP_SHOTS", "RATE", "SHOTS", "FilmShot", "Gradual", "first_frames", "frame_count", "graduals", "truth"]

RATE = 24
"""Frames per second."""
FLASH_FRAME = 34
"""Frame at which lightning starts, from the start of the storm."""
BLACK = 4
"""Black frames in the middle of a fade through black."""


@dataclass(frozen=True, slots=True)
class FilmShot:
    """One shot: `frames` of a scene, after a transition of `mixed` frames (on each side, for a fade)."""

    name: str
    frames: int
    scene: Callable[[Size], Painter]
    grain: float = 0.0
    opens: str = "cut"
    mixed: int = 0


@dataclass(frozen=True, slots=True)
class Gradual:
    """A gradual transition into shot `shot`: the frames [start, stop) show both shots, or a shot and black."""

    kind: str
    start: int
    stop: int
    shot: int


SHOTS = (
    FilmShot("title", 72, screens.title, opens="start"),
    FilmShot("dunes", 96, land.dunes, opens="fade", mixed=14),
    FilmShot("dusk sea", 96, waters.dusk),
    FilmShot("forest from a train", 48, land.forest),
    FilmShot("ridges", 96, land.ridges),
    FilmShot("aurora", 108, night.aurora, opens="dissolve", mixed=24),
    FilmShot("night road", 36, night.drive),
    FilmShot("rain on glass", 90, waters.rain),
    FilmShot("terminal", 78, screens.terminal, opens="wipe", mixed=18),
    FilmShot("lighthouse", 90, night.lighthouse, 0.022),
    FilmShot("storm", 72, partial(waters.storm, flash_at=FLASH_FRAME / RATE), 0.006),
    FilmShot("fire", 66, night.embers),
    FilmShot("ink", 48, night.ink),
    FilmShot("snow", 60, land.snow),
    FilmShot("dawn sea", 72, waters.dawn),
    FilmShot("end card", 24, screens.end_card),
)
BEEP_SHOTS = ("dusk sea", "forest from a train", "night road", "lighthouse", "fire", "dawn sea")
"""Shots that open with a cut and a beep on the same frame, so that the picture shows where the beep belongs."""


def frame_count() -> int:
    """Return the number of frames of the sample video."""
    return sum(shot.frames for shot in SHOTS)


def first_frames() -> tuple[int, ...]:
    """Return the first frame of every shot; in a dissolve or wipe, the first that shows more of the new shot."""
    starts = [0]
    for shot in SHOTS:
        starts.append(starts[-1] + shot.frames)
    return tuple(starts[:-1])


def graduals() -> tuple[Gradual, ...]:
    """Return every gradual transition; a fade through black is two."""
    found: list[Gradual] = []
    for k, (shot, start) in enumerate(zip(SHOTS, first_frames(), strict=True)):
        if shot.opens in ("dissolve", "wipe"):
            begin = start - shot.mixed // 2
            found.append(Gradual(shot.opens, begin, begin + shot.mixed, k))
        elif shot.opens == "fade":
            dark = start - BLACK
            found.append(Gradual("fade_out", dark - shot.mixed, dark, k))
            found.append(Gradual("fade_in", start, start + shot.mixed, k))
    return tuple(found)


def truth() -> dict[str, Any]:
    """Return the labels of the sample video, as its `.truth.json` contains them.

    Frames count from 0; ranges [start, stop) are half-open. `cuts` are first frames of a new shot, `gradual` the frames
    inside each gradual transition, `flashes` the frames that lightning brightens; a beep starts with its frame, to the
    sample. A detection within `unsure` is neither correct nor wrong.
    """
    starts = first_frames()
    names = [shot.name for shot in SHOTS]
    lit = starts[names.index("storm")] + FLASH_FRAME
    beeps = [starts[names.index(name)] for name in BEEP_SHOTS]
    return {
        "frame_rate": f"{RATE}/1",
        "frame_count": frame_count(),
        "cuts": [start for shot, start in zip(SHOTS, starts, strict=True) if shot.opens == "cut"],
        "gradual": [{"kind": g.kind, "start": g.start, "stop": g.stop} for g in graduals()],
        "flashes": [{"start": lit, "stop": lit + len(waters.STORM_FLASH)}],
        "unsure": [
            {"start": g.start - BLACK, "stop": g.start, "why": "black between fades"}
            for g in graduals()
            if g.kind == "fade_in"
        ],
        "beeps": [{"frame": frame, "time": frame / RATE} for frame in beeps],
        "shots": [
            {"name": shot.name, "first_frame": start, "frame_count": shot.frames, "transition": shot.opens}
            for shot, start in zip(SHOTS, starts, strict=True)
        ],
    }
