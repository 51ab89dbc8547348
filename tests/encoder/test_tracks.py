"""Audio and subtitles keep in sync with the video, measured on packaged tracks."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import encoder
from encoder import Chunk, ChunkJob, Rendition, Segment, inspect
from shotladder_runtime.process import run
from shotladder_runtime.store import Store
from shotladder_runtime.tools import ffmpeg_path
from tests.encoder.joc_frames import announce_joc
from tests.encoder.videos import SAMPLE_RATE, beep, fetch_track, find_beep, write_video

RUNG = Rendition("a", "h264", 128, 64, "ultrafast")


def packaged_sound(clip: Path, folder: Path, codec: str = "aac") -> Path:
    """Package a video of one chunk and return its joined audio track."""
    source, store = inspect(clip), Store(folder / "store")
    chunk = Chunk(0, source.frame_count, (0,), (0,))
    job = ChunkJob(source, chunk, (RUNG,), (30.0,), store)
    encoder.encode_chunk(job)
    encoder.stitch(source, [chunk], [encoder.chunk_path(job, 0)], folder / "a.mp4")
    (track,) = (encoder.encode_audio(source, stream, store, codec) for stream in source.audio)
    out = folder / "out"
    out.mkdir()
    segments = [Segment(0, source.frame_count)]
    encoder.package(out, source, segments, [(RUNG, folder / "a.mp4")], [track], [])
    return fetch_track(out, f"audio_und-{track.codec}.m3u8")


# start of the video, start of the audio, and time of the beep in the audio: s
STARTS = {
    "together": (0, 0, 0.5),
    "audio late": (0, 0.7, 0.4),
    "audio early": (0.6, 0, 1.1),
    "both late": (1.2, 1.2, 0.5),
    "audio much earlier": (2, 0, 2.4),
    "frame first by a frame": (0, 0.04, 0.8),
}


@pytest.mark.parametrize("container", ["mkv", "mov"])
@pytest.mark.parametrize("case", STARTS)
def test_encode_audio_keeps_sync(tmp_path, case, container):
    frame, audio, inside = STARTS[case]
    ticks = range(round(frame * 25), round(frame * 25) + 50)
    samples = beep(inside + 1.0, inside)
    clip = write_video(
        tmp_path / f"clip.{container}", ticks=ticks, audio=(Fraction(audio).limit_denominator(100), samples)
    )
    source = inspect(clip)
    # the time in the source file, which has to be kept
    wanted = find_beep(clip) - float(source.pts[0] * source.time_base)
    assert wanted == pytest.approx(audio + inside - frame, abs=0.002)
    heard = find_beep(packaged_sound(clip, tmp_path))
    assert heard == pytest.approx(wanted, abs=0.002)


@pytest.mark.parametrize("case", ["together", "audio late", "audio early"])
@pytest.mark.parametrize("codec", ["ac3", "eac3", "opus"])
def test_encode_audio_keeps_sync_with_every_codec(tmp_path, case, codec):
    frame, audio, inside = STARTS[case]
    ticks = range(round(frame * 25), round(frame * 25) + 50)
    clip = write_video(tmp_path / "clip.mkv", ticks=ticks, audio=(Fraction(str(audio)), beep(inside + 1.0, inside)))
    heard = find_beep(packaged_sound(clip, tmp_path, codec))
    assert heard == pytest.approx(audio + inside - frame, abs=0.003)


def with_sound(clip: Path, codec: str, *options: str) -> Path:
    """Copy a video with its audio in another codec."""
    path = clip.with_name(f"{codec}{clip.suffix}")
    argv = [ffmpeg_path(), "-v", "error", "-copyts", "-i", str(clip), "-c:v", "copy", "-c:a", codec]
    run([*argv, *options, str(path)])
    return path


def packets_in(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


@pytest.mark.parametrize(
    ("codec", "container"), [("ac3", "mkv"), ("ac3", "mov"), ("eac3", "mkv"), ("eac3", "mov"), ("flac", "mkv")]
)
@pytest.mark.parametrize("case", STARTS)
def test_encode_audio_copies_packets_and_keeps_sync(tmp_path, case, container, codec):
    frame, audio, inside = STARTS[case]
    ticks = range(round(frame * 25), round(frame * 25) + 50)
    clip = write_video(
        tmp_path / f"clip.{container}", ticks=ticks, audio=(Fraction(str(audio)), beep(inside + 1.0, inside))
    )
    clip = with_sound(clip, codec)
    source = inspect(clip)
    wanted = find_beep(clip) - float(source.pts[0] * source.time_base)
    passed = packaged_sound(clip, tmp_path, "copy")
    assert find_beep(passed) == pytest.approx(wanted, abs=0.003)
    given, kept = packets_in(clip), packets_in(passed)
    assert any(kept == given[n : n + len(kept)] for n in range(len(given)))
    # only packets outside the duration of the video are missing
    begin, end = audio - frame, audio - frame + inside + 1.0
    packet = 4608 / SAMPLE_RATE if codec == "flac" else 0.032
    assert len(kept) >= int((min(end, 2) - max(begin, 0)) / packet)


def test_encode_audio_declares_copied_atmos_in_both_manifests(tmp_path):
    source = surround(tmp_path, "5.1(side)", "eac3")
    frames = [announce_joc(frame, objects=16) for frame in packets_in(Path(source.path))]
    (tmp_path / "joc.eac3").write_bytes(b"".join(frames))
    argv = [ffmpeg_path(), "-v", "error", "-i", source.path, "-i", str(tmp_path / "joc.eac3")]
    run([*argv, "-map", "0:v", "-map", "1:a", "-c", "copy", str(tmp_path / "joc.mkv")])
    assert not source.audio[0].has_objects
    assert inspect(tmp_path / "joc.mkv").audio[0].has_objects
    kept = packets_in(packaged_sound(tmp_path / "joc.mkv", tmp_path, "copy"))
    assert kept == frames[: len(kept)]
    assert len(kept) >= 29
    assert 'CHANNELS="16/JOC"' in (tmp_path / "out" / "master.m3u8").read_text()
    manifest = (tmp_path / "out" / "manifest.mpd").read_text()
    scheme = "tag:dolby.com,2018:dash:EC3_Extension"
    assert f'<SupplementalProperty schemeIdUri="{scheme}Type:2018" value="JOC"/>' in manifest
    assert f'<SupplementalProperty schemeIdUri="{scheme}ComplexityIndex:2018" value="16"/>' in manifest


def test_encode_audio_copies_flac_without_loss(tmp_path):
    source = surround(tmp_path)
    passed = packaged_sound(Path(source.path), tmp_path, "copy")
    assert packets_in(passed) == packets_in(Path(source.path))[: len(packets_in(passed))]
    assert 'CODECS="avc1.42c00a,fLaC"' in (tmp_path / "out" / "master.m3u8").read_text()
    assert 'codecs="fLaC"' in (tmp_path / "out" / "manifest.mpd").read_text()


def surround(folder: Path, layout: str = "5.1(side)", codec: str = "flac") -> encoder.Source:
    """Write a video with 1 s of multichannel audio."""
    argv = [ffmpeg_path(), "-v", "error", "-f", "lavfi", "-i", "testsrc=s=64x64:d=1", "-f", "lavfi"]
    argv += ["-i", f"sine=d=1:r=44100,aformat=channel_layouts={layout}", "-c:v", "ffv1", "-c:a", codec]
    run([*argv, str(folder / "clip.mkv")])
    return inspect(folder / "clip.mkv")


@pytest.mark.parametrize("layout", ["5.1", "5.1(side)", "7.1"])
@pytest.mark.parametrize(("codec", "rate"), [("eac3", 384_000), ("ac3", 448_000), ("opus", 256_000)])
def test_encode_audio_keeps_six_channels(tmp_path, layout, codec, rate):
    source = surround(tmp_path, layout)
    track = encoder.encode_audio(source, source.audio[0], Store(tmp_path / "store"), codec)
    assert (track.codec, track.channels, track.bitrate) == (codec, 6, rate)
    with av.open(str(track.path)) as container:
        context = container.streams.audio[0].codec_context
        assert (context.name.removeprefix("lib"), context.sample_rate, context.channels) == (codec, 48_000, 6)


def test_choose_audio_codecs_depends_on_channels_and_codec():
    stereo, surround, dolby = (
        encoder.AudioStream(0, codec, channels, 48_000, Fraction(0))
        for codec, channels in (("aac", 2), ("dts", 6), ("eac3", 6))
    )
    assert encoder.choose_audio_codecs(stereo, ("aac", "eac3", "ac3", "copy")) == ("aac",)
    assert encoder.choose_audio_codecs(surround, ("aac", "eac3", "copy")) == ("aac", "eac3")
    assert encoder.choose_audio_codecs(dolby, ("copy", "aac", "ac3")) == ("copy", "aac")
    assert encoder.choose_audio_codecs(dolby, ("opus",)) == ("opus",)
    # few players support 5.1 in FLAC
    assert encoder.choose_audio_codecs(replace(dolby, codec="flac"), ("copy", "eac3")) == ("copy", "eac3")
    assert encoder.choose_audio_codecs(stereo, ("eac3",)) == ("aac",), "no track is lost"


def test_encode_audio_fills_gaps_with_silence(tmp_path):
    clip = tmp_path / "clip.mkv"
    write_video(tmp_path / "early.mkv", 75, audio=(Fraction(0), beep(0.3, 9)))
    write_video(tmp_path / "late.mkv", 75, audio=(Fraction(2), beep(0.5, 0.2)))
    # one track, of which 1.7 s are missing
    names = (tmp_path / "early.mkv", tmp_path / "late.mkv")
    with av.open(str(names[0])) as early, av.open(str(names[1])) as late, av.open(str(clip), "w") as out:
        video = out.add_stream_from_template(early.streams.video[0])
        audio = out.add_stream_from_template(early.streams.audio[0])
        packets = [(p, video) for p in early.demux(video=0) if p.size]
        early.seek(0)
        packets += [(p, audio) for part in (early, late) for p in part.demux(audio=0) if p.size]
        for packet, stream in sorted(packets, key=lambda item: item[0].dts * item[0].time_base):
            packet.stream = stream
            out.mux(packet)
    assert find_beep(clip) == pytest.approx(2.2, abs=0.002)
    assert find_beep(packaged_sound(clip, tmp_path)) == pytest.approx(2.2, abs=0.002)


def test_encode_audio_writes_stereo_aac_at_48_khz(tmp_path):
    source = surround(tmp_path)
    assert source.audio[0].channels == 6
    track = encoder.encode_audio(source, source.audio[0], Store(tmp_path / "store"))
    assert track.bitrate == 128_000
    with av.open(str(track.path)) as container:
        context = container.streams.audio[0].codec_context
        assert (context.name, context.sample_rate, context.layout.nb_channels) == ("aac", 48_000, 2)


def test_encode_audio_rejects_audio_before_the_video(tmp_path):
    silence = np.zeros(SAMPLE_RATE // 2, np.int16)
    clip = write_video(tmp_path / "clip.mkv", ticks=range(50, 100), audio=(Fraction(0), silence))
    source = inspect(clip)
    for codec in ("aac", "opus"):
        with pytest.raises(encoder.TrackError, match="audio track is empty"):
            encoder.encode_audio(source, source.audio[0], Store(tmp_path / "store"), codec)


def subtitled(folder: Path, start: int = 0, codec: str = "srt") -> encoder.Source:
    words = folder / "words.srt"
    words.write_text("1\n00:00:00,500 --> 00:00:01,250\nHello, <i>there</i>\n\n2\n00:00:03,000 --> 00:00:04,000\nBye\n")
    frame = write_video(folder / "frame.mkv", 100, ticks=range(start, start + 100))
    argv = [
        ffmpeg_path(),
        "-v",
        "error",
        "-copyts",
        "-i",
        str(frame),
        "-i",
        str(words),
        "-map",
        "0",
        "-map",
        "1",
    ]
    run([*argv, "-c:v", "copy", "-c:s", codec, "-metadata:s:s:0", "language=fra", str(folder / "clip.mkv")])
    return inspect(folder / "clip.mkv")


@pytest.mark.parametrize("codec", ["srt", "ass", "webvtt"])
def test_extract_subtitles_keeps_the_times_of_cues(tmp_path, codec):
    source = subtitled(tmp_path, codec=codec)
    assert source.subtitles[0].language == "fr"
    text = encoder.extract_subtitles(source, source.subtitles[0], Store(tmp_path / "store")).path.read_text()
    assert text.startswith("WEBVTT")
    assert "00:00.500 --> 00:01.250\nHello, <i>there</i>" in text
    assert "00:03.000 --> 00:04.000\nBye" in text


def test_extract_subtitles_keeps_the_positions_of_web_vtt(tmp_path):
    words = tmp_path / "words.vtt"
    words.write_text("WEBVTT\n\n00:00:00.500 --> 00:00:09.000 line:0 position:20% align:start\nUp\n")
    frame = write_video(tmp_path / "frame.mp4", 50)
    clip = tmp_path / "clip.mkv"
    run([ffmpeg_path(), "-v", "error", "-i", str(frame), "-i", str(words), "-c", "copy", str(clip)])
    source = inspect(clip)
    text = encoder.extract_subtitles(source, source.subtitles[0], Store(tmp_path / "store")).path.read_text()
    assert "00:00.500 --> 00:00:02.000 line:0 position:20% align:start\nUp" in text


def test_extract_subtitles_counts_from_the_first_frame(tmp_path):
    source = subtitled(tmp_path, start=25)
    assert source.pts[0] * source.time_base == 1
    text = encoder.extract_subtitles(source, source.subtitles[0], Store(tmp_path / "store")).path.read_text()
    # cues before the first frame are cut and do not shift the others
    assert text == "WEBVTT\n\n00:02.000 --> 00:03.000\nBye\n"


def test_extract_subtitles_keeps_sync_with_a_late_start(tmp_path):
    source = subtitled(tmp_path, start=10)
    text = encoder.extract_subtitles(source, source.subtitles[0], Store(tmp_path / "store")).path.read_text()
    assert "00:00.100 --> 00:00.850\nHello" in text
    assert "00:02.600 --> 00:03.600\nBye" in text


def test_extract_subtitles_rejects_bitmaps(tmp_path):
    source = subtitled(tmp_path)
    stream = encoder.SubtitleStream(source.subtitles[0].index, "dvd_subtitle")
    with pytest.raises(encoder.TrackError, match="bitmap subtitles cannot be converted"):
        encoder.extract_subtitles(source, stream, Store(tmp_path / "store"))


def test_extract_subtitles_rejects_cues_before_the_video(tmp_path):
    source = subtitled(tmp_path, start=125)
    with pytest.raises(encoder.TrackError, match="subtitle track is empty"):
        encoder.extract_subtitles(source, source.subtitles[0], Store(tmp_path / "store"))


def test_extract_subtitles_ends_cues_with_the_video(tmp_path):
    clip = subtitled(tmp_path)
    source = replace(clip, pts=clip.pts[:80], end_pts=clip.pts[80])
    text = encoder.extract_subtitles(source, source.subtitles[0], Store(tmp_path / "store")).path.read_text()
    assert "00:00.500 --> 00:01.250" in text
    assert "00:03.000 --> 00:00:03.200\nBye" in text


def test_inspect_reads_tags_of_every_container(tmp_path):
    clip = subtitled(tmp_path)
    path = tmp_path / "tagged.mkv"
    argv = [ffmpeg_path(), "-v", "error", "-i", clip.path, "-c", "copy", "-metadata:s:s:0", "title=Signs"]
    run([*argv, "-disposition:s:0", "forced+hearing_impaired", str(path)])
    (text,) = inspect(path).subtitles
    assert (text.language, text.title, text.dispositions) == ("fr", "Signs", ("forced", "hearing_impaired"))


@pytest.mark.shared
def test_extract_subtitles_converts_closed_captions(shared, tmp_path):
    # names that a filter's options must escape
    clip = tmp_path / "news, 'live': [a];b.ts"
    clip.symlink_to(shared / "clips/interlaced_news_480i_tff_7s.ts")
    source = inspect(clip)
    (captions,) = source.subtitles
    assert (captions.index, captions.codec, captions.dispositions) == (source.stream_index, "eia_608", ("captions",))
    text = encoder.extract_subtitles(source, captions, Store(tmp_path / "store")).path.read_text()
    # ffmpeg -copyts -f lavfi -i "movie=news.ts[out+subcc]" -map 0:s -f srt - prints 3.155 s, the video starts at 1.720
    assert "00:01.435 --> 00:03.938" in text
    assert "MANUFACTURERS ARE ABOUT AS" in text
    assert "\\h" not in text
