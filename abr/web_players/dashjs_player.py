"""dash.js 5.2.1 (BSD-3) with default settings on demand: scheduling, rules, replacement and abandonment.

The files and functions that are named here are those of the release on npm, `dist/modern/umd/dash.all.debug.js`.
"""

from __future__ import annotations

import math

import numpy as np

from abr.web_players.dashjs_rules import (
    BOLA_MIN_BUFFER,
    BUFFER_TARGET,
    HISTORY_SIZE,
    BolaRule,
    ThroughputAverage,
    abandonment_rung,
    highest_rung,
    history_rung,
)
from abr.web_players.dashjs_settings import DashjsSettings
from abr.web_players.dashjs_timings import ResourceTimings
from abr.web_players.dashjs_track import DashjsTrack
from abr.web_players.player_session import PlayerSession
from abr.web_players.processing_times import DASHJS_TIMES, ProcessingTimes
from abr.web_players.shared_link import Transfer

__all__ = ["DashjsPlayer"]

# The values are the default settings of `core/Settings.js` unless a comment names another file.

#: Buffer target at the top rung, s; `buffer.bufferTimeAtTopQuality`, `bufferTimeAtTopQualityLongForm` from 600 s on
TOP_BUFFER_TARGET, LONG_TOP_BUFFER_TARGET = 30.0, 60.0
#: Duration from which a presentation is long, s; `buffer.longFormContentDurationThreshold`
LONG_DURATION = 600.0
#: Time between two checks of a full buffer, s; `scheduling.defaultTimeout`
SCHEDULE_TIMEOUT = 0.5
#: Buffer level at which BOLA takes over, s, and fraction of it at which it hands back; `abr.hybridSwitchBufferTime`,
#: `AbrController._updateDynamicAbrStrategy`
HYBRID_BUFFER, HYBRID_FRACTION = 12.0, 0.5
#: Startup bitrate of the video, bit/s; `AbrController.DEFAULT_VIDEO_BITRATE`
STARTUP_BITRATE = 1e6
#: Buffer level that counts as empty, s; `buffer.stallThreshold`
EMPTY_LEVEL = 0.3
#: Fraction of the throughput for the throughput rule and BOLA; `abr.throughput.bandwidthSafetyFactor`
SAFETY = 0.9
#: Fraction of the throughput, and ignored segments, of the insufficient-buffer rule; `abr.rules.insufficientBufferRule`
LOW_BUFFER_SAFETY, IGNORED_SEGMENTS = 0.7, 2
#: `abr.rules.abandonRequestsRule`: ms since the first byte, progress events
ABANDON_GRACE, ABANDON_SAMPLES = 500.0, 6
#: Times that are closer than this are equal, ms; chosen by hand, above the error of sums of floating-point numbers
EPSILON = 1e-6
#: Time after an abandonment without an up-switch, s; `abandonLoadTimeout`
ABANDON_TIMEOUT = 10.0
#: Time from the playback position to the first segment that is replaced, s.
#: `StreamProcessor._prepareForFastQualitySwitch` takes 1.5 times the `fragmentDuration` of the new representation,
#: which is null in the representations that `AbrController` chooses from: the segment that plays is replaced, too.
SAFE_TIME = 0.0
#: Time limit of a request and delay before its repetition, s; `fragmentRequestTimeout`, `retryIntervals`
REQUEST_TIMEOUT, RETRY_DELAY = 20.0, 1.0
#: Shortest time between two progress events, s; `xml_http_request_progress_event_throttle.cc` in Chromium, where the
#: first event is that of the first data, and data that come while the timer does not run are reported at once
PROGRESS_PERIOD = 0.05
#: Period at which this model looks for such data, s; chosen by hand, below the time of a packet at 2 Mbit/s
PROGRESS_POLL = 0.005
#: Decimals of the buffer level in s; `DashMetrics.getCurrentBufferLevel`
LEVEL_DECIMALS = 3


class DashjsPlayer:
    """Plays a session as dash.js does.

    Parameters
    ----------
    session : PlayerSession
    settings : DashjsSettings
    times : ProcessingTimes
    """

    def __init__(
        self,
        session: PlayerSession,
        settings: DashjsSettings | None = None,
        times: ProcessingTimes = DASHJS_TIMES,
    ) -> None:
        self._session, self._times = session, times
        self._settings = settings or DashjsSettings()
        self._clock, self._media, self._title = session.clock, session.media, session.title
        pres = self._title.presentation
        self._bitrates = [float(rate) / 1000 for rate in self._title.dash_bitrates]
        self._bandwidths = [float(rate) for rate in self._title.dash_bitrates]
        self._durations = [float(duration) for duration in pres.durations]
        self._tracks = {kind: DashjsTrack(kind) for kind in self._media.ends}
        self._average = ThroughputAverage()
        self._timings = ResourceTimings()
        self._bola: BolaRule | None = None
        self._on_bola = self._settings.has_bola_rule and not self._settings.has_throughput_rule
        self._history: list[tuple[int, int]] = []
        self._executed: list[tuple[int, int]] = []
        self._ignored = IGNORED_SEGMENTS
        self._is_empty = True
        self._abandoned_until = -math.inf
        self._abandoned: set[int] = set()
        self._segment_durations = [self._durations[0]] * len(self._bandwidths)
        session.on_seek.append(self._seek)
        session.request("manifest", self._title.manifest_size, lambda _: self._clock.after(times.start, self._start))

    def _start(self) -> None:
        video = self._tracks["video"]
        video.rung = self._highest(STARTUP_BITRATE / 1000)
        self._media.on_state.append(self._update_levels)
        self._clock.after(0.25, self._tick)
        for track in self._tracks.values():
            self._schedule_after(track, 0.0)

    def _seek(self, places: dict[str, int]) -> None:
        """Abort what is not needed any more and continue at other segments; `prepareInnerPeriodPlaybackSeeking`."""
        if self._bola is not None:
            self._bola.clear()
        self._ignored = IGNORED_SEGMENTS
        for kind, index in places.items():
            track = self._tracks[kind]
            if track.transfer is not None and track.transfer.ended is None:
                self._session.link.abort(track.transfer)
            track.loading, track.is_complete, track.should_check, track.delay = None, False, True, 0.0
            track.next = index
            self._update_level(track)
            self._schedule_after(track, 0.0)

    def _tick(self) -> None:
        """Update the buffer levels, as each `timeupdate` event does."""
        self._update_levels()
        self._clock.after(0.25, self._tick)

    def _update_levels(self) -> None:
        for track in self._tracks.values():
            self._update_level(track)

    def _update_level(self, track: DashjsTrack) -> None:
        track.level = round(self._media.ahead(track.kind), LEVEL_DECIMALS)
        if track.kind != "video":
            return
        if track.level <= EMPTY_LEVEL and not track.is_complete:
            if self._media.position > 0 and not self._is_empty:
                self._is_empty = True
                if self._bola is not None and self._bola.is_steady:
                    self._bola.placeholder = 0.0
        else:
            self._is_empty = False
        if self._settings.has_bola_rule and self._settings.has_throughput_rule:
            self._on_bola = track.level >= HYBRID_BUFFER * (HYBRID_FRACTION if self._on_bola else 1.0)

    def _schedule_after(self, track: DashjsTrack, delay: float) -> None:
        if track.is_complete:
            return
        if track.timer is not None:
            track.timer.cancel()
        track.timer = self._clock.after(delay, lambda: self._schedule(track))

    def _schedule(self, track: DashjsTrack) -> None:
        if track.initialized is not None and not self._should_buffer(track):
            self._schedule_after(track, SCHEDULE_TIMEOUT)
            return
        if track.should_check and track.kind == "video" and self._check_quality(track):
            return
        self._request_next(track)

    def _should_buffer(self, track: DashjsTrack) -> bool:
        if track.kind == "audio":
            duration = float(self._title.presentation.audio.durations[0])  # type: ignore[union-attr]
            return track.level < max(self._tracks["video"].level + 1, duration)
        target = self._buffer_target(track)
        duration = self._segment_durations[track.rung]
        if target <= duration:
            duration = 0.0
        return track.level + duration < target

    def _buffer_target(self, track: DashjsTrack) -> float:
        if track.rung < len(self._bitrates) - 1:
            return BUFFER_TARGET
        is_long = self._title.presentation.duration >= LONG_DURATION
        return LONG_TOP_BUFFER_TARGET if is_long else TOP_BUFFER_TARGET

    def _request_next(self, track: DashjsTrack) -> None:
        if track.initialized != track.rung:
            track.should_check = False
            video = track.kind == "video"
            size = self._title.init_sizes[track.rung] if video else self._title.audio_init_size
            rung = track.rung
            self._send(track, "init", float(size), None, rung, lambda _: self._initialized(track, rung))
            return
        track.should_check = True
        count = len(self._session.starts if track.kind == "video" else self._session.audio_starts) - 1
        if track.next >= count:
            track.is_complete = self._media.ends[track.kind] >= self._session.starts[-1] - 1e-3
            return
        index = track.next
        track.next += 1
        delay, track.delay = track.delay, 0.0
        if delay > 0:
            track.timer = self._clock.after(delay, lambda: self._load(track, index))
        else:
            self._load(track, index)

    def _load(self, track: DashjsTrack, index: int) -> None:
        rung = track.rung
        pres = self._title.presentation
        if track.kind == "video":
            self._segment_durations[rung] = self._durations[index]
            size = float(pres.sizes[index, rung])
        else:
            size = float(pres.audio.sizes[index])  # type: ignore[union-attr]
        track.loading = (index, rung)
        transfer = self._send(track, track.kind, size, index, rung, lambda sent: self._loaded(track, index, rung, sent))
        if track.kind == "video":
            self._watch(track, transfer, index, rung)

    def _send(self, track, kind, size, index, rung, done) -> Transfer:  # type: ignore[no-untyped-def]
        """Send a request, and send it again if it takes too long; `XHRLoader.js`, `HTTPLoader.js`."""
        session = self._session
        video = track.kind == "video"
        rung_key = rung if video else None

        def finish(sent: Transfer) -> None:
            assert sent.headers is not None
            self._timings.add((kind, index, rung_key), sent.size, self._clock.now - sent.headers)
            done(sent)

        transfer = session.request(kind, size, finish, index, rung_key)
        track.transfer = transfer

        def expire() -> None:
            if transfer.ended is None and not transfer.is_aborted:
                session.link.abort(transfer)
                self._clock.after(RETRY_DELAY, lambda: self._send(track, kind, size, index, rung, done))

        self._clock.after(REQUEST_TIMEOUT, expire)
        return transfer

    def _initialized(self, track: DashjsTrack, rung: int) -> None:
        track.initialized = rung
        self._schedule_after(track, self._times.append)

    def _loaded(self, track: DashjsTrack, index: int, rung: int, transfer: Transfer) -> None:
        track.loading = None
        starts = self._session.starts if track.kind == "video" else self._session.audio_starts
        if track.kind == "video":
            self._executed.append((index, rung))
            self._average.add(*self._timings.sample(("video", index, rung)))
            if self._bola is not None:
                self._bola.loaded(
                    starts[index], self._durations[index], rung, track.level, transfer.begun, self._clock.now
                )
            self._ignored = max(0, self._ignored - 1)
        self._clock.after(self._times.append_time(index), lambda: self._append(track, starts, index))

    def _append(self, track: DashjsTrack, starts: list[float], index: int) -> None:
        self._media.append(track.kind, starts[index + 1])
        if track.next + 1 >= len(starts) and self._media.ends[track.kind] >= starts[-1] - 1e-3:
            track.is_complete = True
        self._update_level(track)
        self._schedule_after(track, 0.0)

    def _highest(self, rate: float) -> int:
        return highest_rung(self._bitrates, rate)

    def _check_quality(self, track: DashjsTrack) -> bool:
        """Choose a rung; return whether the schedule continues after the preparation of a switch."""
        rules = [self._bola_rung(track) if self._on_bola else self._throughput_rung()]
        rules += [self._insufficient_buffer_rung(track), history_rung(self._history, len(self._bitrates))]
        rungs = [rung for rung in rules if rung is not None]
        if not rungs:
            return False
        rung = min(rungs, key=lambda n: self._bitrates[n])
        self._history.append((track.rung, rung))
        if len(self._history) > HISTORY_SIZE:
            self._history.pop(0)
        if rung == track.rung or (self._is_abandoning() and rung > track.rung):
            return False
        self._switch(track, rung)
        return True

    def _is_abandoning(self) -> bool:
        return self._clock.now < self._abandoned_until

    def _throughput_rung(self) -> int | None:
        estimate = self._average.estimate()
        if math.isnan(estimate) or self._is_abandoning() or self._is_empty:
            return None
        return self._highest(SAFETY * estimate)

    def _insufficient_buffer_rung(self, track: DashjsTrack) -> int | None:
        if self._ignored > 0:
            return None
        if self._is_empty:
            return 0
        bitrate = LOW_BUFFER_SAFETY * self._average.estimate() * track.level / self._durations[0]
        return None if math.isnan(bitrate) or bitrate <= 0 else self._highest(bitrate)

    def _bola_rung(self, track: DashjsTrack) -> int | None:
        track.delay = 0.0
        if self._bola is None:
            self._bola = BolaRule(self._bandwidths)
            self._bola.current = track.rung
        bola, level, now = self._bola, track.level, self._clock.now
        sustained = self._highest(SAFETY * self._average.estimate())
        if not bola.is_steady:
            if math.isnan(self._average.estimate()):
                return None
            bola.placeholder = max(0.0, bola.min_level(sustained) - level)
            bola.current = sustained
            if not math.isnan(bola.last_duration) and level >= bola.last_duration:
                bola.is_steady = True
            return sustained
        since = bola.last_call if math.isnan(bola.last_finish) else bola.last_finish
        if not math.isnan(since):
            bola.placeholder += max(0.0, now - since)
        bola.last_call, bola.last_finish = now, math.nan
        rung = bola.best(level + bola.placeholder)
        if rung > bola.current and rung > sustained:
            rung = max(sustained, bola.current)
        delay = max(0.0, level + bola.placeholder - bola.max_level(rung))
        if delay <= bola.placeholder:
            bola.placeholder -= delay
        else:
            delay -= bola.placeholder
            bola.placeholder = 0.0
            if rung < len(self._bitrates) - 1:
                track.delay = delay
        bola.current = rung
        return rung

    def _switch(self, track: DashjsTrack, rung: int) -> None:
        """Prepare a switch of the rung, and continue with the schedule."""
        if self._bola is not None:
            self._bola.current = rung
        track.rung = rung
        track.should_check = False
        if self._settings.has_fast_switch and not self._is_abandoning():
            time = self._media.position + SAFE_TIME
            starts = self._session.starts
            covering = [old for index, old in self._executed if starts[index] <= time < starts[index + 1]]
            if covering and covering[-1] < rung and self._media.ahead("video") >= SAFE_TIME:
                track.next = int(np.searchsorted(self._session.starts, time, side="right")) - 1
        self._schedule_after(track, 0.0)

    def _watch(self, track: DashjsTrack, transfer: Transfer, index: int, rung: int) -> None:
        """Check the download at each progress event."""
        events: list[tuple[float, float]] = []

        def progress() -> None:
            if transfer.is_aborted or transfer.ended is not None:
                return
            got = self._session.link.arrived(transfer)
            is_new = got > (events[-1][1] if events else 0.0)
            if is_new:
                events.append((self._clock.now, got))
                if self._should_abandon(track, transfer, index, rung, events):
                    return
            self._clock.after(PROGRESS_PERIOD if is_new else PROGRESS_POLL, progress)

        transfer.on_first_byte = progress

    def _should_abandon(
        self, track: DashjsTrack, transfer: Transfer, index: int, rung: int, events: list[tuple[float, float]]
    ) -> bool:
        now, _ = events[-1]
        if index in self._abandoned or track.level > BUFFER_TARGET or len(events) < ABANDON_SAMPLES:
            return False
        # Timers fire late, never early: the tenth event after the first one is later than 500 ms.
        if 1e3 * (now - events[0][0]) < ABANDON_GRACE - EPSILON or rung == 0:
            return False
        lower = abandonment_rung(self._bitrates, rung, self._durations[index], transfer.size, events)
        if lower is None:
            return False
        self._abandoned.add(index)
        self._history = []
        self._abandoned_until = now + ABANDON_TIMEOUT
        if lower == track.rung:
            return False
        self._session.link.abort(transfer)
        if self._bola is not None:
            self._bola.current = lower
            level = self._bola.min_level(lower) if lower > 0 else BOLA_MIN_BUFFER
            self._bola.placeholder = min(self._bola.placeholder, max(0.0, level - track.level))
        track.rung = lower
        track.next = index
        track.should_check = False
        self._schedule_after(track, 0.0)
        return True
