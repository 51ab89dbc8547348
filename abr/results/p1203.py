"""Handing a session to ITU-T P.1203's software, `itu_p1203`, where a user has installed it.

Its licence allows non-commercial research only, so that nothing of it is here: only its input, mode 0 (metadata), as
its README describes it. https://github.com/itu-p1203/itu-p1203
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from abr.errors import PolicyError, PresentationError
from abr.presentations.device import DEVICES, for_device
from abr.presentations.presentation import Presentation
from abr.results.session import Session

__all__ = ["p1203", "p1203_input"]


def p1203_input(session: Session, pres: Presentation, *, frame_rate: float = 25.0) -> dict[str, Any]:
    """Return a session as the input of `itu_p1203`: what was played, and where in the title it stood still.

    Parameters
    ----------
    session : Session
        Not a live one: its stalls could not be placed.
    pres : Presentation
        What was played: H.264 up to 1080 lines, as the standard has it. Its audio, taken as AAC-LC, goes with it.
    frame_rate : float
        Of the video, frames/s.

    Returns
    -------
    dict
        The keys `I11` (with audio only), `I13`, `I23`, `IGen`; kbit/s and s.

    Raises
    ------
    PresentationError
        When a rung has no size in pixels, or the session was live.

    Examples
    --------
    >>> import abr, numpy as np
    >>> rungs = (abr.Rung("low", 1_000_000, 640, 360),)
    >>> pres = abr.Presentation("film", rungs, np.full(2, 4.0), np.full((2, 1), 500_000))
    >>> session = abr.simulate(pres, abr.Trace("steady", [10], [2e6], [0.0]), "bba-0")
    >>> abr.p1203_input(session, pres)["I23"]["stalling"]
    [[0.0, 2.0]]
    """
    device = DEVICES[session.device]
    fitted = for_device(pres, device)
    if session.metrics["live_latency"] is not None:
        raise PresentationError(f"{pres.title}: P.1203 is for sessions that play at the usual rate, not for live ones")
    starts = np.concatenate(([0.0], np.cumsum(fitted.durations)))
    video = []
    for n, rung in enumerate(session.rungs):
        width, height = fitted.rungs[rung].width, fitted.rungs[rung].height
        if width is None or height is None:
            raise PresentationError(f"{pres.title}: rung {fitted.rungs[rung].id} has no size in pixels")
        seconds = float(fitted.durations[n])
        bitrate = 8e-3 * float(fitted.sizes[n, rung]) / seconds
        video.append(
            {"codec": "h264", "start": float(starts[n]), "duration": seconds, "bitrate": bitrate, "fps": frame_rate}
            | {"resolution": f"{width}x{height}", "representation": rung}
        )
    document: dict[str, Any] = {
        "I13": {"streamId": 0, "segments": video},
        "I23": {"streamId": 0, "stalling": _stalls(session)},
        "IGen": {
            "device": "mobile" if device.phone else "pc",
            "displaySize": f"{min(device.height, 1080) * 16 // 9}x{min(device.height, 1080)}",
            "viewingDistance": "150cm",
        },
    }
    if fitted.audio is not None:
        document["I11"] = {"streamId": 0, "segments": _heard(fitted, float(starts[len(session.rungs)]))}
    return document


def p1203(session: Session, pres: Presentation, *, frame_rate: float = 25.0) -> dict[str, Any]:
    """Return what `itu_p1203` says of a session; `O46` is its score, 1 to 5.

    Parameters
    ----------
    session, pres, frame_rate
        As of `p1203_input`.

    Raises
    ------
    PolicyError
        When `itu_p1203` is not installed.
    """
    document = p1203_input(session, pres, frame_rate=frame_rate)
    try:
        software = importlib.import_module("itu_p1203")
    except ImportError as error:
        raise PolicyError(
            "P.1203 needs the package itu_p1203, whose licence allows non-commercial research only: install it from "
            "https://github.com/itu-p1203/itu-p1203, or give it what abr.p1203_input returns"
        ) from error
    result: dict[str, Any] = software.P1203Standalone(document).calculate_complete()
    return result


def _stalls(session: Session) -> list[list[float]]:
    """Return (place in the title, seconds) of the wait for the beginning and of every stall."""
    delay = session.metrics["startup_delay"] or 0.0
    stalls = [[0.0, delay]] if delay else []
    still = delay
    for event in session.events:
        if event.event == "stall":
            still += event.duration
            stalls.append([event.time - still, event.duration])
    return stalls


def _heard(pres: Presentation, end: float) -> list[dict[str, Any]]:
    assert pres.audio is not None
    starts = np.concatenate(([0.0], np.cumsum(pres.audio.durations)))
    return [
        {
            "codec": "aaclc",
            "start": float(start),
            "duration": float(seconds),
            "bitrate": 8e-3 * float(size) / float(seconds),
        }
        for start, seconds, size in zip(starts, pres.audio.durations, pres.audio.sizes, strict=False)
        if start < end
    ]
