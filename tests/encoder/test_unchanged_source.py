"""A job reads what was inspected, or raises before anything is stored."""

import os
import shutil
from dataclasses import replace
from fractions import Fraction

import pytest

import encoder
import vmaf
from encoder import Chunk, ChunkJob, Rendition, SourceError, inspect
from encoder.encode import chunks
from encoder.media import inspection
from encoder.media.unchanged_source import inspect_exactly, unchanged_source
from encoder.tracks import audio, subtitles
from shotladder_runtime.process import run
from shotladder_runtime.store.store import Store
from shotladder_runtime.tools import ffmpeg_path
from tests.encoder.videos import beep, write_video

CHANGED = "has changed since it was inspected"


@pytest.fixture
def video(tmp_path):
    return write_video(tmp_path / "video.mkv", 25, audio=(Fraction(0), beep(1.0, 0.2)))


@pytest.fixture
def other(tmp_path):
    """Return a video with the same frame times and other frames."""
    path = tmp_path / "other.mkv"
    argv = [ffmpeg_path(), "-v", "error", "-nostdin", "-i", str(tmp_path / "video.mkv"), "-vf", "negate"]
    run([*argv, "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "copy", str(path)])
    return path


def exchange(video, other):
    """Replace a video by another one of the same size and modification time."""
    state, size = video.stat(), max(video.stat().st_size, other.stat().st_size)
    other.replace(video)
    with video.open("r+b") as file:
        file.truncate(size)
    os.utime(video, ns=(state.st_atime_ns, state.st_mtime_ns))


def exchanging(function, video, other):
    """Return a function that exchanges a video after it has read it."""

    def read_and_exchange(*arguments, **options):
        result = function(*arguments, **options)
        exchange(video, other)
        return result

    return read_and_exchange


def stored_files(folder):
    return [path for path in folder.rglob("*") if path.is_file() and path.name != "shotladder-store.json"]


def job_for(source, folder):
    rendition = Rendition("a", "h264", 64, 32, "ultrafast")
    return ChunkJob(source, Chunk(0, 25, (0,), (0,)), (rendition,), (20.0,), Store(folder / "store"))


@pytest.mark.parametrize("how", ["exchanged", "rewritten", "deleted"])
def test_decode_rejects_a_source_that_changes_between_two_frames(video, other, how):
    source = inspect(video)
    frames = encoder.decode(source, 0, 20)
    next(frames)
    if how == "exchanged":
        exchange(video, other)
    elif how == "rewritten":
        shutil.copyfile(other, video)
    else:
        video.unlink()
    with pytest.raises(SourceError, match="cannot be opened" if how == "deleted" else CHANGED):
        for frame in frames:
            assert frame.number < 19


def test_decode_accepts_the_same_content_in_another_file(video):
    source = inspect(video)
    video.touch()
    assert sum(1 for _ in encoder.decode(source)) == 25
    shutil.copyfile(video, video.with_name("copy.mkv"))
    video.with_name("copy.mkv").replace(video)
    assert sum(1 for _ in encoder.decode(source)) == 25


def test_unchanged_source_accepts_a_new_link_within_the_block(video):
    source = inspect(video)
    with unchanged_source(source):
        os.link(video, video.with_name("link.mkv"))
    assert video.stat().st_nlink == 2


def test_encode_chunk_stores_nothing_of_an_exchanged_source(video, other, tmp_path):
    job = job_for(inspect(video), tmp_path)
    exchange(video, other)
    with pytest.raises(SourceError, match=CHANGED):
        encoder.encode_chunk(job)
    assert stored_files(tmp_path / "store") == []


def test_encode_chunk_stores_nothing_of_a_source_exchanged_meanwhile(video, other, tmp_path, monkeypatch):
    job = job_for(inspect(video), tmp_path)
    encode = chunks._encode

    def exchange_and_encode(*arguments, **options):
        exchange(video, other)
        return encode(*arguments, **options)

    monkeypatch.setattr(chunks, "_encode", exchange_and_encode)
    with pytest.raises(SourceError, match=CHANGED):
        encoder.encode_chunk(job)
    assert stored_files(tmp_path / "store") == []


@pytest.mark.parametrize("codec", ["aac", "copy"])
def test_encode_audio_stores_nothing_of_an_exchanged_source(video, other, tmp_path, codec):
    source = inspect(video)
    exchange(video, other)
    with pytest.raises(SourceError, match=CHANGED):
        encoder.encode_audio(source, source.audio[0], Store(tmp_path / "store"), codec)
    assert stored_files(tmp_path / "store") == []


@pytest.mark.parametrize("codec", ["aac", "copy"])
def test_encode_audio_stores_nothing_of_a_source_exchanged_meanwhile(video, other, tmp_path, monkeypatch, codec):
    source = inspect(video)
    name = "run" if codec == "aac" else "open_container"
    monkeypatch.setattr(audio, name, exchanging(getattr(audio, name), video, other))
    with pytest.raises(SourceError, match=CHANGED):
        encoder.encode_audio(source, source.audio[0], Store(tmp_path / "store"), codec)
    assert stored_files(tmp_path / "store") == []


@pytest.mark.parametrize("is_meanwhile", [False, True])
def test_extract_subtitles_stores_nothing_of_an_exchanged_source(video, other, tmp_path, monkeypatch, is_meanwhile):
    cues, subtitled = tmp_path / "cues.srt", tmp_path / "subtitled.mkv"
    cues.write_text("1\n00:00:00,100 --> 00:00:00,500\nhello\n")
    run([ffmpeg_path(), "-v", "error", "-i", str(video), "-i", str(cues), "-c", "copy", str(subtitled)])
    source = inspect(subtitled)
    if is_meanwhile:
        monkeypatch.setattr(subtitles, "run", exchanging(subtitles.run, subtitled, other))
    else:
        exchange(subtitled, other)
    with pytest.raises(SourceError, match=CHANGED):
        encoder.extract_subtitles(source, source.subtitles[0], Store(tmp_path / "store"))
    assert stored_files(tmp_path / "store") == []


@pytest.mark.parametrize("engine", ["native", "libvmaf"])
def test_score_rejects_an_exchanged_reference(video, other, tmp_path, engine):
    source = inspect(video)
    rendition = shutil.copyfile(video, tmp_path / "rendition.mkv")
    exchange(video, other)
    with pytest.raises(SourceError, match=CHANGED):
        vmaf.score(source, rendition, engine=engine)


def test_inspect_exactly_rejects_an_exchanged_source(video, other):
    source = inspect(video)
    assert inspect_exactly(source).pts == source.pts
    exchange(video, other)
    with pytest.raises(SourceError, match=CHANGED):
        inspect_exactly(source)


def test_inspect_rejects_a_source_that_changes_meanwhile(video, other, monkeypatch):
    read = inspection.read_packets

    def read_and_exchange(*arguments):
        found = read(*arguments)
        exchange(video, other)
        return found

    monkeypatch.setattr(inspection, "read_packets", read_and_exchange)
    with pytest.raises(SourceError, match="changes while it is read"):
        inspect(video)


def test_decode_accepts_a_source_without_a_stamp(video):
    source = replace(inspect(video), stamp=None)
    video.touch()
    assert sum(1 for _ in encoder.decode(source)) == 25
