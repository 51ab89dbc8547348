"""A media element that plays two buffers, video and audio, which grow at their ends."""

from __future__ import annotations

from collections.abc import Callable

from abr.web_players.clock import Clock, Timer

__all__ = ["MediaElement"]

#: Times that are closer than this are equal, s; less than a frame.
_EPSILON = 1e-3
#: Frames that the video renderer of Chromium needs before playback starts or resumes (`limits::kMaxVideoFrames`).
MIN_FRAMES = 4
#: Time for which Chromium continues to play audio when the video buffer is empty, s (the video underflow threshold of
#: `media/renderers/renderer_impl.cc`); playback stalls at once when the audio buffer is empty.
VIDEO_UNDERFLOW = 3.0


class MediaElement:
    """Plays while both buffers reach further than the playback position, as Chromium does.

    Parameters
    ----------
    clock : Clock
    duration : float
        Of the presentation, s.
    has_audio : bool
    frame_rate : float
        Frames per second.

    Attributes
    ----------
    ends : dict
        End of the video and of the audio buffer, s.
    stalls : list of (float, float)
        Start and duration of every stall, s.
    started : float or None
        Time at which playback started, s.
    dropped : float
        Frames that arrived after the audio had played on, and are not shown.
    """

    def __init__(self, clock: Clock, duration: float, has_audio: bool, frame_rate: float = 24.0) -> None:
        self._clock = clock
        self._duration = duration
        self._frame_rate = frame_rate
        self._needed = MIN_FRAMES / frame_rate
        self.ends = {"video": 0.0, "audio": 0.0} if has_audio else {"video": 0.0}
        self.stalls: list[tuple[float, float]] = []
        self.started: float | None = None
        self.dropped = 0.0
        self.on_state: list[Callable[[], None]] = []
        self._position, self._since, self._sought = 0.0, 0.0, 0.0
        self._is_playing = False
        self._stalled: float | None = None
        self._timer: Timer | None = None

    @property
    def is_playing(self) -> bool:
        """Whether the position moves."""
        return self._is_playing

    @property
    def position(self) -> float:
        """The playback position, s."""
        if not self._is_playing:
            return self._position
        return min(self._position + self._clock.now - self._since, self._limit)

    @property
    def frames(self) -> float:
        """The number of frames that were decoded, dropped ones included."""
        return self._frame_rate * min(self.position, self.ends["video"])

    @property
    def _limit(self) -> float:
        """The position at which playback stalls, s."""
        video = self.ends["video"]
        if "audio" not in self.ends:
            return video
        return min(self.ends["audio"], video + VIDEO_UNDERFLOW, self._duration)

    def ahead(self, kind: str) -> float:
        """Return how far a buffer reaches beyond the playback position, s."""
        return max(0.0, self.ends[kind] - self.position)

    @property
    def level(self) -> float:
        """The shorter of the two buffers, s."""
        return min(self.ahead(kind) for kind in self.ends)

    @property
    def is_buffered(self) -> bool:
        """Whether everything is buffered to the end."""
        return min(self.ends.values()) >= self._duration - _EPSILON

    def append(self, kind: str, end: float) -> None:
        """Extend a buffer to an end, s."""
        position = self.position
        if kind == "video":
            self.dropped += self._frame_rate * max(0.0, min(position, end) - max(self.ends[kind], self._sought))
        self.ends[kind] = max(self.ends[kind], end)
        self._position, self._since = position, self._clock.now
        enough = min(position + self._needed, self._duration)
        if self._is_playing:
            self._plan()
        elif min(self.ends.values()) >= enough - _EPSILON:
            self._start()

    def seek(self, position: float, begins: dict[str, float]) -> None:
        """Move to a position, s; a buffer that ends before it is empty and begins again at a time of `begins`, s."""
        for kind, begin in begins.items():
            if self.ends[kind] <= position:
                self.ends[kind] = begin
        if self._timer is not None:
            self._timer.cancel()
        if self._is_playing:
            self._stalled = self._clock.now
        self._position, self._since, self._sought = position, self._clock.now, position
        self._is_playing = False
        if self.level >= self._needed:
            self._start()
        else:
            for action in self.on_state:
                action()

    def _start(self) -> None:
        self._since = self._clock.now
        self._is_playing = True
        if self.started is None:
            self.started = self._clock.now
        elif self._stalled is not None:
            self.stalls.append((self._stalled, self._clock.now - self._stalled))
            self._stalled = None
        self._plan()
        for action in self.on_state:
            action()

    def _plan(self) -> None:
        """Set the timer to the moment when a buffer ends."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._clock.at(self._since + self._limit - self._position, self._run_out)

    def _run_out(self) -> None:
        self._position, self._since = self._limit, self._clock.now
        self._is_playing = False
        if self._position < self._duration - _EPSILON:
            self._stalled = self._clock.now
        for action in self.on_state:
            action()
