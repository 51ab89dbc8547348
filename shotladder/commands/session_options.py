"""The options that say how a session goes, of `simulate` and `compare` alike; named for the fields of the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import click

import abr

__all__ = ["model_of", "session_options"]

Decorated = Callable[..., Any]

_SECONDS = click.FloatRange(0, 600)
_OPTIONS = (
    click.option("--mode", type=click.Choice(list(abr.MODES)), default="default", show_default=True),
    click.option("--buffer", type=click.FloatRange(1, 3600), help="Seconds that the player holds."),
    click.option("--startup", type=_SECONDS, help="Seconds buffered before playback begins [a segment]."),
    click.option("--resume", type=_SECONDS, help="Seconds buffered before it goes on after a stall [same]."),
    click.option("--payload", type=click.FloatRange(0.01, 1), help="Share of the link that carries segments [1]."),
    click.option(
        "--slow-start", type=_SECONDS, help="Connections idle for longer start slowly again, as TCP's do [never]."
    ),
    click.option("--separate-audio", "audio", is_flag=True, help="Fetch the audio too, over the same connection."),
    click.option(
        "--replace",
        "replacement",
        type=click.Choice(list(abr.REPLACEMENTS)),
        help="Fetch buffered segments of lower rungs again [none].",
    ),
    click.option("--live", type=click.FloatRange(0.1, 600), help="Seconds to keep behind the live edge [not live]."),
    click.option(
        "--catch-up", type=click.Choice(list(abr.CATCH_UPS)), help="Who sets the rate of live playback [dash.js]."
    ),
)


def session_options(command: Decorated) -> Decorated:
    """Add the options; the command gets them as keywords for `model_of`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def model_of(mode: str, **said: Any) -> abr.SessionModel:
    """Return the model of a mode with what was said otherwise."""
    if said["catch_up"] is not None and said["live"] is None:
        raise click.UsageError("--catch-up is for a live session; give --live SECONDS")
    return replace(abr.MODES[mode], **{name: value for name, value in said.items() if value is not None})
