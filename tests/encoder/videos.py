"""Write small videos whose frames show their number, with audio that has a beep at a known time."""

import hashlib
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import m3u8
import numpy as np

SIZE = (128, 64)
BITS = 10
TONE = 1000
SAMPLE_RATE = 48_000


def make_numbered_frame(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Return a moving texture below a row of blocks that show the number in binary."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    frame = 110 + 40 * np.sin((x + 3 * number) / 9) + 30 * np.cos((y - 2 * number) / 7)
    for bit in range(BITS):
        left, right = (round(width * edge / BITS) for edge in (bit, bit + 1))
        frame[: height // 4, left:right] = 220 if number >> bit & 1 else 30
    return frame.astype(np.uint8)


def number_in(luma: np.ndarray) -> int:
    """Read the number of a frame, at any size and after any sane encode."""
    height, width = luma.shape
    row = luma[height // 16 : 3 * height // 16]
    positions = [round(width * (bit + 0.5) / BITS) for bit in range(BITS)]
    return sum(int(row[:, p - 1 : p + 2].mean() > 125) << bit for bit, p in enumerate(positions))


def numbers_in(path: Path) -> list[int]:
    with av.open(str(path)) as video:
        return [number_in(frame.to_ndarray(format="gray")) for frame in video.decode(video=0)]


def write_video(
    path: Path,
    count: int = 50,
    *,
    rate: Fraction = Fraction(25),
    ticks: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    size: tuple[int, int] = SIZE,
    sample_aspect_ratio: Fraction | None = None,
    pixel_format: str = "yuv420p",
    gop: int = 12,
    audio: tuple[Fraction, np.ndarray] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Write a video; `ticks` are the times of its frames in `time_base`, `audio` is (start in seconds, samples)."""
    base = time_base or 1 / rate
    with av.open(str(path), "w", container_options=container_options or {}) as container:
        video = container.add_stream(codec, rate=rate, options={"crf": "12", "preset": "ultrafast"} | (options or {}))
        video.width, video.height, video.pix_fmt = *size, pixel_format
        video.codec_context.time_base = base
        video.codec_context.gop_size = gop
        if sample_aspect_ratio:
            video.codec_context.sample_aspect_ratio = sample_aspect_ratio
        track = None
        if audio:
            track = container.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout="mono")
        for n in range(count):
            frame = av.VideoFrame.from_ndarray(make_numbered_frame(n, size), format="gray").reformat(
                format=pixel_format
            )
            frame.pts, frame.time_base = (ticks[n] if ticks else n), base
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if track is not None and audio:
            begin, samples = audio
            for block in _audio_frames(begin, samples):
                container.mux(track.encode(block))
            container.mux(track.encode())
    return path


def _audio_frames(begin: Fraction, samples: np.ndarray) -> Iterator[av.AudioFrame]:
    step = 1024
    for n in range(0, len(samples), step):
        block = np.ascontiguousarray(samples[None, n : n + step])
        frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
        frame.sample_rate, frame.time_base = SAMPLE_RATE, Fraction(1, SAMPLE_RATE)
        frame.pts = round(begin * SAMPLE_RATE) + n
        yield frame


def fetch_track(folder: Path, playlist: str) -> Path:
    """Join the init segment and the segments of a track in the order of its playlist, as a player does."""
    listed = m3u8.load(str(folder / playlist))
    urls = [listed.segment_map[0].uri, *(segment.uri for segment in listed.segments)]
    whole = folder.parent / f"{folder.name}-{playlist}.mp4"
    whole.write_bytes(b"".join((folder / url).read_bytes() for url in urls))
    return whole


def times_in(path: Path) -> list[Fraction]:
    """Return the presentation time of each frame, s."""
    with av.open(str(path)) as video:
        return [frame.pts * frame.time_base for frame in video.decode(video=0)]


def key_times_in(path: Path) -> list[Fraction]:
    """Return the presentation times of key frames, s."""
    with av.open(str(path)) as video:
        return [p.pts * p.time_base for p in video.demux(video=0) if p.size and p.is_keyframe]


def hashes_in(path: Path, key: str | None = None) -> list[str]:
    """Return a hash of every decoded frame; `key` (hex) decrypts the track."""
    with av.open(str(path), options={"decryption_key": key} if key else {}) as video:
        return [hashlib.sha1(frame.to_ndarray().tobytes()).hexdigest() for frame in video.decode(video=0)]


def beep(duration: float, at: float) -> np.ndarray:
    """Return silence with 80 ms of a tone at the time `at`; both times in seconds from its start; int16."""
    time = np.arange(round(duration * SAMPLE_RATE)) / SAMPLE_RATE
    tone = np.sin(2 * np.pi * TONE * time) * ((time >= at) & (time < at + 0.08))
    return (16_000 * tone).astype(np.int16)


def find_beep(path: Path) -> float:
    """Return the time of the first beep of a file, in seconds of its own timeline."""
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            loud = np.abs(frame.to_ndarray()).max(axis=0) > (3000 if frame.format.name.startswith("s16") else 0.09)
            if loud.any():
                return float(frame.pts * frame.time_base) + int(np.argmax(loud)) / frame.sample_rate
    raise AssertionError(f"{path}: no beep")
