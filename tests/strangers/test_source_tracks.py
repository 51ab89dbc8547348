"""Sources with unusual tags, side data and tracks: each is read, and what is replaced or left out is reported."""

from pathlib import Path

import av
import numpy as np
import pytest

import encoder
from encoder import TrackError, inspect
from encoder.media.container import open_container
from encoder.media.surveys.side_data import read_side_data
from shotladder_runtime.process import run
from shotladder_runtime.store import Store
from shotladder_runtime.tools import ffmpeg_path

VIDEO = ["-f", "lavfi", "-i", "testsrc2=s=64x36:r=25:d=2"]
TONE = ["-f", "lavfi", "-i", "sine=d=2"]
X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", 0]
CUES = "1\n00:00:00,200 --> 00:00:00,900\nVoilà l'été\n\n2\n00:00:01,000 --> 00:00:01,800\nplain text\n"


def ffmpeg(*words: object) -> None:
    run([ffmpeg_path(), "-v", "error", "-y", *map(str, words)])


def patched(path: Path, old: bytes, new: bytes) -> Path:
    """Replace bytes of a file by the same number of bytes."""
    data = path.read_bytes()
    assert len(old) == len(new)
    assert old in data
    path.write_bytes(data.replace(old, new))
    return path


def tagged(path: Path, **tags: str) -> Path:
    """Write a video and a tone with tags of the audio track."""
    options = [word for name, value in tags.items() for word in ("-metadata:s:a:0", f"{name}={value}")]
    ffmpeg(*VIDEO, *TONE, *X264, "-c:a", "aac", *options, path)
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_inspect_reads_tags_that_are_not_utf8(tmp_path, suffix):
    path = tagged(tmp_path / f"a{suffix}", title="TITLE-été", handler_name="HANDLER-é")
    patched(path, "HANDLER-é".encode(), b"HANDLER-\xee\xf2")
    if suffix == ".mkv":
        # the only title; MP4 keeps none for a track
        patched(path, "TITLE-été".encode(), b"TITLE-\xe9t\xe9!!")
        assert inspect(path).audio[0].title == "TITLE-été!!"
        (note,) = inspect(path).notes
        assert "Windows-1252: 'TITLE-été!!'" in note
    source = inspect(path)
    assert source.frame_count == 50
    assert [frame.number for frame in encoder.decode(source, 10, 12)] == [10, 11]
    assert encoder.encode_audio(source, source.audio[0], Store(tmp_path / "store")).path.is_file()


#: Stated tag, language, and whether a note reports that the tag is unusable.
LANGUAGES = [
    ("fre", "fr", False), ("deu", "de", False), ("pt-BR", "pt-BR", False), ("pt_br", "pt-BR", False),
    ("zh-hant", "zh-Hant", False), ("mul", "mul", False), ("zxx", "zxx", False), ("EN", "en", False),
    ("es-419", "es-419", False), ("und", None, False), ("English", None, True), ("xx", None, True),
    ("i-klingon", None, True), ("??", None, True), ("e n", None, True),
]  # fmt: skip


def test_inspect_normalises_languages_so_that_the_packager_accepts_them(tmp_path):
    options = [word for n, (tag, *_) in enumerate(LANGUAGES) for word in (f"-metadata:s:a:{n}", f"language={tag}")]
    maps = ["-map", "0:v", *["-map", "1:a"] * len(LANGUAGES)]
    ffmpeg(*VIDEO, *TONE, *maps, *X264, "-c:a", "aac", *options, tmp_path / "a.mkv")
    source = inspect(tmp_path / "a.mkv")
    assert [stream.language for stream in source.audio] == [language for _, language, _ in LANGUAGES]
    assert len(source.notes) == sum(is_reported for *_, is_reported in LANGUAGES)
    store = Store(tmp_path / "store")
    chunk, rung = encoder.Chunk(0, 50, (0,), (0,)), encoder.Rendition("a", "h264", 64, 36, "ultrafast")
    job = encoder.ChunkJob(source, chunk, (rung,), (40.0,), store)
    encoder.encode_chunk(job)
    encoder.stitch(source, [chunk], [encoder.chunk_path(job, 0)], tmp_path / "track.mp4")
    audio = [encoder.encode_audio(source, stream, store) for stream in source.audio]
    (tmp_path / "out").mkdir()
    segments = [encoder.Segment(0, 50)]
    packaged = encoder.package(tmp_path / "out", source, segments, [(rung, tmp_path / "track.mp4")], audio, [])
    assert len(packaged) == 1 + len(LANGUAGES)


def not_utf8(path: Path, codec: str) -> Path:
    """Write a video with a cue in Windows-1252 and a cue in ASCII."""
    cues = path.with_suffix(".srt")
    cues.write_text(CUES, encoding="utf-8")
    ffmpeg(*VIDEO, "-i", cues, *X264, "-c:s", codec, path)
    # as many bytes as before, because the container states the length
    return patched(path, "Voilà l'été".encode(), "Voilà l'été...".encode("cp1252"))


@pytest.mark.parametrize(
    ("codec", "suffix"), [("subrip", ".mkv"), ("ass", ".mkv"), ("webvtt", ".mkv"), ("mov_text", ".mp4")]
)
def test_extract_subtitles_reads_text_that_is_not_utf8(tmp_path, codec, suffix):
    source = inspect(not_utf8(tmp_path / f"a{suffix}", codec))
    (note,) = source.notes
    assert "not UTF-8" in note
    text = encoder.extract_subtitles(source, source.subtitles[0], Store(tmp_path / "store")).path.read_text()
    assert "Voilà l'été..." in text
    assert "plain text" in text
    assert text.count("-->") == 2


def test_extract_subtitles_reads_utf8_beside_other_text(tmp_path):
    cues = tmp_path / "a.srt"
    cues.write_bytes(CUES.replace("plain text", "déjà vu €").encode())
    ffmpeg(*VIDEO, "-i", cues, *X264, "-c:s", "subrip", tmp_path / "a.mkv")
    patched(tmp_path / "a.mkv", "Voilà".encode(), b"Voil\xe0!")
    source = inspect(tmp_path / "a.mkv")
    text = encoder.extract_subtitles(source, source.subtitles[0], Store(tmp_path / "store")).path.read_text()
    assert "Voilà!" in text
    assert "déjà vu €" in text


def test_extract_subtitles_keeps_utf8_within_a_cue_with_other_bytes(tmp_path):
    cues = tmp_path / "a.srt"
    cues.write_text(CUES.replace("plain text", "déjà vu, MARK"), encoding="utf-8")
    ffmpeg(*VIDEO, "-i", cues, *X264, "-c:s", "subrip", tmp_path / "a.mkv")
    source = inspect(patched(tmp_path / "a.mkv", b"MARK", b"\xe9t\xe9\x85"))
    text = encoder.extract_subtitles(source, source.subtitles[0], Store(tmp_path / "store")).path.read_text()
    assert "déjà vu, été…" in text


def without_packets(path: Path, pid: int) -> Path:
    """Remove the packets of a stream from a transport stream, but not its announcement."""
    data = path.read_bytes()
    packets = [data[n : n + 188] for n in range(0, len(data), 188)]
    path.write_bytes(b"".join(p for p in packets if int.from_bytes(p[1:3], "big") & 0x1FFF != pid))
    return path


@pytest.mark.parametrize("requested", [("aac",), ("aac", "copy"), ("eac3",)])
def test_encode_audio_refuses_a_track_that_is_announced_and_absent(tmp_path, requested):
    path = tmp_path / "a.ts"
    ffmpeg(*VIDEO, *TONE, "-map", "0:v", "-map", "1:a", "-map", "1:a", *X264, "-c:a:0", "aac", "-c:a:1", "ac3", path)
    source = inspect(without_packets(path, 0x102))
    present, absent = source.audio
    assert encoder.encode_audio(source, present, Store(tmp_path / "store")).path.is_file()
    for codec in encoder.choose_audio_codecs(absent, requested):
        with pytest.raises(TrackError, match="holds no packet"):
            encoder.encode_audio(source, absent, Store(tmp_path / "store"), codec)


def test_inspect_takes_the_video_that_is_present(tmp_path):
    path, large = tmp_path / "a.ts", ["-f", "lavfi", "-i", "testsrc2=s=128x72:r=25:d=2"]
    ffmpeg(*VIDEO, *large, "-map", 0, "-map", 1, *X264, path)
    assert inspect(path).width == 128
    # FFmpeg learns the size of the absent video from its first packet only
    data = path.read_bytes()
    packets = [data[n : n + 188] for n in range(0, len(data), 188)]
    absent = [n for n, p in enumerate(packets) if int.from_bytes(p[1:3], "big") & 0x1FFF == 0x101]
    path.write_bytes(b"".join(p for n, p in enumerate(packets) if n not in absent))
    source = inspect(path)
    assert (source.width, source.frame_count) == (64, 50)
    assert source.notes == ("video track 1 (0x0) is left out",)


def empty_video_track(path: Path) -> Path:
    """Write a video and, flagged as default, a larger track without a frame."""
    other = path.with_name("other.mkv")
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=128x72:r=25:d=2", *X264, other)
    ffmpeg(*VIDEO, *X264, path.with_name("video.mkv"))
    with (
        av.open(str(path.with_name("video.mkv"))) as read,
        av.open(str(other)) as empty,
        av.open(str(path), "w") as out,
    ):
        out.add_stream_from_template(empty.streams.video[0])
        track = out.add_stream_from_template(read.streams.video[0])
        for packet in read.demux(video=0):
            if packet.size:
                packet.stream = track
                out.mux(packet)
    return path


def test_inspect_leaves_out_a_video_track_without_frames(tmp_path):
    source = inspect(empty_video_track(tmp_path / "a.mkv"))
    assert (source.width, source.frame_count) == (64, 50)
    assert source.notes == ("video track 0 (128x72) is left out, because it is empty",)


def with_channels(path: Path, channels: int) -> Path:
    """Write a video with PCM audio without a layout whose channel n is a tone of (n + 1) * 200 Hz."""
    time = np.arange(96_000) / 48_000
    tones = [np.sin(2 * np.pi * 200 * (n + 1) * time) for n in range(channels)]
    raw = path.with_suffix(".raw")
    raw.write_bytes((16_384 * np.stack(tones, axis=1)).astype("<i2").tobytes())
    pcm = ["-f", "s16le", "-ar", 48_000, "-ch_layout", f"{channels}C", "-guess_layout_max", 0, "-i", raw]
    ffmpeg(*VIDEO, *pcm, *X264, "-c:a", "copy", path)
    return path


def measure_tones(path: Path, frequencies: list[int]) -> list[np.ndarray]:
    """Return the amplitude of tones in each channel of a track."""
    with av.open(str(path)) as container:
        samples = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)[:, 24_000:72_000]
    time = np.arange(samples.shape[1]) / 48_000
    waves = np.exp(-2j * np.pi * np.outer(frequencies, time))
    return [2 * np.abs(waves @ channel) / len(time) for channel in samples]


@pytest.mark.parametrize("channels", [9, 11, 13])
def test_encode_audio_mixes_channels_without_a_layout(tmp_path, channels):
    source = inspect(with_channels(tmp_path / "a.mkv", channels))
    (stream,) = source.audio
    assert source.notes == (
        f"audio track 1 has {channels} channels without a layout, which are mixed with equal weights",
    )
    assert encoder.choose_audio_codecs(stream, ("aac", "eac3")) == ("aac",)
    track = encoder.encode_audio(source, stream, Store(tmp_path / "store"))
    assert track.channels == 2
    for amplitudes in measure_tones(track.path, [200 * (n + 1) for n in range(channels)]):
        assert amplitudes == pytest.approx(0.5 / channels, rel=0.3)


def test_inspect_reports_the_layout_that_is_taken_for_unnamed_channels(tmp_path):
    source = inspect(with_channels(tmp_path / "a.mkv", 6))
    assert source.notes == ("audio track 1 has 6 channels without a layout, which are taken for 5.1",)
    assert encoder.encode_audio(source, source.audio[0], Store(tmp_path / "store"), "eac3").channels == 6


def test_encode_audio_reports_errors_of_ffmpeg_also_from_the_store(tmp_path):
    path = tagged(tmp_path / "a.mkv")
    with av.open(str(path)) as container:
        damaged = [bytes(packet) for packet in container.demux(audio=0) if packet.size][20:23]
    for packet in damaged:
        patched(path, packet, b"\xff" * len(packet))
    source, store = inspect(path), Store(tmp_path / "store")
    notes = encoder.encode_audio(source, source.audio[0], store).notes
    assert "ffmpeg reports errors" in notes[0]
    assert encoder.encode_audio(source, source.audio[0], store).notes == notes


def test_read_side_data_names_unknown_kinds():
    from av.sidedata.sidedata import Type

    assert Type(9999).name == "UNKNOWN_9999"
    assert Type(int(Type.A53_CC.value)) is Type.A53_CC


@pytest.mark.shared
def test_read_side_data_reads_frames_with_unknown_kinds(shared):
    path = shared / "cases" / "film" / "water_180_mvhevc_5frames.mov"
    with open_container(str(path)) as container:
        kinds = read_side_data(next(container.decode(video=0)))
    assert "SPHERICAL" in kinds
    assert inspect(path).frame_count == 5


def with_two_videos(path: Path, first: str, second: str) -> Path:
    """Write a video of 64x36 and one of 128x72 with dispositions."""
    large = ["-f", "lavfi", "-i", "testsrc2=s=128x72:r=25:d=2"]
    ffmpeg(
        *VIDEO, *large, "-map", 0, "-map", 1, *X264, "-disposition:v:0", first, "-disposition:v:1", second, path
    )  # fmt: skip
    return path


@pytest.mark.parametrize(
    ("first", "second", "chosen"),
    [
        ("default", "0", (64, 36)),
        ("0", "default", (128, 72)),
        ("default", "default", (128, 72)),
        ("0", "0", (128, 72)),
    ],
)
def test_choose_video_prefers_the_default_and_reports_the_others(tmp_path, first, second, chosen):
    source = inspect(with_two_videos(tmp_path / "a.mkv", first, second))
    assert (source.width, source.height) == chosen
    others = {(64, 36): ("video track 1 (128x72) is left out",), (128, 72): ("video track 0 (64x36) is left out",)}
    assert source.notes == others[chosen]
    (frame,) = encoder.decode(source, 3, 4)
    assert frame.luma.shape == chosen[::-1]


def write_ttml(path: Path) -> Path:
    """Write a fragmented MP4 with TTML."""
    source = path.with_suffix(".srt")
    source.write_text(CUES)
    ffmpeg(*VIDEO, "-i", source, *X264, "-c:s", "ttml", "-movflags", "frag_keyframe", path)
    return path


def test_extract_subtitles_converts_ttml(tmp_path):
    source = inspect(write_ttml(tmp_path / "a.mp4"))
    (stream,) = source.subtitles
    assert stream.codec == "ttml"
    text = encoder.extract_subtitles(source, stream, Store(tmp_path / "store")).path.read_text()
    assert "00:00.200 --> 00:00.900\nVoilà l'été\n" in text
    assert "00:01.000 --> 00:01.800\nplain text\n" in text


def test_extract_subtitles_refuses_a_codec_without_a_decoder(tmp_path):
    ffmpeg(*VIDEO, *X264, tmp_path / "a.mkv")
    stream = encoder.SubtitleStream(1, "unknown")
    with pytest.raises(TrackError, match="FFmpeg has no decoder for the codec of the track"):
        encoder.extract_subtitles(tmp_path / "a.mkv", stream, Store(tmp_path / "store"))


@pytest.mark.parametrize(
    ("codec", "message"), [("dvb_subtitle", "bitmap subtitles"), ("dvd_subtitle", "bitmap subtitles")]
)
def test_extract_subtitles_names_bitmaps(tmp_path, codec, message):
    path = tmp_path / "a.mkv"
    ffmpeg(*VIDEO, *X264, path)
    stream = encoder.SubtitleStream(1, codec)
    with pytest.raises(TrackError, match=message):
        encoder.extract_subtitles(path, stream, Store(tmp_path / "store"))
