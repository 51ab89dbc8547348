"""Encoded chunks: exact frames, planned key frames, names in the store."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

import encoder
from encoder import (
    Chunk,
    ChunkJob,
    Rendition,
    chunk_path,
    count_part_bits,
    encode_chunk,
    inspect,
)
from encoder.encode.filters import SINGLE_THREADED, input_options, select_frames
from shotladder_runtime.errors import ProcessError
from shotladder_runtime.jobs.job_progress import receive_job_progress
from shotladder_runtime.process import run, stop_all
from shotladder_runtime.store import Store
from shotladder_runtime.tools import ffmpeg_path
from tests.encoder.videos import number_in, numbers_in, write_video

FULL = Rendition("full", "h264", 128, 64, "ultrafast")
HALF = Rendition("half", "h264", 64, 32, "ultrafast")
B_FRAMES = {"preset": "fast", "x264-params": "bframes=3:scenecut=0"}
FILMS = {
    "long-gop.mp4": {"gop": 500, "options": B_FRAMES},
    "open-gop.mkv": {"gop": 15, "options": {"preset": "fast", "x264-params": "open-gop=1:bframes=3:scenecut=0"}},
    "open-gop.ts": {"gop": 15, "options": {"preset": "fast", "x264-params": "open-gop=1:bframes=3:scenecut=0"}},
    "broadcast.mkv": {"rate": Fraction(30000, 1001), "options": B_FRAMES},
    "late.mp4": {"ticks": range(40, 130), "options": B_FRAMES},
    "late.ts": {"ticks": range(40, 130), "options": B_FRAMES},
    "gaps.mp4": {"ticks": np.cumsum([1, 1, 7, 1, 2] * 18).tolist(), "options": B_FRAMES},
    "packed.avi": {"codec": "mpeg4", "options": {"bf": "2"}},
    "raw.h264": {"options": B_FRAMES},
}  # fmt: skip


@pytest.fixture(scope="module", params=FILMS)
def video(request, tmp_path_factory) -> encoder.Source:
    path = tmp_path_factory.mktemp("videos") / request.param
    source = inspect(write_video(path, 90, **FILMS[request.param]))
    assert source.frame_count == 90
    return source


def job_for(source, store, chunk, renditions=(FULL,), quantisers=(12.0,)):
    return ChunkJob(source, chunk, tuple(renditions), tuple(quantisers), Store(store))


def chunk_of(first: int, last: int, *inner: int) -> Chunk:
    return Chunk(first, last, (first, *inner), (0,))


@pytest.mark.parametrize("span", [(0, 90), (0, 1), (1, 20), (14, 17), (29, 61), (45, 90), (89, 90)])
def test_encode_chunk_contains_exactly_its_frames(video, tmp_path, span):
    job = job_for(video, tmp_path / "store", chunk_of(*span), (FULL, HALF), (12.0, 16.0))
    encode_chunk(job)
    for number, size in enumerate([(64, 128), (32, 64)]):
        path = chunk_path(job, number)
        assert numbers_in(path) == list(range(*span))
        with av.open(str(path)) as container:
            assert next(container.decode(video=0)).to_ndarray(format="gray").shape == size


REORDERED = {"x264-params": "bframes=3:b-pyramid=normal:scenecut=0"}


@pytest.mark.parametrize("name", ["video.mp4", "video.mkv", "video.ts", "video.flv"])
@pytest.mark.parametrize("options", [{"bf": "0"}, REORDERED], ids=["in-order", "reordered"])
def test_input_options_seek_to_a_key_frame_exactly(tmp_path, name, options):
    source = inspect(write_video(tmp_path / name, 120, gop=30, options=options))
    assert source.keyframes == (0, 30, 60, 90)
    words = [word for key, value in input_options(source, 60).items() for word in (f"-{key}", value) if word]
    argv = ["-v", "verbose", *SINGLE_THREADED, *words, "-i", source.path]
    argv += ["-vf", ",".join(map(str, select_frames(source, 60, 120))), "-an", "-f", "null", "-"]
    told = run([ffmpeg_path(), *argv]).stderr
    assert re.search(r"(\d+) frames encoded", told)[1] == "60"
    # without an index reading begins earlier, at some packet that does not decode
    assert int(re.search(r"(\d+) frames decoded", told)[1]) <= 62


def test_encode_chunk_places_key_frames_where_planned(tmp_path):
    # two cuts, at which an encoder would place key frames of its own
    path = tmp_path / "cuts.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for n in range(60):
            shade = np.full((96, 64), (20, 120, 230)[n // 20], np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shade, format="yuv420p")))
        container.mux(stream.encode())
    rendition = Rendition("a", "h264", 64, 64, "veryfast")
    job = job_for(inspect(path), tmp_path / "store", chunk_of(3, 57, 11, 33, 34), (rendition,))
    encode_chunk(job)
    with av.open(str(chunk_path(job, 0))) as container:
        keys = [frame.key_frame for frame in container.decode(video=0)]
    assert [n + 3 for n, key in enumerate(keys) if key] == [3, 11, 33, 34]


def test_encode_chunk_spends_more_bits_at_lower_quantisers(tmp_path):
    source = inspect(write_video(tmp_path / "video.mp4", 30))
    job = job_for(source, tmp_path / "store", chunk_of(0, 30), (FULL,) * 3, (12.0, 24.0, 36.0))
    encode_chunk(job)
    paths = [chunk_path(job, n) for n in range(3)]
    bits = [sum(count_part_bits(path)) for path in paths]
    assert bits[0] > 1.5 * bits[1] > 2 * bits[2] > 0
    original = np.array([frame.luma for frame in encoder.decode(source)], float)
    errors = []
    for path in paths:
        with av.open(str(path)) as container:
            decoded = np.array([frame.to_ndarray(format="yuv420p")[:64] for frame in container.decode(video=0)], float)
        errors.append(np.mean((decoded - original) ** 2))
    assert errors == sorted(errors)
    assert 10 * np.log10(255**2 / errors[0]) > 38


def test_count_part_bits_excludes_the_container(tmp_path):
    source = inspect(write_video(tmp_path / "video.mp4", 30))
    job = job_for(source, tmp_path / "store", chunk_of(0, 30))
    encode_chunk(job)
    path = chunk_path(job, 0)
    assert 0.5 * path.stat().st_size < sum(count_part_bits(path)) / 8 < path.stat().st_size - 500


def test_encode_chunk_reuses_stored_chunks(tmp_path):
    source = inspect(write_video(tmp_path / "video.mp4", 30))
    first = job_for(source, tmp_path / "store", chunk_of(0, 30))
    assert encode_chunk(first) > 0
    made = chunk_path(first, 0).stat()
    both = job_for(source, tmp_path / "store", chunk_of(0, 30), (FULL, HALF), (12.0, 12.0))
    assert encode_chunk(both) > 0
    assert chunk_path(first, 0).stat().st_mtime_ns == made.st_mtime_ns
    assert encode_chunk(both) == 0


def test_chunk_path_depends_on_everything_that_decides_the_content(tmp_path):
    source = inspect(write_video(tmp_path / "video.mp4", 30))
    base = job_for(source, tmp_path / "store", chunk_of(0, 20))
    others = [
        replace(base, quantisers=(12.25,)),
        replace(base, chunk=chunk_of(0, 21)),
        replace(base, chunk=chunk_of(1, 20)),
        replace(base, chunk=chunk_of(0, 20, 5)),
        replace(base, source=replace(source, content_id="another video")),
        *(
            replace(base, renditions=(replace(FULL, **change),))
            for change in (
                {"width": 126},
                {"preset": "fast"},
                {"tune": "metric"},
                {"peak_rate": 10**6, "buffer_size": 10**6},
            )
        ),
    ]
    names = {chunk_path(job, 0) for job in (base, *others)}
    assert len(names) == len(others) + 1
    same = [
        replace(base, renditions=(replace(FULL, id="other"),)),
        replace(base, chunk=replace(base.chunk, shots=(4, 5))),
        replace(base, source=replace(source, path="elsewhere.mp4")),
    ]
    assert {chunk_path(job, 0) for job in same} == {chunk_path(base, 0)}


def test_encode_chunk_is_deterministic(tmp_path):
    source = inspect(write_video(tmp_path / "video.mp4", 30))
    jobs = [job_for(source, tmp_path / name, chunk_of(5, 25)) for name in ("a", "b")]
    for job in jobs:
        encode_chunk(job)
    assert chunk_path(jobs[0], 0).read_bytes() == chunk_path(jobs[1], 0).read_bytes()


def test_encode_chunk_leaves_no_files_after_a_failure(tmp_path):
    source = inspect(write_video(tmp_path / "video.mp4", 30))
    store = tmp_path / "store"
    job = job_for(replace(source, path=str(tmp_path / "gone.mp4"), stamp=None), store, chunk_of(0, 30))
    with pytest.raises(ProcessError, match="No such file") as caught:
        encode_chunk(job)
    assert any("gone.mp4" in word for word in caught.value.argv)
    assert list(store.rglob("*")) == [store / "shotladder-store.json"]


def test_encode_chunk_does_not_repeat_a_killed_encode(tmp_path):
    source = inspect(write_video(tmp_path / "video.mp4", 900))
    slow = Rendition("slow", "h264", 1920, 1080, "placebo")
    job = job_for(source, tmp_path / "store", chunk_of(0, 900), (slow,))
    with ThreadPoolExecutor(1) as executor:
        encode = executor.submit(encode_chunk, job)
        while not list((tmp_path / "store").glob(".chunk.*/0.mp4")):
            assert not encode.done()
        stop_all()
        try:
            with pytest.raises(ProcessError, match="status -9"):
                encode.result(timeout=30)
        finally:
            stop_all()  # if it was tried again after all


def test_encode_chunk_rejects_a_missing_frame(tmp_path):
    source = inspect(write_video(tmp_path / "video.mp4", 30))
    longer = replace(source, pts=(*source.pts, source.end_pts), end_pts=2 * source.end_pts)
    job = job_for(longer, tmp_path / "store", chunk_of(10, 31))
    with pytest.raises(ProcessError, match="20 frames instead of 21"):
        encode_chunk(job)
    files = [path.name for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert files == ["shotladder-store.json"]


@pytest.mark.parametrize(("angle", "turns"), [(90, 3), (180, 2), (270, 1)])
def test_encode_chunk_rotates_frames_upright(tmp_path, angle, turns):
    path, turned = write_video(tmp_path / "video.mp4", 20), tmp_path / "turned.mp4"
    argv = [ffmpeg_path(), "-v", "error", "-display_rotation", str(angle), "-i", str(path)]
    run([*argv, "-c", "copy", str(turned)])
    source = inspect(turned)
    job = job_for(
        source, tmp_path / "store", chunk_of(5, 15), (Rendition("a", "h264", *source.display_size, "ultrafast"),)
    )
    encode_chunk(job)
    with av.open(str(chunk_path(job, 0))) as container:
        lumas = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    assert [number_in(np.rot90(luma, turns)) for luma in lumas] == list(range(5, 15))


TRICKY = (
    *("anamorphic_pal_704x576_25s.mp4", "goldeneye_vfr_drop3.mp4", "hlg_phone_editlist_1080p_2.5s.mp4"),
    *("iphone_rot90_vfr_1s.mov", "interlaced_news_480i_tff_7s.ts", "sar4x3_mp3_plus_ac351_5s.mp4"),
    *("screen_vfr_3026x1386_9s.mp4", "psd_testvideo_720p_24s.mp4"),
)


@pytest.mark.shared
@pytest.mark.parametrize("clip", TRICKY)
def test_encode_chunk_keeps_the_frames_of_real_clips(shared, tmp_path, clip):
    source = inspect(shared / "clips" / clip)
    first = source.frame_count // 2
    last = min(first + 8, source.frame_count)
    job = job_for(source, tmp_path / "store", chunk_of(first, last), (Rendition("a", "h264", 192, 108, "ultrafast"),))
    encode_chunk(job)
    with av.open(str(chunk_path(job, 0))) as container:
        made = [frame.to_ndarray(format="gray").astype(float) for frame in container.decode(video=0)]
    assert len(made) == last - first
    around = range(max(0, first - 3), min(last + 3, source.frame_count))
    video = []
    for frame in encoder.decode(source, around[0], around[-1] + 1):
        luma = np.rot90(frame.luma, -source.rotation // 90).astype(np.float32)
        video.append(cv2.resize(luma, (192, 108), interpolation=cv2.INTER_AREA))
    for place, image in enumerate(made):
        likeness = [np.corrcoef(image.ravel(), frame.ravel())[0, 1] for frame in video]
        own = around.index(first + place)
        assert likeness[own] > 0.9
        assert likeness[own] > max(likeness) - 1e-3


def test_encode_chunk_reports_frames_while_it_encodes(tmp_path):
    source = inspect(write_video(tmp_path / "video.mp4", 90, **FILMS["long-gop.mp4"]))
    seen = []
    with receive_job_progress(seen.append):
        encode_chunk(job_for(source, tmp_path / "store", chunk_of(0, 90)))
    assert seen == sorted(seen)
    assert seen[-1] == 1
