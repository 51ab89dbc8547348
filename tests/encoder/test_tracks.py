"""Sound and text stay to the picture as they were in the film, measured on what a player fetches."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import encoder
from encoder import Chunk, ChunkJob, Rendition, Segment, Store, inspect
from encoder.process import run
from tests.encoder.films import SOUND_RATE, beep, beep_heard, fetched, write_film

RUNG = Rendition("a", "h264", 128, 64, "ultrafast")


def packaged_sound(film: Path, folder: Path) -> Path:
    """Make a presentation of one chunk and return its sound as it is fetched."""
    source, store = inspect(film), Store(folder / "store")
    chunk = Chunk(0, source.frame_count, (0,), (0,))
    job = ChunkJob(source, chunk, (RUNG,), (30.0,), store)
    encoder.encode_chunk(job)
    encoder.stitch(source, [chunk], [encoder.chunk_path(job, 0)], folder / "a.mp4")
    tracks = [encoder.encode_audio(source, stream, store) for stream in source.audio]
    out = folder / "out"
    out.mkdir()
    segments = [Segment(0, source.frame_count)]
    encoder.package(out, source, segments, [(RUNG, folder / "a.mp4")], [t for t in tracks if t], [])
    return fetched(out, "audio_und.m3u8")


# where the picture starts, where the sound does, and where in the sound the beep is: s
STARTS = {
    "together": (0, 0, 0.5),
    "sound late": (0, 0.7, 0.4),
    "sound early": (0.6, 0, 1.1),
    "both late": (1.2, 1.2, 0.5),
    "sound much earlier": (2, 0, 2.4),
    "picture first by a frame": (0, 0.04, 0.8),
}


@pytest.mark.parametrize("container", ["mkv", "mov"])
@pytest.mark.parametrize("case", STARTS)
def test_sound_stays_to_the_picture(tmp_path, case, container):
    picture, sound, inside = STARTS[case]
    ticks = range(round(picture * 25), round(picture * 25) + 50)
    samples = beep(inside + 1.0, inside)
    film = write_film(
        tmp_path / f"film.{container}", ticks=ticks, sound=(Fraction(sound).limit_denominator(100), samples)
    )
    source = inspect(film)
    # as the file tells it, which is what we have to keep
    wanted = beep_heard(film) - float(source.pts[0] * source.time_base)
    assert wanted == pytest.approx(sound + inside - picture, abs=0.002)
    heard = beep_heard(packaged_sound(film, tmp_path))
    assert heard == pytest.approx(wanted, abs=0.002)


def test_gaps_in_the_sound_are_silence(tmp_path):
    film = tmp_path / "film.mkv"
    write_film(tmp_path / "early.mkv", 75, sound=(Fraction(0), beep(0.3, 9)))
    write_film(tmp_path / "late.mkv", 75, sound=(Fraction(2), beep(0.5, 0.2)))
    # one track, of which 1.7 s are missing
    names = (tmp_path / "early.mkv", tmp_path / "late.mkv")
    with av.open(str(names[0])) as early, av.open(str(names[1])) as late, av.open(str(film), "w") as out:
        video = out.add_stream_from_template(early.streams.video[0])
        sound = out.add_stream_from_template(early.streams.audio[0])
        packets = [(p, video) for p in early.demux(video=0) if p.size]
        early.seek(0)
        packets += [(p, sound) for part in (early, late) for p in part.demux(audio=0) if p.size]
        for packet, stream in sorted(packets, key=lambda item: item[0].dts * item[0].time_base):
            packet.stream = stream
            out.mux(packet)
    assert beep_heard(film) == pytest.approx(2.2, abs=0.002)
    assert beep_heard(packaged_sound(film, tmp_path)) == pytest.approx(2.2, abs=0.002)


def test_sound_is_aac_at_48_khz_in_at_most_two_channels(tmp_path):
    film = tmp_path / "film.mkv"
    argv = [encoder.ffmpeg_path(), "-v", "error", "-f", "lavfi", "-i", "testsrc=s=64x64:d=1", "-f", "lavfi"]
    argv += ["-i", "sine=d=1:r=44100,aformat=channel_layouts=5.1", "-c:v", "ffv1", "-c:a", "flac", str(film)]
    run(argv)
    source = inspect(film)
    assert source.audio[0].channels == 6
    track = encoder.encode_audio(source, source.audio[0], Store(tmp_path))
    assert track.bitrate == 128_000
    with av.open(str(track.path)) as container:
        context = container.streams.audio[0].codec_context
        assert (context.name, context.sample_rate, context.layout.nb_channels) == ("aac", 48_000, 2)


def test_sound_that_ends_before_the_picture_starts_is_no_track(tmp_path):
    silence = np.zeros(SOUND_RATE // 2, np.int16)
    film = write_film(tmp_path / "film.mkv", ticks=range(50, 100), sound=(Fraction(0), silence))
    source = inspect(film)
    assert encoder.encode_audio(source, source.audio[0], Store(tmp_path)) is None


def subtitled(folder: Path, start: int = 0, codec: str = "srt") -> encoder.Source:
    words = folder / "words.srt"
    words.write_text("1\n00:00:00,500 --> 00:00:01,250\nHello, <i>there</i>\n\n2\n00:00:03,000 --> 00:00:04,000\nBye\n")
    picture = write_film(folder / "picture.mkv", 100, ticks=range(start, start + 100))
    argv = [
        encoder.ffmpeg_path(),
        "-v",
        "error",
        "-copyts",
        "-i",
        str(picture),
        "-i",
        str(words),
        "-map",
        "0",
        "-map",
        "1",
    ]
    run([*argv, "-c:v", "copy", "-c:s", codec, "-metadata:s:s:0", "language=fra", str(folder / "film.mkv")])
    return inspect(folder / "film.mkv")


@pytest.mark.parametrize("codec", ["srt", "ass", "webvtt"])
def test_text_becomes_web_vtt_with_its_times(tmp_path, codec):
    source = subtitled(tmp_path, codec=codec)
    assert source.text[0].language == "fra"
    text = encoder.extract_text(source, source.text[0], Store(tmp_path)).path.read_text()
    assert text.startswith("WEBVTT")
    assert "00:00.500 --> 00:01.250\nHello, <i>there</i>" in text
    assert "00:03.000 --> 00:04.000\nBye" in text


def test_text_is_timed_from_the_first_picture(tmp_path):
    source = subtitled(tmp_path, start=25)
    assert source.pts[0] * source.time_base == 1
    text = encoder.extract_text(source, source.text[0], Store(tmp_path)).path.read_text()
    # what was to be read before the first picture is left out and shifts nothing
    assert text == "WEBVTT\n\n00:02.000 --> 00:03.000\nBye\n"


def test_text_of_a_film_that_starts_late_stays_to_the_picture(tmp_path):
    source = subtitled(tmp_path, start=10)
    text = encoder.extract_text(source, source.text[0], Store(tmp_path)).path.read_text()
    assert "00:00.100 --> 00:00.850\nHello" in text
    assert "00:02.600 --> 00:03.600\nBye" in text


def test_text_in_pictures_is_no_text_track(tmp_path):
    source = subtitled(tmp_path)
    stream = encoder.TextStream(source.text[0].index, "dvd_subtitle")
    assert encoder.extract_text(source, stream, Store(tmp_path)) is None
