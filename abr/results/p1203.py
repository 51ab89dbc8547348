"""Score a session by the software of ITU-T P.1203, `itu_p1203`, when a user has installed it.

Its licence allows non-commercial research only, so this module contains none of it. It writes the input of mode 0
(metadata) as the README of the software describes it. https://github.com/itu-p1203/itu-p1203
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from abr.errors import PolicyError, PresentationError
from abr.presentations.device import DEVICES, for_device
from abr.presentations.presentation import Presentation
from abr.results.session import Session

__all__ = ["make_p1203_input", "run_p1203"]


def make_p1203_input(session: Session, pres: Presentation, *, frame_rate: float = 25.0) -> dict[str, Any]:
    """Return a session as the input of `itu_p1203`: the played segments and the stalls with their media times.

    Parameters
    ----------
    session : Session
        A session that is not live, because live sessions change the playback rate.
    pres : Presentation
        The presentation of the session: H.264 up to 1080p, as the standard requires. Its audio is assumed to be AAC-LC.
    frame_rate : float
        Frame rate of the video, frames/s.

    Returns
    -------
    dict
        The keys `I11` (with audio only), `I13`, `I23`, `IGen`; kbit/s and s.

    Raises
    ------
    PresentationError
        When a rung has no width and height, or the session was live.

    Examples
    --------
    >>> import abr, numpy as np
    >>> rungs = (abr.Rung("low", 1_000_000, 640, 360),)
    >>> pres = abr.Presentation("film", rungs, np.full(2, 4.0), np.full((2, 1), 500_000))
    >>> session = abr.simulate(pres, abr.Trace("steady", [10], [2e6], [0.0]), "bba-0")
    >>> abr.make_p1203_input(session, pres)["I23"]["stalling"]
    [[0.0, 2.0]]
    """
    device = DEVICES[session.device]
    fitted = for_device(pres, device)
    if session.metrics["live_latency"] is not None:
        raise PresentationError(f"{pres.title}: P.1203 does not apply to live sessions, which change the playback rate")
    starts = np.concatenate(([0.0], np.cumsum(fitted.durations)))
    video = []
    for n, rung in enumerate(session.rungs):
        width, height = fitted.rungs[rung].width, fitted.rungs[rung].height
        if width is None or height is None:
            raise PresentationError(f"{pres.title}: rung {fitted.rungs[rung].id} has no width and height")
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
        document["I11"] = {"streamId": 0, "segments": _audio_segments(fitted, float(starts[len(session.rungs)]))}
    return document


def run_p1203(session: Session, pres: Presentation, *, frame_rate: float = 25.0) -> dict[str, Any]:
    """Return the result of `itu_p1203` for a session; `O46` is its score, 1 to 5.

    Parameters
    ----------
    session, pres, frame_rate
        As for `make_p1203_input`.

    Raises
    ------
    PolicyError
        When `itu_p1203` is not installed.
    """
    document = make_p1203_input(session, pres, frame_rate=frame_rate)
    try:
        software = importlib.import_module("itu_p1203")
    except ImportError as error:
        raise PolicyError(
            "P.1203 needs the package itu_p1203, whose licence allows non-commercial research only: install it from "
            "https://github.com/itu-p1203/itu-p1203, or give it the result of abr.make_p1203_input"
        ) from error
    result: dict[str, Any] = software.P1203Standalone(document).calculate_complete()
    return result


def _stalls(session: Session) -> list[list[float]]:
    """Return (media time, duration), in s, of the startup delay and of every stall."""
    delay = session.metrics["startup_delay"] or 0.0
    stalls = [[0.0, delay]] if delay else []
    stalled = delay
    for event in session.events:
        if event.event == "stall":
            stalled += event.duration
            stalls.append([event.time - stalled, event.duration])
    return stalls


def _audio_segments(pres: Presentation, end: float) -> list[dict[str, Any]]:
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
