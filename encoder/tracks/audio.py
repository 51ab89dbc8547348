"""Audio tracks: each is encoded once per title, on the timeline of the video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import ffmpeg

from encoder.errors import SourceError, TrackError
from encoder.media.container import input_options, open_container
from encoder.media.inspection import as_source
from encoder.media.source import AudioStream, Source
from encoder.media.unchanged_source import unchanged_source
from encoder.tracks.loudness import Loudness, choose_gain, measure_loudness
from encoder.tracks.tool_notes import limit_time, summarise_errors
from shotladder_runtime.printable_text import printable
from shotladder_runtime.process import QUIET, run
from shotladder_runtime.store.store import Store
from shotladder_runtime.tools import ffmpeg_path, ffmpeg_version

__all__ = ["AUDIO_CODECS", "AudioCodec", "AudioTrack", "choose_audio_codecs", "encode_audio"]

#: Samples per second of every encoded track; all of `AUDIO_CODECS` support it.
SAMPLE_RATE = 48_000
#: Codecs of source tracks that may be copied into a presentation, because players decode them.
COPIED_CODECS = frozenset({"ac3", "eac3", "flac"})
#: Codecs whose bitstream states a dialogue level, and which the players of 5.1 support.
DOLBY_CODECS = frozenset({"ac3", "eac3"})
#: Max number of channels for which FFmpeg takes the usual layout if the source states none.
MAX_USUAL_CHANNELS = 8
#: Kind of the artefacts with the notes on a track.
NOTES = "audio-notes"
#: Kind of the artefacts with the loudness of a track.
LOUDNESS = "loudness"
#: Name that stands for copying a track instead of encoding it.
COPY = "copy"


@dataclass(frozen=True, slots=True)
class AudioCodec:
    """An audio encoder: FFmpeg's name, bits/s of stereo and of 5.1, None for a layout that it is not used for."""

    encoder: str
    stereo: int | None
    surround: int | None


#: 64 kbit/s per channel is transparent for most listeners with FFmpeg's AAC encoder; AC-3 has the bitrate of DVDs.
AUDIO_CODECS = {
    "aac": AudioCodec("aac", 128_000, None),
    "eac3": AudioCodec("eac3", None, 384_000),
    "ac3": AudioCodec("ac3", None, 448_000),
    "opus": AudioCodec("libopus", 96_000, 256_000),
}


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """One audio track of a presentation: its stream in the source, its file and its properties.

    `bitrate` (bits/s) is None for a copied track. `notes` state what ffmpeg reported when it encoded the track.
    `loudness` is None for a silent track.
    """

    stream: AudioStream
    path: Path
    codec: str
    channels: int
    bitrate: int | None
    cpu_seconds: float
    notes: tuple[str, ...] = ()
    loudness: Loudness | None = None


def choose_audio_codecs(stream: AudioStream, requested: Sequence[str]) -> tuple[str, ...]:
    """Return the requested codecs that suit a track, in the requested order.

    5.1 codecs suit tracks with at least 6 channels whose places are known, and `copy` suits tracks whose codec may be
    copied. A copied track of AC-3 or E-AC-3 is not encoded to 5.1 a second time. A track that no requested codec suits
    is encoded to AAC.

    Examples
    --------
    >>> stereo, surround = (AudioStream(0, "ac3", n, 48_000, Fraction(0)) for n in (2, 6))
    >>> choose_audio_codecs(stereo, ["aac", "eac3"]), choose_audio_codecs(surround, ["aac", "eac3"])
    (('aac',), ('aac', 'eac3'))
    >>> choose_audio_codecs(surround, ["aac", "eac3", "copy"])
    ('aac', 'copy')
    """
    if stream.is_empty:
        return (*requested[:1], "aac")[:1]
    is_copied = COPY in requested and stream.codec in COPIED_CODECS
    chosen = []
    for name in requested:
        if name == COPY:
            is_suitable = is_copied
        elif AUDIO_CODECS[name].stereo is None:
            is_suitable = _is_surround(stream) and not (is_copied and stream.codec in DOLBY_CODECS)
        else:
            is_suitable = True
        if is_suitable:
            chosen.append(name)
    return tuple(chosen) or ("aac",)


def encode_audio(
    source: Source | str | Path,
    stream: AudioStream,
    store: Store,
    codec: str = "aac",
    target_loudness: float | None = None,
) -> AudioTrack:
    """Encode or copy one audio track, and measure its loudness.

    The track begins with the first frame of the video: earlier audio is cut, a later start and gaps are filled with
    silence, so that audio and video stay in sync. A copied track is cut to whole packets and keeps its gaps.

    Parameters
    ----------
    source : Source, str or Path
        A path or a URL is inspected first.
    stream : AudioStream
        One of the audio streams of the source.
    store : Store
    codec : str
        A key of `AUDIO_CODECS`, which gives mono, stereo or 5.1 depending on the codec and the track; or "copy".
    target_loudness : float, optional
        LUFS. The track is encoded, measured, and encoded again with the gain that it needs; AC-3 and E-AC-3 state the
        target as their dialogue level. A copied track keeps its loudness. Default: the loudness of the source.

    Raises
    ------
    TrackError
        If the audio track is empty within the duration of the video, or cannot be decoded or copied.
    """
    source = as_source(source)
    track = _encode(source, stream, store, codec)
    if target_loudness is None:
        return track
    if codec == COPY:
        return replace(track, notes=(*track.notes, "a copied track keeps its loudness"))
    gain, note = choose_gain(track.loudness, target_loudness)
    changed = _encode(source, stream, store, codec, _Level(gain, _round_dialogue_level(track, target_loudness)))
    return replace(changed, notes=(*changed.notes, note), cpu_seconds=track.cpu_seconds + changed.cpu_seconds)


@dataclass(frozen=True, slots=True)
class _Level:
    """Gain in dB, and the dialogue level in dB below full scale that the bitstream states, if it can."""

    gain: float
    dialogue: int | None


def _round_dialogue_level(track: AudioTrack, target: float) -> int | None:
    """Return the dialogue level of AC-3 (ETSI TS 102 366, 4.4.2.8: -31 to -1 dB); None for other codecs."""
    return min(max(round(target), -31), -1) if track.codec in DOLBY_CODECS else None


def _encode(source: Source, stream: AudioStream, store: Store, codec: str, level: _Level | None = None) -> AudioTrack:
    if stream.is_empty:
        raise TrackError("the source announces the audio track, but holds no packet of it")
    if not stream.channels or not stream.sample_rate:
        raise TrackError("FFmpeg cannot decode the audio track")
    origin = source.pts[0] * source.time_base
    cache_key: dict[str, Any] = {
        "source": source.content_id,
        "stream": stream.index,
        "origin": float(origin),
        "duration": float(source.duration),
        "codec": codec,
    }
    if codec == COPY:
        path = store.path("audio", cache_key, ".mp4")
        if store.find(path) is None:
            try:
                store.write(path, lambda temporary: _copy_packets(source, stream, temporary))
            except SourceError:
                raise
            except (av.FFmpegError, ValueError) as error:
                raise TrackError(f"the audio track cannot be copied ({error})") from error
        track = _require_packets(AudioTrack(stream, store.fetch(path), stream.codec, stream.channels, None, 0.0))
        return _with_loudness(source, track, store, cache_key)
    channels, bitrate = _choose_layout(AUDIO_CODECS[codec], stream)
    cache_key |= {"rate": bitrate, "channels": channels, "ffmpeg": ffmpeg_version()}
    if level is not None:
        cache_key |= {"gain": level.gain, "dialogue": level.dialogue}
    path = store.path("audio", cache_key, ".mp4")
    cpu = 0.0
    if store.find(path) is None:
        # ffmpeg-python hashes names as UTF-8, so a name that is not UTF-8 replaces its escaped form at the end
        name = printable(source.path)
        opened = ffmpeg.input(name, copyts=None, **input_options(source.path))[str(stream.index)]
        mix = _mix_to_mono(stream)
        if mix is not None:
            opened = opened.filter("pan", args=f"stereo|c0={mix}|c1={mix}")
        audio = (
            opened.filter("aresample", SAMPLE_RATE)
            .filter("asetpts", f"PTS-({float(origin):.6f})/TB")
            .filter("aresample", **{"async": 1, "first_pts": 0})
            .filter("atrim", end=float(source.duration))
        )
        if level is not None and level.gain:
            audio = audio.filter("volume", volume=f"{level.gain:.2f}dB")

        def make(temporary: Path) -> None:
            nonlocal cpu
            encoder = AUDIO_CODECS[codec].encoder
            options = {"c:a": encoder, "b:a": bitrate, "ac": channels, "f": "mp4", "threads": 1}
            if level is not None and level.dialogue is not None:
                options["dialnorm"] = level.dialogue
            output = ffmpeg.output(audio, str(temporary), vn=None, sn=None, **options)
            command = output.global_args(*QUIET).overwrite_output()
            argv = [source.path if word == name else word for word in command.compile(cmd=ffmpeg_path())]
            with unchanged_source(source):
                done = run(argv, time_limit=limit_time(source))
            cpu = done.cpu_seconds
            store.write_json(NOTES, cache_key, summarise_errors(done.stderr))

        store.write(path, make)
    notes = tuple(store.read_json(NOTES, cache_key) or ())
    track = _require_packets(AudioTrack(stream, store.fetch(path), codec, channels, bitrate, cpu, notes))
    return _with_loudness(source, track, store, cache_key)


def _with_loudness(source: Source, track: AudioTrack, store: Store, cache_key: dict[str, Any]) -> AudioTrack:
    """Return a track with its loudness, which the store keeps."""
    key = {**cache_key, "measured_with": ffmpeg_version()}
    known = store.read_json(LOUDNESS, key)
    if known is None:
        measured = measure_loudness(source, track.path)
        known = {} if measured is None else asdict(measured)
        store.write_json(LOUDNESS, key, known)
    return replace(track, loudness=Loudness(**known) if known else None)


def _is_surround(stream: AudioStream) -> bool:
    return stream.channels >= 6 and _mix_to_mono(stream) is None


def _mix_to_mono(stream: AudioStream) -> str | None:
    """Return the mix of channels whose places FFmpeg does not know, as a gain for each; None if it knows them."""
    if stream.layout.startswith("ambisonic"):
        # the first component is the sound from all directions
        return "c0"
    if not stream.layout and stream.channels > MAX_USUAL_CHANNELS:
        return "+".join(f"{1 / stream.channels:.6f}*c{n}" for n in range(stream.channels))
    return None


def _choose_layout(codec: AudioCodec, stream: AudioStream) -> tuple[int, int]:
    """Return the number of channels and the bitrate (bits/s) of an encode."""
    if codec.surround and (_is_surround(stream) or codec.stereo is None):
        return 6, codec.surround
    channels = min(stream.channels, 2) or 2
    return channels, (codec.stereo or 0) * channels // 2


def _require_packets(track: AudioTrack) -> AudioTrack:
    with av.open(str(track.path)) as container:
        packets = sum(packet.size > 0 for packet in container.demux(audio=0)) if container.streams.audio else 0
    if not packets:
        raise TrackError("the audio track is empty within the duration of the video")
    return track


def _copy_packets(source: Source, stream: AudioStream, path: Path) -> None:
    """Copy the packets of a track that overlap the duration of the video."""
    origin = source.pts[0] * source.time_base
    base = Fraction(1, stream.sample_rate)
    # the first packet may begin before the first frame; an edit list then states where in the packet playback begins
    options = {"use_editlist": "1"}
    with (
        unchanged_source(source),
        open_container(source.path) as container,
        av.open(str(path), "w", format="mp4", options=options) as out,
    ):
        read = container.streams[stream.index]
        track = out.add_stream_from_template(read)
        track.time_base = base
        for packet in container.demux(read):
            if not packet.size or packet.pts is None:
                continue
            start = packet.pts * packet.time_base - origin
            length = (packet.duration or 0) * packet.time_base
            if start + length <= 0 or start >= source.duration:
                continue
            copied = av.Packet(bytes(packet))
            copied.stream, copied.time_base = track, base
            copied.pts = copied.dts = round(start / base)
            copied.duration = round(length / base)
            out.mux(copied)
