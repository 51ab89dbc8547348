"""Loudness of audio tracks is measured as EBU R 128 defines it, and changed by a constant gain on request."""

from fractions import Fraction

import av
import numpy as np
import pytest

import encoder
from encoder import AudioTrack
from encoder.tracks.loudness import Loudness, choose_gain, measure_loudness
from shotladder_runtime.process import run
from shotladder_runtime.store import Store
from shotladder_runtime.tools import ffmpeg_path
from tests.encoder.videos import SAMPLE_RATE, write_video

SECONDS = 4


def write_tone(path, level):
    """Write a video with a mono sine of 1 kHz; `level` is its peak in dBFS."""
    times = np.arange(SECONDS * SAMPLE_RATE) / SAMPLE_RATE
    samples = np.round(32767 * 10 ** (level / 20) * np.sin(2 * np.pi * 1000 * times)).astype(np.int16)
    return encoder.inspect(write_video(path, 25 * SECONDS, audio=(Fraction(0), samples)))


@pytest.fixture(scope="module")
def tone(tmp_path_factory):
    """A sine of -20 dBFS has -23 LUFS in one channel (ITU-R BS.1770-4, annex 1)."""
    return write_tone(tmp_path_factory.mktemp("tone") / "tone.mkv", -20)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store(tmp_path_factory.mktemp("store") / "store")


def test_encode_audio_measures_loudness(tone, store):
    track = encoder.encode_audio(tone, tone.audio[0], store)
    assert track.loudness.integrated == pytest.approx(-23, abs=0.3)
    # the encoder overshoots where the sine begins
    assert track.loudness.true_peak == pytest.approx(-20, abs=2)
    assert track.loudness.range < 1
    again = encoder.encode_audio(tone, tone.audio[0], store)
    assert (again.loudness, again.cpu_seconds) == (track.loudness, 0)


def test_encode_audio_reaches_a_target_loudness(tone, store):
    plain = encoder.encode_audio(tone, tone.audio[0], store)
    track = encoder.encode_audio(tone, tone.audio[0], store, "aac", -16.0)
    assert track.loudness.integrated == pytest.approx(-16, abs=0.3)
    (note,) = track.notes
    assert note.startswith("loudness changed by +7.")
    # the encode without a target is still the same artefact
    assert encoder.encode_audio(tone, tone.audio[0], store).path == plain.path != track.path


def test_encode_audio_leaves_silence_as_it_is(tmp_path, store):
    source = encoder.inspect(
        write_video(tmp_path / "a.mkv", 50, audio=(Fraction(0), np.zeros(2 * SAMPLE_RATE, np.int16)))
    )
    track = encoder.encode_audio(source, source.audio[0], store, "aac", -23.0)
    assert track.loudness is None
    assert track.notes == ("the track is silent; its loudness is not changed",)


def test_choose_gain_is_limited_by_the_true_peak():
    gain, note = choose_gain(Loudness(-30.0, 5.0, -6.0), -16.0)
    assert gain == 5.0
    assert note == "loudness changed by +5.0 dB from -30.0 to -25.0 LUFS; more would raise the true peak above -1 dBTP"
    assert choose_gain(Loudness(-10.0, 5.0, 0.5), -23.0)[0] == -13.0
    assert choose_gain(Loudness(-23.04, 5.0, -3.0), -23.0)[0] == 0.0


@pytest.fixture(scope="module")
def surround(tmp_path_factory):
    """A video with 5.1 E-AC-3."""
    folder = tmp_path_factory.mktemp("surround")
    video = write_video(folder / "video.mp4", 25 * SECONDS)
    sound = [
        "-f",
        "lavfi",
        "-i",
        f"sine=frequency=1000:duration={SECONDS}:sample_rate=48000",
        "-ac",
        "6",
        "-c:a",
        "eac3",
    ]
    run([ffmpeg_path(), "-v", "error", "-i", str(video), *sound, "-c:v", "copy", str(folder / "surround.mkv")])
    return encoder.inspect(folder / "surround.mkv")


def read_dialogue_level(track: AudioTrack) -> int:
    """Return dialnorm of the first E-AC-3 frame (ETSI TS 102 366, E.1.2.2): bits 45 to 49 for 48 kHz."""
    with av.open(str(track.path)) as container:
        frame = next(bytes(packet) for packet in container.demux(audio=0) if packet.size)
    assert frame[:2] == b"\x0b\x77"
    return int.from_bytes(frame[:8], "big") >> (64 - 50) & 31


def test_encode_audio_states_the_dialogue_level_of_eac3(surround, store):
    plain = encoder.encode_audio(surround, surround.audio[0], store, "eac3")
    track = encoder.encode_audio(surround, surround.audio[0], store, "eac3", -24.0)
    assert (read_dialogue_level(plain), read_dialogue_level(track)) == (31, 24)
    assert track.loudness.integrated == pytest.approx(-24, abs=0.5)


def test_encode_audio_keeps_the_loudness_of_a_copied_track(surround, store):
    track = encoder.encode_audio(surround, surround.audio[0], store, "copy", -10.0)
    assert track.notes == ("a copied track keeps its loudness",)
    assert track.loudness == measure_loudness(surround, track.path)
