"""The models of web players by the names of their policies, and one session of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from abr.errors import PolicyError
from abr.results.session import Event
from abr.traces.trace import Trace
from abr.web_players.dashjs_player import DashjsPlayer
from abr.web_players.dashjs_settings import DashjsSettings
from abr.web_players.hlsjs_player import HlsjsPlayer
from abr.web_players.player_session import PlayerSession
from abr.web_players.shaka_player import ShakaPlayer
from abr.web_players.web_title import WebTitle

__all__ = ["PLAYER_MODELS", "PlayedSession", "play_web_session", "player_model"]

#: Sessions that need longer than this multiple of the duration of the presentation end there, so that a link that
#: carries almost nothing does not occupy the simulator for ever. Chosen by hand.
MAX_SLOWNESS = 100.0


def _dashjs(has_throughput_rule: bool, has_bola_rule: bool) -> Callable[[PlayerSession], object]:
    return lambda session: DashjsPlayer(session, DashjsSettings(has_throughput_rule, has_bola_rule))


#: Name of a policy -> release of the player and function that starts its model.
PLAYER_MODELS: dict[str, tuple[str, Callable[[PlayerSession], object]]] = {
    "dashjs-dynamic": ("5.2.1", _dashjs(True, True)),
    "dashjs-throughput": ("5.2.1", _dashjs(True, False)),
    "dashjs-bola": ("5.2.1", _dashjs(False, True)),
    "hlsjs": ("1.7.4", HlsjsPlayer),
    "shaka": ("5.2.12", ShakaPlayer),
}


@dataclass(frozen=True, slots=True)
class PlayedSession:
    """What happened in a session of a web player; times in s, sizes in bytes.

    Attributes
    ----------
    rungs : tuple of int
        Rung of every segment, as it was played.
    startup, stall, end : float
        Time of the first frame, total stall after it, end of playback.
    stall_count : int
    received, wasted : float
        Bytes of all responses, and of the video segments that were aborted or replaced.
    events : tuple of Event
    """

    rungs: tuple[int, ...]
    startup: float
    stall: float
    end: float
    stall_count: int
    received: float
    wasted: float
    events: tuple[Event, ...]


def player_model(policy: str) -> tuple[str, Callable[[PlayerSession], object]]:
    """Return the release and the model of the player of a policy, whose name may have a version.

    Raises
    ------
    PolicyError
        When no web player is modelled for this policy and version.
    """
    name, _, version = policy.partition("@")
    if name not in PLAYER_MODELS or version not in ("", PLAYER_MODELS[name][0]):
        known = ", ".join(f"{name}@{release}" for name, (release, _) in PLAYER_MODELS.items())
        raise PolicyError(f"the mode `player` has no model of {policy!r}; it has models of {known}")
    return PLAYER_MODELS[name]


def play_web_session(title: WebTitle, trace: Trace, policy: str, start: float = 0.0) -> PlayedSession:
    """Play a session with the model of a web player.

    Parameters
    ----------
    title : WebTitle
    trace : Trace
        Repeated when the session is longer.
    policy : str
        A name in `PLAYER_MODELS`, with or without its version.
    start : float
        Offset into the trace at which the session starts, s.

    Raises
    ------
    PolicyError
        When the policy has no model, or the session takes too long.
    """
    session = PlayerSession(title, trace, start)
    _, model = player_model(policy)
    model(session)
    session.run(MAX_SLOWNESS * title.presentation.duration)
    media = session.media
    if not media.is_buffered or media.started is None:
        raise PolicyError(f"{policy} on {trace.name}: the session takes more than {MAX_SLOWNESS:g} times its duration")
    stall = sum(duration for _, duration in media.stalls)
    events, wasted = _events(session)
    received = sum(session.link.received(request.transfer) for request in session.requests)
    return PlayedSession(
        tuple(session.rungs()),
        media.started,
        stall,
        media.started + stall + title.presentation.duration,
        len(media.stalls),
        received,
        wasted,
        events,
    )


def _events(session: PlayerSession) -> tuple[tuple[Event, ...], float]:
    """Return the events of a session in the order of their ends, and the wasted bytes."""
    media = session.media
    assert media.started is not None
    events = [Event("startup", 0, None, media.started, media.started, 0.0, 0.0, None, 0.0, None)]
    events += [
        Event("stall", 0, None, begin + duration, duration, 0.0, 0.0, None, duration, None)
        for begin, duration in media.stalls
    ]
    wasted = 0.0
    seen: dict[int, float] = {}
    for request in session.requests:
        transfer, kind = request.transfer, request.kind
        if kind not in ("video", "audio") or request.segment is None:
            continue
        size = session.link.received(transfer)
        first = None if transfer.first_byte is None else transfer.first_byte - transfer.begun
        end = transfer.ended
        name = "audio" if kind == "audio" else "download"
        if end is None:
            name, end = "abandon", transfer.begun if transfer.aborted is None else transfer.aborted
            wasted += size
        elif kind == "video":
            wasted += seen.get(request.segment, 0.0)
            name = "replace" if request.segment in seen else name
            seen[request.segment] = size
        level = session.level_at(end)
        events.append(
            Event(name, request.segment, request.rung, end, end - transfer.begun, size, level, None, 0.0, first)
        )
    events.sort(key=lambda event: event.time)
    return tuple(events), wasted
