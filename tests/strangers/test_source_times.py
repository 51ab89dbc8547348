"""Sources whose last frame, audio or clock is unusual: each plays whole, or is refused in one line."""

from fractions import Fraction
from pathlib import Path

import av
import pytest

import encoder
from encoder import Chunk, ChunkJob, Rendition, SourceError, inspect
from shotladder_runtime.process import run
from shotladder_runtime.store import Store
from shotladder_runtime.tools import ffmpeg_path
from tests.encoder.videos import fetch_track, times_in

SIZE = "64x36"
RUNG = Rendition("a", "h264", 64, 36, "ultrafast")


def ffmpeg(*words: object) -> None:
    run([ffmpeg_path(), "-v", "error", "-y", *map(str, words)])


def picture(frames: int, rate: str = "25") -> list[object]:
    return ["-f", "lavfi", "-i", f"testsrc2=s={SIZE}:r={rate}:d={float((frames - Fraction(1, 2)) / Fraction(rate))}"]


def x264(b_frames: int = 0) -> list[object]:
    return ["-c:v", "libx264", "-preset", "ultrafast", "-bf", b_frames]


def sound(seconds: float) -> list[object]:
    return ["-f", "lavfi", "-i", f"sine=d={seconds}"]


def last_frame(path: Path, seconds: str, b_frames: int = 0, rate: str = "25") -> Path:
    """Write 50 frames of which the last one lasts as long as stated."""
    duration = rf"setts=pts=PTS:dts=DTS:duration=if(eq(N\,49)\,{seconds}/TB\,DURATION)"
    ffmpeg(*picture(50, rate), *x264(b_frames), "-bsf:v", duration, path)
    return path


def copied(path: Path, suffix: str, *options: object) -> Path:
    copy = path.with_name(f"copy{suffix}")
    ffmpeg("-i", path, "-map", 0, "-c", "copy", *options, copy)
    return copy


def screen_recording(folder: Path) -> Path:
    """Write frames at irregular times; the last one lasts 3 s."""
    irregular = "setpts=(N+floor(N/3)*4)/25/TB"
    path = folder / "screen.mp4"
    duration = r"setts=pts=PTS:dts=DTS:duration=if(eq(N\,19)\,3/TB\,DURATION)"
    ffmpeg(*picture(20), "-vf", irregular, "-fps_mode", "vfr", *x264(), "-bsf:v", duration, path)
    return path


def short_blocks(folder: Path) -> Path:
    """Write a Matroska file that states a duration of 1 ms for every block (DefaultDuration, in ns)."""
    path = folder / "short.mkv"
    ffmpeg(*picture(30, "30000/1001"), *x264(2), path)
    head, tag, rest = path.read_bytes().partition(b"\x23\xe3\x83\x84")
    path.write_bytes(head + tag + (1_000_000).to_bytes(4, "big") + rest[4:])
    with av.open(str(path)) as container:
        assert {packet.duration for packet in container.demux(video=0) if packet.size} == {1}
    return path


def video_and_audio(path: Path, frames: int, seconds: float, rate: str = "25") -> Path:
    ffmpeg(*picture(frames, rate), *sound(seconds), *x264(), "-c:a", "aac", path)
    return path


#: Maker of a source, and its duration in seconds.
ENDS = {
    "last frame of 5 s, MP4": (lambda f: last_frame(f / "a.mp4", "5"), 49 / 25 + 5),
    "last frame of 5 s with B-frames, MP4": (lambda f: last_frame(f / "a.mp4", "5", 2), 49 / 25 + 5),
    "last frame of 5 s, fragmented MP4": (
        lambda f: copied(last_frame(f / "a.mp4", "5"), ".mp4", "-movflags", "+frag_keyframe+empty_moov"), 49 / 25 + 5
    ),
    "last frame of 5 s, MOV": (lambda f: last_frame(f / "a.mov", "5"), 49 / 25 + 5),
    "last frame of 5 s, Matroska": (lambda f: copied(last_frame(f / "a.mp4", "5"), ".mkv"), 49 / 25 + 5),
    "last frame of 5 s, Flash": (lambda f: copied(last_frame(f / "a.mp4", "5"), ".flv"), 49 / 25 + 5),
    "audio longer than the video, Flash": (lambda f: video_and_audio(f / "a.flv", 50, 6), 6.02),
    "last frame of two frames": (lambda f: last_frame(f / "a.mp4", "0.08"), 51 / 25),
    "last frame of half a frame": (lambda f: last_frame(f / "a.mp4", "0.02"), 49.5 / 25),
    "last frame of one tick": (lambda f: last_frame(f / "a.mp4", "0.0001"), 50 / 25),
    "last frame of 1 s at 30000/1001": (lambda f: last_frame(f / "a.mp4", "1", rate="30000/1001"), 49 * 1.001 / 30 + 1),
    "screen recording": (screen_recording, (19 + 6 * 4) / 25 + 3),
    "blocks of 1 ms": (short_blocks, 1.001),
    "audio longer than the video": (lambda f: video_and_audio(f / "a.mp4", 50, 6), 6.0),
    "audio longer than the video, Matroska": (lambda f: video_and_audio(f / "a.mkv", 50, 6), 6.02),
    "audio longer than the video, MPEG-TS": (lambda f: video_and_audio(f / "a.ts", 50, 6), 6.02),
    "one frame of 4 s and audio": (lambda f: video_and_audio(f / "a.mp4", 1, 4, "1/4"), 4.0),
    "one frame and audio": (lambda f: video_and_audio(f / "a.mp4", 1, 4), 4.0),
    "audio shorter than the video": (lambda f: video_and_audio(f / "a.mp4", 50, 1), 2.0),
}  # fmt: skip


def package_and_assert_durations(source: encoder.Source, folder: Path) -> list[Path]:
    """Encode, stitch and package a source in one chunk; return the joined video and audio tracks."""
    store, chunk = Store(folder / "store"), Chunk(0, source.frame_count, (0,), (0,))
    job = ChunkJob(source, chunk, (RUNG,), (40.0,), store)
    encoder.encode_chunk(job)
    encoder.stitch(source, [chunk], [encoder.chunk_path(job, 0)], folder / "track.mp4")
    audio = [encoder.encode_audio(source, stream, store) for stream in source.audio]
    (folder / "out").mkdir()
    segments = [encoder.Segment(0, source.frame_count)]
    packaged = encoder.package(folder / "out", source, segments, [(RUNG, folder / "track.mp4")], audio, [])
    assert sum(packaged[0].durations) == pytest.approx(float(source.duration), abs=0.005)
    for track in packaged[1:]:
        assert sum(track.durations) <= float(source.duration) + 0.05
    return [fetch_track(folder / "out", track.playlist) for track in packaged]


@pytest.mark.parametrize("name", ENDS)
def test_inspect_finds_the_end_and_package_keeps_it(tmp_path, name):
    make, seconds = ENDS[name]
    source = inspect(make(tmp_path))
    assert float(source.duration) == pytest.approx(seconds, abs=0.03)
    tracks = package_and_assert_durations(source, tmp_path)
    assert len(times_in(tracks[0])) == source.frame_count


def test_inspect_reports_that_the_last_frame_is_held_for_the_audio(tmp_path):
    path = video_and_audio(tmp_path / "a.mp4", 50, 6)
    assert inspect(path).notes == ("the audio ends 4.00 s after the last frame, which is held until then",)
    (_, audio) = package_and_assert_durations(inspect(path), tmp_path)
    assert float(inspect(path).duration) == pytest.approx(seconds_of_audio(audio), abs=0.03)


def seconds_of_audio(path: Path) -> float:
    with av.open(str(path)) as container:
        frames = [
            (frame.pts * frame.time_base, frame.samples, frame.sample_rate) for frame in container.decode(audio=0)
        ]
    start, samples, rate = frames[-1]
    return float(start + Fraction(samples, rate))


def joined(folder: Path, suffix: str, first: float, second: float, *, options: tuple[object, ...] = ()) -> Path:
    """Join two captures byte by byte; `first` and `second` are the times at which their clocks start."""
    parts = []
    for number, start in enumerate((first, second)):
        part = folder / f"part{number}{suffix}"
        ffmpeg(*picture(50), *sound(2), *x264(2), "-g", 25, *options, "-output_ts_offset", start, part)
        parts.append(part.read_bytes())
    path = folder / f"joined{suffix}"
    path.write_bytes(b"".join(parts))
    return path


#: Suffix, times at which the clocks of the two captures start, part of the message.
JUMPS = {
    "the same clock": (".ts", 0, 0, "clock goes back by 1.9"),
    "a clock that starts between the other's frames": (".ts", 0, 0.011, "clock goes back by 1.9"),
    "a clock that starts within the other": (".ts", 10, 11, "clock goes back by 0.9"),
    "an hour later": (".ts", 0, 3600, "clock jumps by 3597.96"),
    "a day earlier, which FFmpeg takes for a wrap": (".ts", 80000, 0, "clock jumps by 15441"),
    "the same clock in Matroska": (".mkv", 0, 0, "clock goes back by"),
    "the same clock in MPEG-PS": (".vob", 0, 0, "clock goes back by 1.9"),
}


@pytest.mark.parametrize("name", JUMPS)
def test_inspect_refuses_a_clock_that_jumps(tmp_path, name):
    suffix, first, second, message = JUMPS[name]
    options = ("-c:v", "mpeg2video", "-c:a", "mp2") if suffix == ".vob" else ()
    path = joined(tmp_path, suffix, first, second, options=options)
    with pytest.raises(SourceError, match=message) as caught:
        inspect(path)
    assert "\n" not in str(caught.value)
    assert "ffmpeg -i" in str(caught.value)


def test_refused_clock_is_continuous_after_the_stated_remedy(tmp_path):
    path = joined(tmp_path, ".ts", 0, 0)
    ffmpeg("-i", path, "-map", "0:v", "-map", "0:a?", "-c", "copy", tmp_path / "joined.mkv")
    source = inspect(tmp_path / "joined.mkv")
    assert source.frame_count == 100
    assert float(source.duration) == pytest.approx(4.0, abs=0.1)


def test_inspect_reports_a_pause_without_frames(tmp_path):
    path = joined(tmp_path, ".ts", 0, 20)
    (note,) = inspect(path).notes
    assert note == "there are no frames for 17.96 s after 1.96 s; frame 49 is held"


def test_inspect_accepts_a_repeated_time(tmp_path):
    path = tmp_path / "a.mkv"
    ffmpeg(
        *picture(50), *x264(), "-bsf:v", r"setts=pts=if(eq(N\,25)\,PTS-40\,PTS):dts=if(eq(N\,25)\,DTS-40\,DTS)", path
    )
    source = inspect(path)
    assert (source.frame_count, source.notes) == (50, ())
    assert float(source.duration) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("suffix", "note"),
    [
        (".mp4", "the file holds 2 movies; only the first one is read"),
        (".flv", "FFmpeg reads no packet from the last 50% of the file"),
    ],
)
def test_inspect_reports_what_it_does_not_read_of_joined_files(tmp_path, suffix, note):
    source = inspect(joined(tmp_path, suffix, 0, 0))
    assert source.frame_count == 50
    assert note in source.notes


def test_inspect_reports_that_a_cut_flash_file_is_cut(tmp_path):
    path = copied(last_frame(tmp_path / "a.mp4", "5"), ".flv")
    assert inspect(path).notes == ()
    path.write_bytes(path.read_bytes()[: 6 * path.stat().st_size // 10])
    assert "its header states an end at 6.960 s" in inspect(path).notes[0]


def test_inspect_reports_what_it_does_not_read_of_joined_ivf_files(tmp_path):
    ffmpeg(*picture(50), "-c:v", "libvpx", "-deadline", "realtime", tmp_path / "a.ivf")
    part = (tmp_path / "a.ivf").read_bytes()
    assert inspect(tmp_path / "a.ivf").notes == ()
    (tmp_path / "joined.ivf").write_bytes(3 * part)
    source = inspect(tmp_path / "joined.ivf")
    assert source.frame_count == 50
    assert "the file holds 3 movies; only the first one is read" in source.notes


def test_inspect_reports_frames_that_an_edit_list_hides(tmp_path):
    path = last_frame(tmp_path / "a.mp4", "0.04")
    head, tag, rest = path.read_bytes().partition(b"elst\0\0\0\0\0\0\0\1")
    # the duration of the edit, in ms
    path.write_bytes(head + tag + (1000).to_bytes(4, "big") + rest[4:])
    source = inspect(path)
    assert source.frame_count == 25
    assert source.notes == ("its edit list hides 25 of 50 frames",)


def test_inspect_reports_an_hour_without_frames_in_a_container_that_states_it(tmp_path):
    path = tmp_path / "a.mp4"
    ffmpeg(*picture(50), "-vf", "setpts=(N+if(gte(N\\,25)\\,90000))/25/TB", "-fps_mode", "vfr", *x264(), path)
    assert inspect(path).notes == ("there are no frames for 3600.04 s after 0.96 s; frame 24 is held",)


def test_inspect_reports_many_pauses_in_few_notes(tmp_path):
    path = tmp_path / "a.mp4"
    ffmpeg(*picture(10), "-vf", "setpts=N*400/TB", "-fps_mode", "vfr", *x264(), path)
    notes = inspect(path).notes
    assert len(notes) == 4
    assert notes[-1] == "there are 6 more pauses without frames"


def test_inspect_reports_audio_before_the_first_frame_and_cues_after_the_last(tmp_path):
    cues = tmp_path / "a.srt"
    cues.write_text("1\n00:00:01,000 --> 00:00:02,000\nfirst\n\n2\n00:00:07,000 --> 00:00:08,000\nlast\n")
    inputs = [*sound(3), "-itsoffset", 2, *picture(50), "-i", cues]
    ffmpeg(*inputs, "-map", 1, "-map", 0, "-map", 2, *x264(), "-c:a", "aac", "-c:s", "subrip", tmp_path / "a.mkv")
    early, cut = inspect(tmp_path / "a.mkv").notes
    assert early.startswith("the audio begins 2.0")
    assert early.endswith("s before the first frame; this part is left out")
    assert cut == "subtitle track 2 has cues after the end, which are left out"
