"""Transcribe the speech of an audio track in pieces, each of which the store keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from encoder.captions.cue_layout import Word
from encoder.captions.speech_model import SpeechModel, SpeechModelError
from encoder.errors import TrackError
from encoder.media.container import input_arguments
from encoder.media.source import AudioStream, Source
from encoder.media.unchanged_source import unchanged_source
from encoder.tracks.tool_notes import limit_time
from shotladder_runtime.process import QUIET, run
from shotladder_runtime.store.store import Store
from shotladder_runtime.tools import ffmpeg_path, ffmpeg_version

__all__ = ["SpeechPiece", "Transcript", "extract_speech", "join_transcripts", "plan_pieces", "transcribe_piece"]

#: Samples per second that Whisper takes.
SAMPLE_RATE = 16_000
#: Seconds. Approximate duration of a piece, and how far its end may move to a quiet moment (chosen by hand).
PIECE, MAX_SHIFT = 300, 15
#: Samples of the window in which the level is measured, 0.1 s (chosen by hand).
_WINDOW = SAMPLE_RATE // 10
#: Characters with which Whisper begins the second part of a word.
_CONTINUATIONS = ("-", "'", "\u2019")
#: Version of the transcription; part of the keys of its results in the store.
_VERSION = 1


@dataclass(frozen=True, slots=True)
class SpeechPiece:
    """Samples [start, stop) of the speech of a source, as a job that an executor runs.

    Attributes
    ----------
    path : Path
        File of the whole audio, as `extract_speech` returns it.
    identity : str
        Identifies source and audio track.
    start, stop : int
        Samples.
    model : SpeechModel
    language : str or None
        BCP 47 code of the speech; None detects it.
    is_translated : bool
        Whether the words are translated to English.
    store : Store
    """

    path: Path
    identity: str
    start: int
    stop: int
    model: SpeechModel
    language: str | None
    is_translated: bool
    store: Store


@dataclass(frozen=True, slots=True)
class Transcript:
    """Words of a track and the language of its speech; None without speech."""

    words: tuple[Word, ...]
    language: str | None


def extract_speech(source: Source, stream: AudioStream, store: Store) -> tuple[Path, str]:
    """Return the audio of a track in one channel on the timeline of the video, and what identifies it."""
    origin = float(source.pts[0] * source.time_base)
    key: dict[str, Any] = {
        "source": source.content_id,
        "stream": stream.index,
        "origin": origin,
        "duration": float(source.duration),
        "ffmpeg": ffmpeg_version(),
    }
    path = store.path("speech", key, ".flac")
    if store.find(path) is None:
        graph = (
            f"aresample={SAMPLE_RATE},asetpts=PTS-({origin:.6f})/TB,aresample=async=1:first_pts=0,"
            f"atrim=end={float(source.duration):.6f}"
        )
        argv = [ffmpeg_path(), *QUIET, "-y", "-copyts", *input_arguments(source.path), "-i", source.path]
        argv += ["-map", f"0:{stream.index}", "-vn", "-af", graph, "-ac", "1", "-c:a", "flac", "-f", "flac"]

        @unchanged_source(source)
        def make(temporary: Path) -> None:
            run([*argv, str(temporary)], time_limit=limit_time(source))

        store.write(path, make)
    return store.fetch(path), path.stem


def plan_pieces(path: Path, seconds: float = PIECE) -> tuple[tuple[int, int], ...]:
    """Return the ranges of samples of about five minutes, which end at quiet moments."""
    levels = _measure_levels(path)
    total = len(levels)
    step = round(seconds * SAMPLE_RATE / _WINDOW)
    shift = min(round(MAX_SHIFT * SAMPLE_RATE / _WINDOW), step // 2)
    edges = [0]
    while edges[-1] + step + shift < total:
        earliest = edges[-1] + step - shift
        edges.append(earliest + int(levels[earliest : earliest + 2 * shift].argmin()))
    edges.append(total)
    return tuple((a * _WINDOW, b * _WINDOW) for a, b in pairwise(edges) if b > a)


def transcribe_piece(piece: SpeechPiece) -> Transcript:
    """Transcribe a piece, or read its transcript from the store; times are those of the whole audio.

    Raises
    ------
    SpeechModelError
        If faster-whisper is not installed, or cannot load the model.
    """
    key = {
        "audio": piece.identity,
        "samples": [piece.start, piece.stop],
        "model": piece.model.digest,
        "language": piece.language,
        "translated": piece.is_translated,
        "version": _VERSION,
    }
    known: dict[str, Any] | None = piece.store.read_json("transcript", key)
    if known is None:
        words, language = _recognise(piece)
        known = {"words": [asdict(word) for word in words], "language": language}
        piece.store.write_json("transcript", key, known)
    return Transcript(tuple(Word(**word) for word in known["words"]), known["language"])


def join_transcripts(parts: Sequence[Transcript]) -> Transcript:
    """Return the transcript of consecutive pieces; its language is that of most words."""
    words = sorted((word for part in parts for word in part.words), key=lambda word: word.start)
    counts: dict[str, int] = {}
    for part in parts:
        if part.language is not None:
            counts[part.language] = counts.get(part.language, 0) + len(part.words)
    language = max(counts, key=lambda name: counts[name]) if counts else None
    return Transcript(tuple(words), language)


def _recognise(piece: SpeechPiece) -> tuple[list[Word], str | None]:
    try:
        from faster_whisper import WhisperModel
    except ImportError as error:
        raise SpeechModelError("captions need faster-whisper: pip install 'shotladder[captions]'") from error
    samples = _read_samples(piece.path, piece.start, piece.stop)
    try:
        # one thread: the pieces are transcribed in parallel; nothing is downloaded
        model = WhisperModel(
            str(piece.model.folder), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise SpeechModelError(f"{piece.model.name}: the speech model cannot be loaded ({error})") from error
    if piece.is_translated and not model.model.is_multilingual:
        raise SpeechModelError(f"{piece.model.name}: the model knows English only, and cannot translate")
    if piece.language not in (None, "en") and not model.model.is_multilingual:
        raise SpeechModelError(f"{piece.model.name}: the model knows English only, not {piece.language}")
    segments, info = model.transcribe(
        samples,
        language=piece.language,
        task="translate" if piece.is_translated else "transcribe",
        # without speech there are no words, so that music makes none
        vad_filter=True,
        word_timestamps=True,
        # a mistake in one sentence would continue in the next
        condition_on_previous_text=False,
        beam_size=1,
    )
    offset = piece.start / SAMPLE_RATE
    words: list[Word] = []
    for word in (word for segment in segments for word in segment.words or ()):
        start, end = (round(offset + float(time), 3) for time in (word.start, word.end))
        if words and word.word.startswith(_CONTINUATIONS):
            # the second part of a word, such as "-based"
            words[-1] = Word(words[-1].start, end, words[-1].text + word.word.strip())
        else:
            words.append(Word(start, end, word.word.strip()))
    return words, "en" if piece.is_translated else info.language


def _measure_levels(path: Path) -> NDArray[np.float32]:
    """Return the root mean square of each window; the last one may be incomplete."""
    levels: list[float] = []
    rest = np.zeros(0, np.float32)
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            rest = np.concatenate((rest, _to_floats(frame)))
            count = len(rest) // _WINDOW
            windows = rest[: count * _WINDOW].reshape(count, _WINDOW)
            levels += np.sqrt((windows**2).mean(axis=1)).tolist()
            rest = rest[count * _WINDOW :]
    if len(rest):
        levels.append(float(np.sqrt((rest**2).mean())))
    if not levels:
        raise TrackError("the audio track is empty within the duration of the video")
    return np.array(levels, np.float32)


def _read_samples(path: Path, start: int, stop: int) -> NDArray[np.float32]:
    """Return samples [start, stop) of a file, or fewer at its end."""
    parts, position = [], 0
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            values = _to_floats(frame)
            first, last = max(start - position, 0), stop - position
            if last <= 0:
                break
            if first < len(values):
                parts.append(values[first:last])
            position += len(values)
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def _to_floats(frame: Any) -> NDArray[np.float32]:
    samples = frame.to_ndarray().reshape(-1)
    scale = float(np.iinfo(samples.dtype).max) if samples.dtype.kind == "i" else 1.0
    floats: NDArray[np.float32] = (samples / scale).astype(np.float32)
    return floats
