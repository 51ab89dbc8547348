"""Every stage counts the same frames, whatever the container states and whatever is cut off."""

from pathlib import Path

import av
import pytest

import encoder
import vmaf
from encoder import Chunk, ChunkJob, Rendition
from shotladder_runtime.process import run
from shotladder_runtime.store.store import Store
from shotladder_runtime.tools import ffmpeg_path
from tests.encoder.videos import number_in, numbers_in, write_video
from tests.strangers.packed_frames import pack_frames

FFMPEG = (ffmpeg_path(), "-v", "error", "-nostdin", "-y")
COUNT = 60
#: Kilobytes of a cut file relative to those of the whole one.
KEPT = 0.55

#: Suffix, encoder and options of files that state no presentation times, or guessed ones.
UNTIMED = {
    "MPEG-2 stream": (".m2v", ("-c:v", "mpeg2video", "-q:v", "2", "-bf", "2", "-g", "12")),
    "MPEG-4 stream": (".m4v", ("-c:v", "mpeg4", "-q:v", "2", "-bf", "2", "-g", "12", "-f", "m4v")),
    "H.264 stream": (".h264", ("-c:v", "libx264", "-crf", "12", "-bf", "3", "-g", "20")),
    "HEVC stream": (".hevc", ("-c:v", "libx265", "-crf", "12", "-x265-params", "log-level=none:bframes=3:keyint=20")),
    "H.264 in AVI": (".avi", ("-c:v", "libx264", "-crf", "12", "-bf", "3", "-g", "20")),
    "H.264 in AVI, open groups": (".avi", ("-c:v", "libx264", "-crf", "12", "-x264-params", "open-gop=1:keyint=20")),
    "MPEG-4 in AVI": (".avi", ("-c:v", "mpeg4", "-q:v", "2", "-bf", "2", "-g", "20")),
    "MPEG-4 in AVI, in order": (".avi", ("-c:v", "mpeg4", "-q:v", "2", "-g", "20")),
    "MPEG-4 in AVI, packed": (".avi", ("-c:v", "mpeg4", "-q:v", "2", "-bf", "1", "-g", "20")),
    "MPEG program stream": (".mpg", ("-c:v", "mpeg2video", "-q:v", "2", "-bf", "2", "-g", "12")),
}


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    return write_video(tmp_path_factory.mktemp("original") / "original.mkv", COUNT)


@pytest.fixture(scope="module", params=UNTIMED)
def untimed(request, original) -> Path:
    suffix, options = UNTIMED[request.param]
    path = original.with_name(request.param.replace(" ", "-") + suffix)
    run([*FFMPEG, "-i", str(original), *options, "-pix_fmt", "yuv420p", str(path)])
    return pack_frames(path) if "packed" in request.param else path


def encode(source: encoder.Source, start: int, stop: int, folder: Path) -> Path:
    rendition = Rendition("a", "h264", 128, 64, "ultrafast")
    chunk = Chunk(start, stop, (start,), (start,))
    job = ChunkJob(source, chunk, (rendition,), (12.0,), Store(folder / "store"))
    encoder.encode_chunk(job)
    return encoder.chunk_path(job, 0)


@pytest.mark.parametrize("threads", [None, 1, 4])
def test_decode_counts_frames_of_untimed_files_in_any_range(untimed, threads):
    source = encoder.inspect(untimed)
    assert source.frame_count == COUNT
    assert source.duration == pytest.approx(COUNT / 25, abs=1 / 25)
    assert source.is_seekable != any("they are counted from its start" in note for note in source.notes)
    for start, stop in ((0, COUNT), (23, 47), (COUNT - 1, COUNT)):
        numbers = [number_in(frame.luma) for frame in encoder.decode(source, start, stop, threads=threads)]
        assert numbers == list(range(start, stop))


def test_encode_chunk_counts_frames_of_untimed_files(untimed, tmp_path):
    source = encoder.inspect(untimed)
    for start, stop in ((0, COUNT), (23, 47)):
        assert numbers_in(encode(source, start, stop, tmp_path)) == list(range(start, stop))


@pytest.mark.parametrize("engine", ["native", "libvmaf"])
def test_score_pairs_frames_of_untimed_files(untimed, original, engine):
    for reference, rendition in ((original, untimed), (untimed, original)):
        (whole,) = vmaf.score(reference, rendition, engine=engine, match_times=False)
        assert whole.min > 85
        (part,) = vmaf.score(reference, rendition, engine=engine, frames=(23, 47), match_times=False)
        assert part.vmaf.tolist() == pytest.approx(whole.vmaf[23:47].tolist(), abs=1e-4)


#: Suffix and muxing options of files that are cut; and whether the cut is visible.
CUT = {
    "MP4 with its index in front": (".mp4", ("-movflags", "+faststart"), True),
    "fragmented MP4": (".mp4", ("-movflags", "+frag_keyframe+empty_moov"), True),
    "Matroska": (".mkv", (), True),
    "AVI": (".avi", ("-c:v", "mpeg4", "-q:v", "2", "-bf", "2", "-g", "20"), True),
    "Flash": (".flv", (), True),
    "transport stream": (".ts", (), False),
}


@pytest.mark.parametrize("name", CUT)
def test_encode_chunk_goes_as_far_as_a_cut_file(tmp_path, name):
    suffix, options, is_visible = CUT[name]
    whole, path = tmp_path / f"whole{suffix}", tmp_path / f"cut{suffix}"
    plain = write_video(tmp_path / "plain.mkv", 90, options={"preset": "medium", "bframes": "3"}, gop=20)
    run([*FFMPEG, "-i", str(plain), "-c", "copy", *options, str(whole)])
    path.write_bytes(whole.read_bytes()[: round(KEPT * whole.stat().st_size)])
    source = encoder.inspect(path)
    # a decode on one thread, as far as it goes
    with av.open(str(path)) as container:
        expected = 0
        for packet in container.demux(video=0):
            try:
                expected += len(packet.decode())
            except av.FFmpegError:
                continue
    assert 20 < source.frame_count == expected < 80
    numbers = [[number_in(frame.luma) for frame in encoder.decode(source, threads=threads)] for threads in (1, 2, 4)]
    assert numbers[0] == numbers[1] == numbers[2]
    assert len(numbers[0]) == source.frame_count
    made = encode(source, 0, source.frame_count, tmp_path)
    assert numbers_in(made) == numbers[0]
    notes = [note for note in source.notes if "damaged or cut off" in note]
    assert len(notes) == int(is_visible)
    assert not any("cut off" in note for note in encoder.inspect(whole).notes)


def test_score_does_not_reject_a_chunk_of_repetitive_frames(tmp_path, original):
    # frames that look like their neighbours because the video was sampled in another order
    shifted = tmp_path / "shifted.mkv"
    run([*FFMPEG, "-i", str(original), "-vf", "select=gte(n\\,1),setpts=N/25/TB", str(shifted)])
    chunk = {"frames": (10, 40), "offset": 0}
    with pytest.raises(vmaf.PairingError, match="shows the frame"):
        vmaf.score(original, shifted, **chunk, match_times=False, check_content=True)
    (scores,) = vmaf.score(original, shifted, **chunk, match_times=False)
    assert len(scores.duplicated_frames) > 8


@pytest.mark.parametrize(("suffix", "threads"), [(".h264", None), (".h264", 4), (".mkv", None), (".mkv", 1)])
def test_decode_conceals_damage_as_ffmpeg_does(tmp_path, suffix, threads):
    plain, path = tmp_path / "plain.h264", tmp_path / f"damaged{suffix}"
    write_video(plain, 30, options={"x264-params": "slices=4:bframes=0"})
    run([*FFMPEG, "-r", "25", "-i", str(plain), "-c", "copy", str(path)])
    content = bytearray(path.read_bytes())
    for place in range(6, 10):
        start = place * len(content) // 12
        content[start : start + 40] = bytes(range(40))
    path.write_bytes(content)
    raw = ("-fps_mode", "passthrough", "-vf", "extractplanes=y", "-f", "rawvideo", "-")
    expected = run([*FFMPEG, "-threads", "1", "-i", str(path), *raw]).stdout
    decoded = encoder.decode(path, threads=threads, on_undecodable=lambda *_: None)
    frames = [frame.luma.tobytes() for frame in decoded]
    assert len(b"".join(frames)) == len(expected)
    size = len(frames[0])
    assert [n for n, frame in enumerate(frames) if frame != expected[n * size : (n + 1) * size]] == []
