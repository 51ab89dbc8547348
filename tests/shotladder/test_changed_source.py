"""A source that changes during a run: its tracks are not skipped, and its description stays."""

import os
from concurrent.futures import Future

import pytest

import encoder
from encoder import SourceError
from shotladder.pipeline.encode_request import EncodeRequest
from shotladder.pipeline.tracks.side_tracks import encode_side_tracks
from shotladder.report.source_description import describe_source
from shotladder.reporter import Reporter
from shotladder_runtime.errors import ProcessError
from shotladder_runtime.process import QUIET, run
from shotladder_runtime.store import Store
from shotladder_runtime.tools import ffmpeg_path


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "video.mp4"
    inputs = ["-f", "lavfi", "-i", "testsrc2=s=64x36:r=24:d=0.5", "-f", "lavfi", "-i", "sine=d=0.5"]
    run([ffmpeg_path(), *QUIET, *inputs, "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac", str(path)])
    return path


class FailingExecutor:
    """Fails each job as ffmpeg does, after an action."""

    def __init__(self, act):
        self.act = act

    def submit(self, function, /, *arguments):
        self.act()
        future = Future()
        future.set_exception(ProcessError(("ffmpeg",), 1, "Invalid data found"))
        return future


def encode_tracks(video, act):
    request = EncodeRequest(str(video), video.with_name("out"), store=Store.at(video.with_name("store")))
    source = encoder.inspect(video)
    return encode_side_tracks(request, source, FailingExecutor(act), Reporter(quiet=True))


def test_encode_side_tracks_skips_a_track_that_ffmpeg_cannot_read(video):
    tracks = encode_tracks(video, lambda: None)
    assert tracks.audio == []
    assert [skipped.stream.codec for skipped in tracks.skipped] == ["aac"]


def test_encode_side_tracks_reports_a_source_that_changed_instead_of_skipping_its_tracks(video):
    with pytest.raises(SourceError, match=r"video\.mp4: the file has changed since it was inspected"):
        encode_tracks(video, lambda: os.truncate(video, video.stat().st_size // 2))


def test_describe_source_has_the_size_of_the_inspected_file(video):
    source, size = encoder.inspect(video), video.stat().st_size
    os.truncate(video, size // 2)
    assert describe_source(source).bytes == size
