"""Encode the audio tracks and extract the subtitle tracks of a source."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from typing import TypeVar

import encoder
from encoder import AudioStream, AudioTrack, Source, SubtitleStream, SubtitleTrack, TrackError
from encoder.media.unchanged_source import require_unchanged
from shotladder.pipeline.encode_request import EncodeRequest
from shotladder.report.presentation_inputs import SkippedTrack
from shotladder.reporter import Reporter
from shotladder_runtime.errors import ProcessError

__all__ = ["SideTracks", "encode_side_tracks"]

Track = TypeVar("Track", AudioTrack, SubtitleTrack)


@dataclass(frozen=True, slots=True, eq=False)
class SideTracks:
    """The audio and subtitle tracks of a presentation, and the source's tracks that are skipped."""

    audio: Sequence[AudioTrack] = ()
    text: Sequence[SubtitleTrack] = ()
    skipped: Sequence[SkippedTrack] = ()


def encode_side_tracks(request: EncodeRequest, source: Source, executor: Executor, reporter: Reporter) -> SideTracks:
    """Encode every audio track to each requested codec, and convert every subtitle track to WebVTT.

    A track that cannot be converted is skipped and reported.
    """
    audio_streams = source.audio if request.audio else ()
    text_streams = source.subtitles if request.subtitles else ()
    if not request.audio and not request.subtitles:
        return SideTracks()
    for stream in audio_streams:
        if stream.has_objects and "copy" not in request.audio:
            reporter.say(f"track {stream.index}: its Dolby Atmos objects are left out; `--audio aac,copy` keeps them")
    with reporter.stage("audio and subtitles"):
        audio_jobs = [
            (stream, executor.submit(encoder.encode_audio, source, stream, request.store, codec, request.loudness))
            for stream in audio_streams
            for codec in encoder.choose_audio_codecs(stream, request.audio)
        ]
        text_jobs = [
            (stream, executor.submit(encoder.extract_subtitles, source, stream, request.store))
            for stream in text_streams
        ]
        audio = [_wait_for_track(job, stream, source, reporter) for stream, job in audio_jobs]
        text = [_wait_for_track(job, stream, source, reporter) for stream, job in text_jobs]
        # on a cluster, another machine may have written the files
        return SideTracks(
            [replace(t, path=request.store.fetch(t.path)) for t in audio if not isinstance(t, SkippedTrack)],
            [replace(t, path=request.store.fetch(t.path)) for t in text if not isinstance(t, SkippedTrack)],
            [track for track in (*audio, *text) if isinstance(track, SkippedTrack)],
        )


def _wait_for_track(
    job: Future[Track], stream: AudioStream | SubtitleStream, source: Source, reporter: Reporter
) -> Track | SkippedTrack:
    """Return a track; if it cannot be converted, report that and return why it is skipped.

    Raises
    ------
    SourceError
        If it cannot be converted because the source has changed.
    """
    try:
        track = job.result()
    except (ProcessError, TrackError) as error:
        # a negative code is a signal: the run is being stopped, and the track is not at fault
        if isinstance(error, ProcessError) and error.returncode < 0:
            raise
        require_unchanged(source)
        language = stream.language or "no language"
        reporter.say(f"track {stream.index} ({stream.codec}, {language}) is skipped: {error}")
        return SkippedTrack(stream, str(error))
    for note in track.notes:
        reporter.say(f"track {stream.index} ({stream.codec}): {note}")
    return track
