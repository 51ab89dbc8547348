"""Captions of a run: transcribe the main audio track in parallel pieces, and lay the words out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import Executor
from importlib.util import find_spec
from pathlib import Path

from encoder import AudioStream, Source, SubtitleStream, SubtitleTrack, TrackError
from encoder.captions.cue_layout import format_webvtt, lay_out_cues
from encoder.captions.speech_model import SpeechModelError, find_speech_model
from encoder.captions.transcription import (
    SpeechPiece,
    extract_speech,
    join_transcripts,
    plan_pieces,
    transcribe_piece,
)
from encoder.media.languages import normalise_language
from encoder.packaging.descriptors import MACHINE_GENERATED
from ladders import Shot
from shotladder.pipeline.encode_request import CaptionRequest, EncodeRequest
from shotladder.reporter import Reporter

__all__ = ["check_captions", "describe_captions", "make_captions"]


def check_captions(request: EncodeRequest) -> None:
    """Check the model and the language of captions, before anything is encoded.

    Raises
    ------
    SpeechModelError
        If the model is missing, or faster-whisper is not installed.
    TrackError
        If the language is not a tag of BCP 47.
    """
    captions = request.captions
    if captions is None:
        return
    find_speech_model(captions.model)
    if find_spec("faster_whisper") is None:
        raise SpeechModelError("captions need faster-whisper: pip install 'shotladder[captions]'")
    if captions.language is not None and normalise_language(captions.language) is None:
        raise TrackError(f"captions: {captions.language!r} is not a language tag such as en or pt-BR")


def make_captions(
    request: EncodeRequest, source: Source, shots: Sequence[Shot], executor: Executor, reporter: Reporter
) -> SubtitleTrack | None:
    """Return the captions of the main audio track; without captions, print the reason and return None."""
    captions = request.captions
    if captions is None:
        return None
    stream = choose_speech(source.audio)
    if stream is None:
        reporter.say(f"{source.path}: no captions, because the source has no audio")
        return None
    with reporter.stage("captions") as advance:
        model = find_speech_model(captions.model)
        path, identity = executor.submit(extract_speech, source, stream, request.store).result()
        ranges = plan_pieces(request.store.fetch(path))
        language = None if captions.language is None else (normalise_language(captions.language) or "").split("-")[0]
        jobs = [
            executor.submit(
                transcribe_piece,
                SpeechPiece(path, identity, a, b, model, language, captions.is_translated, request.store),
            )
            for a, b in ranges
        ]
        parts = []
        for n, job in enumerate(jobs, 1):
            parts.append(job.result())
            advance(n, len(jobs))
        transcript = join_transcripts(parts)
    cuts = [float(source.time(shot.start)) for shot in shots[1:] if shot.transition == "cut"]
    cues = lay_out_cues(transcript.words, float(source.duration), cuts)
    if not cues:
        reporter.say(f"{source.path}: no captions, because audio track {stream.index} contains no speech")
        return None
    text = format_webvtt(cues)
    made = _store_text(request, text)
    spoken = transcript.language or "und"
    reporter.say(f"captions: {len(cues)} cues in {spoken}, made by {model.name} and not checked by a person")
    described = SubtitleStream(
        stream.index,
        "whisper",
        language=spoken,
        title=f"{spoken} (automatic)",
        dispositions=("captions", MACHINE_GENERATED),
    )
    return SubtitleTrack(described, made)


def choose_speech(streams: Sequence[AudioStream]) -> AudioStream | None:
    """Return the default audio track, or the first that is neither a commentary nor a description."""
    usable = [each for each in streams if not each.is_empty and each.channels]
    plain = [each for each in usable if not {"comment", "visual_impaired", "descriptions"} & set(each.dispositions)]
    default = [each for each in plain if "default" in each.dispositions]
    return next(iter((*default, *plain, *usable)), None)


def describe_captions(captions: CaptionRequest) -> list[str | bool | None]:
    """Return what decides the captions, for the hash of a request."""
    return [find_speech_model(captions.model).digest, captions.language, captions.is_translated]


def _store_text(request: EncodeRequest, text: str) -> Path:
    path = request.store.path("captions", {"text": hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}, ".vtt")

    def write(temporary: Path) -> None:
        temporary.write_text(text, encoding="utf-8")

    if request.store.find(path) is None:
        request.store.write(path, write)
    return request.store.fetch(path)
