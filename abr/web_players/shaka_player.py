"""Shaka Player 5.2.12 (Apache-2.0) with default settings on demand, from a DASH manifest.

The files that are named here are those of the release on npm, `lib/`.
"""

from __future__ import annotations

import math

from abr.web_players.clock import Timer
from abr.web_players.player_session import PlayerSession
from abr.web_players.processing_times import SHAKA_TIMES, ProcessingTimes
from abr.web_players.shared_link import Transfer

__all__ = ["ShakaPlayer"]

# The values are those of `util/player_configuration.js` unless a comment names another file.

#: Buffer target, s; `streaming.bufferingGoal`
BUFFER_TARGET = 10.0
#: Half of it is the time between two checks of a full buffer, s; `streaming.updateIntervalSeconds`
UPDATE_INTERVAL = 1.0
#: Lead of one buffer over the other, in segments and at least, s; `media/streaming_engine.js`
MAX_RUN_AHEAD_SEGMENTS, MIN_RUN_AHEAD = 1, 0.5
#: Half-lives of the averages, s; `abr.advanced`
FAST_HALF_LIFE, SLOW_HALF_LIFE = 2.0, 5.0
#: Smallest sample, and bytes of samples from which on the averages are used; `abr.advanced`
MIN_SAMPLE, MIN_TOTAL = 16e3, 128e3
#: Shortest sample, s; `abr.cacheLoadThreshold`
MIN_TIME = 5e-3
#: Time and bytes between two progress updates; `net/http_fetch_plugin.js`, `minBytesForProgressEvents`
PROGRESS_TIME, PROGRESS_BYTES = 0.1, 16e3
#: `abr.bandwidthDowngradeTarget`, `abr.bandwidthUpgradeTarget`
DOWNGRADE_TARGET, UPGRADE_TARGET = 0.95, 0.85
#: Time between two choices, s; `abr.switchInterval`
SWITCH_INTERVAL = 8.0
#: `abr.advanced`: fraction of dropped frames from which a rung is not used, time between two checks, time without it, s
DROPPED_FRACTION, DROPPED_INTERVAL, BAN_TIME = 0.15, 2.0, 30.0
#: Estimate without samples where the browser has none, bit/s; `abr.defaultBandwidthEstimate`
DEFAULT_RATE = 1e6
#: Time until the first progress update, and between two updates, after which a request is repeated, and the delay
#: before the repetition, whose random part of 50 % is left out, s; `net/backoff.js`
CONNECTION_TIMEOUT, STALL_TIMEOUT, RETRY_DELAY = 10.0, 5.0, 1.0
#: Step in which the progress of a download is looked at, s: data arrive in pieces of about this
_STEP = 0.02


class _Average:
    """`abr/ewma.js`."""

    def __init__(self, half_life: float) -> None:
        self._half_life = half_life
        self._sum = self._weight = 0.0

    def add(self, weight: float, value: float) -> None:
        alpha = 0.5 ** (weight / self._half_life)
        self._sum = value * (1 - alpha) + alpha * self._sum
        self._weight += weight

    def value(self) -> float:
        return self._sum / (1 - 0.5 ** (self._weight / self._half_life))


class _Track:
    """The media state of one type."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.next = 0
        self.initialized: int | None = None
        self.timer: Timer | None = None
        self.transfers: list[Transfer] = []
        self.is_updating = False


class ShakaPlayer:
    """Plays a session as Shaka Player does.

    Parameters
    ----------
    session : PlayerSession
    downlink : float, optional
        `navigator.connection.downlink` of the browser, bit/s, which is the estimate until there are enough samples.
    times : ProcessingTimes
    """

    def __init__(
        self, session: PlayerSession, downlink: float | None = None, times: ProcessingTimes = SHAKA_TIMES
    ) -> None:
        self._session = session
        self._clock, self._media, self._title = session.clock, session.media, session.title
        self._times = times
        self._default = downlink or DEFAULT_RATE
        self._bandwidths = [float(rate) + self._title.audio_bitrate for rate in self._title.dash_bitrates]
        self._fast, self._slow = _Average(FAST_HALF_LIFE), _Average(SLOW_HALF_LIFE)
        self._sampled = 0.0
        self._last_choice = 0.0
        self._has_started = False
        self._rung = 0
        self._tracks: dict[str, _Track] = {
            kind: _Track(kind) for kind in ("audio", "video") if kind in self._media.ends
        }
        durations = self._title.presentation.durations
        audio = self._title.presentation.audio
        self._max_duration = max(float(durations.max()), float(audio.durations.max()) if audio is not None else 0.0)
        self._banned: set[int] = set()
        self._clock.after(DROPPED_INTERVAL, lambda: self._check_frames(0.0, 0.0))
        session.on_seek.append(self._seek)
        session.request("manifest", self._title.manifest_size, lambda _: self._clock.after(times.start, self._start))

    def _start(self) -> None:
        self._rung = self._choose()
        for track in self._tracks.values():
            self._schedule(track, 0.0)

    # --- streaming_engine.js

    def _starts(self, track: _Track) -> list[float]:
        return self._session.starts if track.kind == "video" else self._session.audio_starts

    def _needed(self, track: _Track) -> float:
        return self._starts(track)[track.next]

    def _schedule(self, track: _Track, delay: float) -> None:
        if track.timer is not None:
            track.timer.cancel()
        track.timer = self._clock.after(delay, lambda: self._update(track))

    def _seek(self, places: dict[str, int]) -> None:
        """Abort what is not needed any more and continue at other segments; `seeked`."""
        for kind, index in places.items():
            track = self._tracks[kind]
            self._abort(track)
            track.next = index
            self._schedule(track, 0.0)

    def _abort(self, track: _Track) -> None:
        for transfer in track.transfers:
            if transfer.ended is None:
                self._session.link.abort(transfer)
        track.transfers = []
        track.is_updating = False

    def _update(self, track: _Track) -> None:
        track.timer = None
        if track.is_updating or track.next + 1 >= len(self._starts(track)):
            return
        if self._media.ahead(track.kind) >= BUFFER_TARGET:
            self._schedule(track, UPDATE_INTERVAL / 2)
            return
        waiting = [other for other in self._tracks.values() if other.next + 1 < len(self._starts(other))]
        least = min(self._needed(other) for other in waiting)
        ahead = max(self._max_duration * MAX_RUN_AHEAD_SEGMENTS, MIN_RUN_AHEAD)
        if self._needed(track) - least >= ahead:
            self._schedule(track, UPDATE_INTERVAL)
            return
        self._fetch(track)

    def _fetch(self, track: _Track) -> None:
        track.is_updating = True
        is_video = track.kind == "video"
        index, rung = track.next, self._rung if is_video else 0
        pres = self._title.presentation
        pending = 1

        def finish(_: Transfer) -> None:
            nonlocal pending
            pending -= 1
            if pending == 0:
                track.initialized = rung
                track.transfers = []
                self._clock.after(self._times.append_time(index), append)

        def append() -> None:
            if track.next != index:
                return
            track.is_updating = False
            track.next = index + 1
            self._media.append(track.kind, self._starts(track)[index + 1])
            self._schedule(track, 0.0)

        track.transfers = []
        if track.initialized != rung:
            pending += 1
            size = float(self._title.init_sizes[rung]) if is_video else self._title.audio_init_size
            self._send(track, "init", size, finish, None, rung if is_video else None)
        size = float(pres.sizes[index, rung] if is_video else pres.audio.sizes[index])  # type: ignore[union-attr]
        self._send(track, track.kind, size, finish, index, rung if is_video else None)

    def _send(self, track, kind, size, done, index, rung) -> None:  # type: ignore[no-untyped-def]
        """Send a request, and send it again if it stalls; `net/networking_engine.js`."""
        transfer = self._session.request(kind, size, lambda sent: self._done(track, sent, state, done), index, rung)
        state = [self._clock.now, 0.0]
        track.transfers.append(transfer)
        limit: Timer

        def expire() -> None:
            if transfer.ended is None and not transfer.is_aborted:
                self._session.link.abort(transfer)
                track.transfers.remove(transfer)
                self._clock.after(RETRY_DELAY, retry)

        def retry() -> None:
            if track.is_updating and track.next == started:
                self._send(track, kind, size, done, index, rung)

        def progress() -> None:
            nonlocal limit
            if transfer.is_aborted or transfer.ended is not None:
                return
            if transfer.first_byte is not None:
                got = self._session.link.arrived(transfer)
                if self._clock.now - state[0] > PROGRESS_TIME and got - state[1] >= PROGRESS_BYTES:
                    limit.cancel()
                    limit = self._clock.after(STALL_TIMEOUT, expire)
                    self._sample(self._clock.now - state[0], got - state[1])
                    state[0], state[1] = self._clock.now, got
                    self._suggest()
            self._clock.after(_STEP, progress)

        started = track.next
        limit = self._clock.after(CONNECTION_TIMEOUT, expire)
        self._clock.after(_STEP, progress)

    def _done(self, track: _Track, transfer: Transfer, state: list[float], done) -> None:  # type: ignore[no-untyped-def]
        self._sample(self._clock.now - state[0], transfer.size - state[1])
        self._suggest()
        if transfer in track.transfers:
            done(transfer)

    # --- simple_abr_manager.js

    def _sample(self, time: float, size: float) -> None:
        if time < MIN_TIME or size < MIN_SAMPLE:
            return
        self._sampled += size
        self._fast.add(time, 8 * size / time)
        self._slow.add(time, 8 * size / time)

    def _estimate(self) -> float:
        if self._sampled < MIN_TOTAL:
            return self._default
        return min(self._fast.value(), self._slow.value())

    def _choose(self) -> int:
        rate = self._estimate()
        rungs = [rung for rung in range(len(self._bandwidths)) if rung not in self._banned]
        chosen = rungs[0]
        for n, rung in enumerate(rungs):
            bandwidth = self._bandwidths[rung]
            upper = self._bandwidths[rungs[n + 1]] if n + 1 < len(rungs) else math.inf
            if bandwidth / DOWNGRADE_TARGET <= rate <= upper / UPGRADE_TARGET:
                chosen = rung
        self._last_choice = self._clock.now
        return chosen

    def _suggest(self) -> None:
        if not self._has_started:
            if self._sampled < MIN_TOTAL:
                return
            self._has_started = True
            self._last_choice -= SWITCH_INTERVAL
        if self._clock.now - self._last_choice < SWITCH_INTERVAL:
            return
        self._switch(self._choose())

    def _check_frames(self, frames: float, dropped: float) -> None:
        """Do without the rung for a time when too many frames were dropped since the last check."""
        media = self._media
        decoded = media.frames - frames
        if decoded > 0 and media.dropped - dropped >= DROPPED_FRACTION * decoded:
            self._ban(self._rung)
        now, late = media.frames, media.dropped
        self._clock.after(DROPPED_INTERVAL, lambda: self._check_frames(now, late))

    def _ban(self, rung: int) -> None:
        """Do without a rung for a time, if there are others; `player.js`, `disableStream`."""
        if len(self._banned) + 1 >= len(self._bandwidths):
            return
        self._banned.add(rung)

        def permit() -> None:
            self._banned.discard(rung)
            self._switch(self._choose())

        self._clock.after(BAN_TIME, permit)
        self._switch(self._choose())

    def _switch(self, rung: int) -> None:
        """Change the rung; a prefetched segment that is not complete is aborted (`segment_prefetch.js`)."""
        if rung == self._rung:
            return
        self._rung = rung
        track = self._tracks["video"]
        running = [transfer for transfer in track.transfers if transfer.ended is None]
        if not running:
            return
        self._abort(track)
        self._schedule(track, 0.0)
