"""hls.js 1.7.4 (Apache-2.0) with default settings on demand: playlists, scheduling, level selection and abandonment.

The files that are named here are those of the release on npm, `src/`.
"""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Callable
from itertools import accumulate

from abr.web_players.clock import Timer
from abr.web_players.hlsjs_estimator import BandwidthEstimator
from abr.web_players.hlsjs_settings import (
    AUDIO_OVERLAP,
    CHECK_PERIOD,
    FACTOR,
    LOOKUP_TOLERANCE,
    MAX_STALL,
    PARSE_BITRATE,
    TICK,
    UP_FACTOR,
    buffer_target,
)
from abr.web_players.player_session import PlayerSession
from abr.web_players.processing_times import HLSJS_TIMES, ProcessingTimes
from abr.web_players.shared_link import Transfer

__all__ = ["HlsjsPlayer"]

#: Times that are closer than this are equal, s: a tenth of the last digit of a duration in a playlist
_ROUNDING = 1e-4


class HlsjsPlayer:
    """Plays a session as hls.js does.

    Parameters
    ----------
    session : PlayerSession
    times : ProcessingTimes
    """

    def __init__(self, session: PlayerSession, times: ProcessingTimes = HLSJS_TIMES) -> None:
        self._session, self._times = session, times
        self._clock, self._media, self._title = session.clock, session.media, session.title
        self._peaks = [float(rate) for rate in self._title.hls_bitrates]
        self._averages = [float(rate) for rate in self._title.hls_average_bitrates]
        seconds = (round(float(duration), 3) for duration in self._title.presentation.durations)
        self._playlist_starts = [0.0, *accumulate(seconds)]
        self._durations = [float(duration) for duration in self._title.presentation.durations]
        self._estimator = BandwidthEstimator()
        self._has_playlist = [False] * len(self._peaks)
        self._initialized: set[int] = set()
        self._level = -1
        self._last_loaded = -1
        self._forced = self._first_selection = -1
        self._last_playlist_time = 0.0
        self._next = self._next_audio = 0
        self._video: Transfer | None = None
        self._audio: Transfer | None = None
        self._loading: tuple[int, int] | None = None
        self._has_audio_playlist = self._is_audio_initialized = self._is_audio_loading = False
        self._is_waiting = self._is_exact = False
        self._is_audio_switched = "audio" not in self._media.ends
        self._buffered: set[tuple[int, int]] = set()
        self._blocked_audio: int | None = None
        self._parsed: set[str] = set()
        self._appends: list[Callable[[], object]] = []
        self._timer: Timer | None = None
        session.on_seek.append(self._seek)
        session.request(
            "manifest", self._title.master_size, lambda _: self._clock.after(times.start, self._manifest_loaded)
        )

    # --- playlists: level-controller.ts

    def _manifest_loaded(self) -> None:
        self._set_level(self._first_level())
        if "audio" in self._media.ends:
            self._session.request("playlist", self._title.audio_playlist_size, lambda _: self._audio_playlist_loaded())
        self._clock.after(TICK, self._tick)
        self._clock.after(TICK, self._tick_audio)

    def _audio_playlist_loaded(self) -> None:
        self._has_audio_playlist = True
        self._load_audio()

    def _set_level(self, level: int) -> None:
        if level == self._level:
            return
        self._level = level
        if not self._has_playlist[level]:
            self._is_waiting = self._is_exact = True

            def loaded(transfer: Transfer) -> None:
                assert transfer.first_byte is not None
                self._has_playlist[level] = True
                self._last_playlist_time = self._clock.now - transfer.first_byte
                if level == self._level:
                    self._is_waiting = False
                self._load_video()

            self._session.request("playlist", float(self._title.playlist_sizes[level]), loaded, None, level)

    # --- scheduling: stream-controller.ts and audio-stream-controller.ts

    def _tick(self) -> None:
        self._load_video()
        self._clock.after(TICK, self._tick)

    def _tick_audio(self) -> None:
        if self._media.started is not None and self._media.position > 0:
            self._is_audio_switched = True
        self._load_audio()
        self._clock.after(TICK, self._tick_audio)

    def _load_video(self) -> None:
        if self._loading is not None or self._is_waiting:
            return
        if self._media.ends["video"] >= self._session.starts[-1]:
            return
        if not any(self._has_playlist):
            return
        level = self._next_level()
        self._set_level(level)
        if not self._has_playlist[level]:
            return
        if self._ahead() >= buffer_target(self._peaks[level]):
            return
        index = self._next_index(level)
        if self._video is not None and self._video.ended is None:
            self._session.link.abort(self._video)  # `FragmentLoader.load` closes the connection of an abandoned segment
        self._loading = (index, level)
        self._is_exact = False
        pending = 1
        media: Transfer | None = None

        def finish() -> None:
            nonlocal pending
            pending -= 1
            if pending == 0 and media is not None:
                self._fragment_loaded(index, level, media)

        if level not in self._initialized:
            pending += 1

            def initialized(_: Transfer) -> None:
                self._initialized.add(level)
                finish()

            self._session.request("init", float(self._title.init_sizes[level]), initialized, None, level)
        size = float(self._title.presentation.sizes[index, level])
        media = self._session.request("video", size, lambda _: finish(), index, level)
        self._video = media
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._clock.after(CHECK_PERIOD, self._check)
        self._load_audio()

    def _seek(self, places: dict[str, int]) -> None:
        """Abort what is not needed any more and continue at other segments; `onMediaSeeking`."""
        for transfer in (self._video, self._audio):
            if transfer is not None and transfer.ended is None:
                self._session.link.abort(transfer)
        if "video" in places:
            self._loading, self._next = None, places["video"]
        if "audio" in places:
            self._blocked_audio, self._is_audio_loading, self._next_audio = None, False, places["audio"]
        self._load_video()
        self._load_audio()

    @property
    def _buffer_end(self) -> float:
        """The end of the buffer that decides on the video: of both until `checkFragmentChanged` sees audio play."""
        if self._is_audio_switched:
            return self._media.ends["video"]
        return min(self._media.ends.values())

    def _ahead(self) -> float:
        return max(0.0, self._buffer_end - self._media.position)

    def _next_index(self, level: int) -> int:
        """Return the segment at the end of the buffer, or the one after it if that is there at this level.

        After the request of a playlist the lookup has no tolerance (`base-stream-controller.ts`,
        `getFragmentAtPosition`): if the rounded durations of the playlist end later than the buffer, the last segment
        is requested again at the new level.
        """
        tolerance = 0.0 if self._is_exact else LOOKUP_TOLERANCE
        index = bisect(self._playlist_starts, self._buffer_end + tolerance + _ROUNDING, 1, len(self._durations)) - 1
        return self._next if (index, level) in self._buffered else index

    def _fragment_loaded(self, index: int, level: int, transfer: Transfer) -> None:
        """`abr-controller.ts`, `onFragLoaded`."""
        assert transfer.first_byte is not None
        if self._timer is not None:
            self._timer.cancel()
        self._estimator.sample_ttfb(1e3 * (transfer.first_byte - transfer.begun))
        if self._forced == level:
            self._forced = -1
        self._last_loaded = level
        self._first_selection = -1

        def parsed() -> None:
            assert transfer.ended is not None
            is_slow = index == 0 and 8 * transfer.size >= PARSE_BITRATE * self._durations[index]
            milliseconds = 1e3 * ((self._clock.now if is_slow else transfer.ended) - transfer.begun)
            self._when_created("video", lambda: self._video_buffered(index, level, transfer, milliseconds))

        self._clock.after(self._times.append_time(index), parsed)

    def _when_created(self, kind: str, action: Callable[[], object]) -> None:
        """Append when the codecs of both tracks are known; `buffer-controller.ts`, `bufferCodecEventsTotal`."""
        self._parsed.add(kind)
        self._appends.append(action)
        if len(self._parsed) == len(self._media.ends):
            while self._appends:
                self._appends.pop(0)()

    def _video_buffered(self, index: int, level: int, transfer: Transfer, milliseconds: float) -> None:
        """Take a sample and continue; `abr-controller.ts`, `onFragBuffered`."""
        assert transfer.first_byte is not None
        ttfb = 1e3 * (transfer.first_byte - transfer.begun)
        self._estimator.sample(milliseconds - min(ttfb, self._estimator.ttfb), transfer.size)
        self._loading = None
        self._next = index + 1
        self._buffered.add((index, level))
        self._media.append("video", self._session.starts[index + 1])
        self._load_video()
        self._append_audio()
        self._load_audio()

    def _load_audio(self) -> None:
        audio = self._title.presentation.audio
        if audio is None or not self._has_audio_playlist or self._is_audio_loading:
            return
        starts = self._session.audio_starts
        if self._next_audio + 1 >= len(starts) or self._level < 0:
            return
        index = self._next_audio
        if self._media.ahead("audio") >= buffer_target(self._peaks[max(self._level, 0)]):
            return
        # up to one segment ahead of the video
        if self._loading is not None and starts[index] > self._session.starts[self._loading[0] + 1]:
            return
        self._is_audio_loading = True
        pending = 1

        def finish(_: Transfer) -> None:
            nonlocal pending
            pending -= 1
            if pending == 0:
                self._clock.after(self._times.append_time(index), lambda: self._when_created("audio", append))

        def append() -> None:
            self._blocked_audio = index
            self._append_audio()

        if not self._is_audio_initialized:
            pending += 1
            self._is_audio_initialized = True
            self._session.request("init", self._title.audio_init_size, finish)
        self._audio = self._session.request("audio", float(audio.sizes[index]), finish, index)

    def _append_audio(self) -> None:
        """Append the loaded audio segment once the video reaches it; `buffer-controller.ts`, `onBufferAppending`."""
        index = self._blocked_audio
        if index is None:
            return
        starts = self._session.audio_starts
        needed = starts[index] + AUDIO_OVERLAP * (starts[index + 1] - starts[index])
        if self._media.ends["video"] < min(needed, self._session.starts[-1]):
            return
        self._blocked_audio = None
        self._is_audio_loading = False
        self._next_audio = index + 1
        self._media.append("audio", starts[index + 1])
        self._load_audio()

    # --- level selection: abr-controller.ts

    def _fetch_time(self, rate: float, bits: float, level: int) -> float:
        """Return the seconds that a segment takes, and its playlist if it is missing; `getTimeToLoadFrag`."""
        ttfb = self._estimator.ttfb / 1e3
        playlist = 0.0 if self._has_playlist[level] else ttfb + self._last_playlist_time
        return ttfb + bits / rate + playlist

    def _best_level(
        self, rate: float, highest: int, buffer: float, max_stall: float, factor: float, up_factor: float
    ) -> int:
        """`findBestLevel`; -1 without a level."""
        base = max(self._last_loaded, 0)
        is_first = self._last_loaded < 0 or self._level < 0
        if is_first:
            if self._first_selection >= 0:
                return self._first_selection
            rate = max(rate, self._peaks[0])
        duration = self._fragment_duration()
        for level in range(highest, -1, -1):
            mean = (
                self._title.presentation.duration / len(self._durations)
                if self._has_playlist[level]
                else duration or 1.0
            )
            adjusted = (up_factor if level > base else factor) * rate
            uses_average = duration and buffer >= 2 * duration and max_stall == 0
            bitrate = self._averages[level] if uses_average else self._peaks[level]
            time = self._fetch_time(adjusted, bitrate * mean, level)
            if adjusted >= bitrate and (time <= self._estimator.ttfb / 1e3 or time < buffer + max_stall):
                if is_first:
                    self._first_selection = level
                return level
        return -1

    def _fragment_duration(self) -> float:
        """Return the duration of the current segment, s; 0 before the first."""
        if self._loading is not None:
            return self._durations[self._loading[0]]
        return self._durations[self._next - 1] if self._next > 0 else 0.0

    def _first_level(self) -> int:
        """`firstAutoLevel`."""
        level = self._best_level(self._estimator.rate, len(self._peaks) - 1, self._ahead() / 2, MAX_STALL, 1.0, 1.0)
        return max(level, 0)

    def _next_level(self) -> int:
        """`nextAutoLevel` and `getNextABRAutoLevel`."""
        if self._forced >= 0:
            return self._forced
        if not self._estimator.can_estimate or self._last_loaded < 0:
            return self._first_level()
        buffer = self._ahead()
        top = len(self._peaks) - 1
        if buffer > 0:
            level = self._best_level(self._estimator.rate, top, buffer, 0.0, FACTOR, UP_FACTOR)
            if level >= 0:
                return level
        stall = min(self._fragment_duration() or MAX_STALL, MAX_STALL)
        level = self._best_level(self._estimator.rate, top, buffer, stall, FACTOR, UP_FACTOR)
        return max(level, 0)

    # --- abandonment: abr-controller.ts, _abandonRulesCheck

    def _check(self) -> None:
        if self._loading is None or self._video is None or self._video.ended is not None:
            return
        index, level = self._loading
        if level == 0:
            self._forced = -1
            return
        self._timer = self._clock.after(CHECK_PERIOD, self._check)
        if not self._media.is_playing and self._media.started is None:
            return
        self._check_download(self._video, index, level)

    def _check_download(self, transfer: Transfer, index: int, level: int) -> None:
        estimator, duration = self._estimator, self._durations[index]
        elapsed = 1e3 * (self._clock.now - transfer.begun)
        if elapsed <= max(estimator.ttfb, 1e3 * duration / 2):
            return
        buffer = self._ahead()
        got = self._session.link.arrived(transfer)
        ttfb = None if transfer.first_byte is None else 1e3 * (transfer.first_byte - transfer.begun)
        expected = transfer.size if ttfb is not None else duration * self._averages[level] / 8
        rest, bandwidth = estimator.forecast(elapsed, ttfb, got, expected)
        if rest <= buffer:
            return
        lower = level - 1
        other = math.inf
        while lower > 0:
            other = self._fetch_time(bandwidth, duration * self._peaks[lower], lower)
            if other < min(buffer, duration + estimator.ttfb / 1e3):
                break
            lower -= 1
        if other >= rest or other > 10 * duration:
            return
        if ttfb is not None:
            estimator.sample(elapsed - min(estimator.ttfb, ttfb), got)
        else:
            estimator.sample_ttfb(elapsed)
        if estimator.rate * UP_FACTOR > self._peaks[lower]:
            estimator = self._estimator = BandwidthEstimator(self._peaks[lower])
        best = self._best_level(self._peaks[lower], lower, 0.0, buffer, 1.0, 1.0)
        if best >= 0:
            lower = best
        self._abandon(transfer, lower, other, rest)

    def _abandon(self, transfer: Transfer, lower: int, other: float, rest: float) -> None:
        """Switch down; the running download is aborted now, or when the download of the lower level begins."""
        if self._timer is not None:
            self._timer.cancel()
        if rest > 2 * other and lower > 0:
            self._session.link.abort(transfer)
            lower = max(self._best_level(self._peaks[0], lower, 0.0, self._ahead(), 1.0, 1.0), 0)
            self._estimator = BandwidthEstimator(self._peaks[lower])
        self._forced = lower
        self._loading = None
        self._load_video()
