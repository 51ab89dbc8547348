"""What is left out of audio tracks is reported."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import pytest

import encoder
from shotladder.pipeline.tracks.side_tracks import encode_side_tracks
from shotladder.reporter import Reporter
from shotladder_runtime.process import run
from shotladder_runtime.store import Store
from shotladder_runtime.tools import ffmpeg_path


class Notes(Reporter):
    """Collects notes."""

    def __init__(self):
        super().__init__(quiet=True)
        self.notes = []

    def say(self, text):
        self.notes.append(text)


@pytest.mark.parametrize(("codecs", "is_reported"), [(("aac",), True), (("aac", "copy"), False)])
def test_encode_side_tracks_reports_that_atmos_is_left_out(tmp_path, codecs, is_reported):
    path, inputs = tmp_path / "a.mkv", ["-f", "lavfi", "-i", "testsrc=s=64x64:d=1", "-f", "lavfi", "-i", "sine=d=1"]
    run([ffmpeg_path(), "-v", "error", *inputs, "-c:v", "ffv1", "-c:a", "eac3", str(path)])
    source = encoder.inspect(path)
    source = replace(source, audio=(replace(source.audio[0], has_objects=True),))
    request = SimpleNamespace(audio=codecs, subtitles=True, loudness=None, store=Store(tmp_path / "store"))
    reporter = Notes()
    with ThreadPoolExecutor(1) as executor:
        tracks = encode_side_tracks(request, source, executor, reporter)
    assert [track.codec for track in tracks.audio] == (["aac"] if is_reported else ["aac", "eac3"])
    assert any("its Dolby Atmos objects are left out" in note for note in reporter.notes) == is_reported
