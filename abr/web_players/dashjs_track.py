"""The state of one media type in the model of dash.js."""

from __future__ import annotations

import math

from abr.web_players.clock import Timer
from abr.web_players.shared_link import Transfer

__all__ = ["DashjsTrack"]


class DashjsTrack:
    """The state of one media type: its StreamProcessor and ScheduleController."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.next = 0
        self.rung = 0
        self.initialized: int | None = None
        self.should_check = True
        self.timer: Timer | None = None
        self.transfer: Transfer | None = None
        self.loading: tuple[int, int] | None = None
        self.level = 0.0
        self.is_complete = False
        self.delay = 0.0
        self.last_duration = math.nan
