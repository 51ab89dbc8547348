"""The film's order: which scene is seen when, how one becomes the next, and the truth about both."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from samples import land, night, screens, waters
from samples.painting import Painter, Size

__all__ = ["BEEP_SHOTS", "RATE", "SHOTS", "FilmShot", "Gradual", "first_frames", "frame_count", "graduals", "truth"]

RATE = 24
"""Frames a second."""
FLASH_FRAME = 34
"""Frame of the storm, counted from its first, in which lightning begins."""
BLACK = 4
"""Black frames in the middle of a fade through black."""


@dataclass(frozen=True, slots=True)
class FilmShot:
    """One shot: `frames` of a scene, opened by a transition that mixes `mixed` frames (on each side, for a fade)."""

    name: str
    frames: int
    scene: Callable[[Size], Painter]
    grain: float = 0.0
    opens: str = "cut"
    mixed: int = 0


@dataclass(frozen=True, slots=True)
class Gradual:
    """A gradual transition into shot `shot`: frames `first` to `last` are all mixed."""

    kind: str
    first: int
    last: int
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
    """Return the number of frames of the film."""
    return sum(shot.frames for shot in SHOTS)


def first_frames() -> tuple[int, ...]:
    """Return the first frame of every shot; where it is mixed, the first that shows more of the new shot."""
    starts = [0]
    for shot in SHOTS:
        starts.append(starts[-1] + shot.frames)
    return tuple(starts[:-1])


def graduals() -> tuple[Gradual, ...]:
    """Return every gradual transition; a fade through black is two."""
    found: list[Gradual] = []
    for k, (shot, start) in enumerate(zip(SHOTS, first_frames(), strict=True)):
        if shot.opens in ("dissolve", "wipe"):
            first = start - shot.mixed // 2
            found.append(Gradual(shot.opens, first, first + shot.mixed - 1, k))
        elif shot.opens == "fade":
            dark = start - BLACK
            found.append(Gradual("fade_out", dark - shot.mixed, dark - 1, k))
            found.append(Gradual("fade_in", start, start + shot.mixed - 1, k))
    return tuple(found)


def truth() -> dict[str, Any]:
    """Return what is true of the film, in the form of its `.truth.json`.

    Frames count from 0. `cuts` are first frames of a new shot; `first` and `last` of `gradual` are the first and
    last mixed frame; `flashes` are lit frames that belong to one shot; a beep starts with its frame, to the sample.
    """
    starts = first_frames()
    names = [shot.name for shot in SHOTS]
    lit = starts[names.index("storm")] + FLASH_FRAME
    beeps = [starts[names.index(name)] for name in BEEP_SHOTS]
    return {
        "frame_rate": f"{RATE}/1",
        "frame_count": frame_count(),
        "cuts": [start for shot, start in zip(SHOTS, starts, strict=True) if shot.opens == "cut"],
        "gradual": [{"kind": g.kind, "first": g.first, "last": g.last} for g in graduals()],
        "flashes": [{"first": lit, "last": lit + len(waters.STORM_FLASH) - 1}],
        "unsure": [
            {"frame": g.first - BLACK, "last": g.first - 1, "why": "black between fades"}
            for g in graduals()
            if g.kind == "fade_in"
        ],
        "beeps": [{"frame": frame, "time": frame / RATE} for frame in beeps],
        "shots": [
            {"name": shot.name, "first_frame": start, "frame_count": shot.frames, "transition": shot.opens}
            for shot, start in zip(SHOTS, starts, strict=True)
        ],
    }
