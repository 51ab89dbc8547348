"""Every encoder is a row: what the rows promise holds, and a user's own row needs no code."""

import os
import subprocess
import sys
from dataclasses import replace

import av
import pytest

import encoder
from encoder import (
    CODECS,
    Chunk,
    ChunkJob,
    Rendition,
    UnknownCodecError,
    inspect,
    stitch,
)
from encoder.codecs.codec import depth_of, joined
from encoder.codecs.codec_table import rows_of
from encoder.encode import chunks
from shotladder_runtime.process import run
from shotladder_runtime.store import Store
from shotladder_runtime.tools import ffmpeg_encoders
from tests.encoder.films import hashes_in, numbers_in, write_film

KVAZAAR = """
[hevc_other]
encoder = "libkvazaar"
family = "hevc"
pixel_formats = ["yuv420p"]
quantisers = [12, 46]
step = 1
rate_halving = 6
presets = ["ultrafast", "medium"]
preset = "medium"
trial_preset = "ultrafast"
preset_setting = ["kvazaar-params", "preset={}"]
quantiser_setting = ["kvazaar-params", "qp={}"]
settings = [["tag:v", "hvc1"], ["kvazaar-params", "period=0"]]
overrides = [{name = "subpixels", settings = [["kvazaar-params", "subme=4"]], presets = ["ultrafast"]}]
"""


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_rows_are_sane(codec):
    assert codec.preset in codec.presets
    assert codec.encoder in ffmpeg_encoders()
    depths = [depth_of(name) for name in codec.pixel_formats]
    assert depths == sorted(depths)
    for share in (0, 0.25, 0.6, 1):
        quantiser = codec.at_share(share)
        assert codec.quantisers[0] <= quantiser <= codec.quantisers[1]
        assert quantiser % codec.step == 0


def test_trials_are_by_a_fast_preset_where_production_is_slow():
    row = CODECS["h264"]
    assert row.trials_for("slow") == row.trial_preset
    assert row.trials_for(row.trial_preset) is None
    assert row.trials_for("ultrafast") is None
    assert replace(row, trial_preset=None).trials_for("slow") is None


@pytest.mark.parametrize(("depth", "expected"), [(8, 8), (9, 10), (10, 10), (12, 10), (16, 10)])
def test_samples_are_as_deep_as_the_films_where_that_can_be(depth, expected):
    assert depth_of(CODECS["hevc"].pixel_format(depth)) == expected
    assert CODECS["h264"].pixel_format(depth) == "yuv420p"


def test_a_row_of_a_file_encodes_without_code(tmp_path, monkeypatch):
    file = tmp_path / "rows.toml"
    file.write_text(KVAZAAR)
    (row,) = rows_of(file)
    monkeypatch.setitem(CODECS, row.name, row)
    source = inspect(write_film(tmp_path / "film.mp4", 30))
    chunks = (Chunk(0, 12, (0,), (0,)), Chunk(12, 30, (12,), (1,)))
    paths = []
    (finer,) = row.overrides_for("ultrafast", "visual")
    assert not row.overrides_for("medium", "visual")
    for chunk, override in zip(chunks, ("", finer.name), strict=True):
        rung = Rendition("a", "hevc_other", 128, 64, "ultrafast", override=override)
        job = ChunkJob(source, chunk, (rung,), (22.0,), Store(tmp_path / "store"))
        encoder.encode_chunk(job)
        paths.append(encoder.chunk_path(job, 0))
    stitch(source, chunks, paths, tmp_path / "track.mp4")
    assert numbers_in(tmp_path / "track.mp4") == list(range(30))
    assert hashes_in(tmp_path / "track.mp4") == [each for path in paths for each in hashes_in(path)]


def test_a_row_says_what_opens_a_device_and_brings_pictures_there(tmp_path, monkeypatch):
    row = replace(CODECS["h264"], name="elsewhere", devices=(("filter_threads", "1"),), upload=("copy", "null"))
    monkeypatch.setitem(CODECS, row.name, row)
    commands = []
    monkeypatch.setattr(chunks, "run", lambda argv, **named: commands.append(argv) or run(argv, **named))
    source = inspect(write_film(tmp_path / "film.mp4", 10))
    job = ChunkJob(
        source,
        Chunk(0, 10, (0,), (0,)),
        (Rendition("a", row.name, 64, 32, "fast"),),
        (22.0,),
        Store(tmp_path / "store"),
    )
    encoder.encode_chunk(job)
    assert "copy" in " ".join(commands[0]) and "null" in " ".join(commands[0])
    assert commands[0].count("-filter_threads") == 2


@pytest.mark.parametrize(
    ("name", "preset"),
    [(row.name, p) for row in CODECS.values() for p in row.presets if row.overrides_for(p, "metric")],
)
def test_refined_chunks_have_the_headers_of_plain_ones(tmp_path, name, preset):
    source = inspect(write_film(tmp_path / "film.mp4", 20))
    for tune in ("visual", "metric"):
        names = ["", *(each.name for each in CODECS[name].overrides_for(preset, tune))]
        rungs = tuple(Rendition(n or "plain", name, 128, 64, preset, tune, override=n) for n in names)
        job = ChunkJob(source, Chunk(0, 20, (0,), (0,)), rungs, (28.0,) * len(rungs), Store(tmp_path / "store"))
        encoder.encode_chunk(job)
        paths = [encoder.chunk_path(job, n) for n in range(len(rungs))]
        assert len(names) == 1 or len({path.read_bytes() for path in paths}) > 1
        headers = set()
        for path in paths:
            with av.open(str(path)) as made:
                headers.add(bytes(made.streams.video[0].codec_context.extradata))
        assert len(headers) == 1


@pytest.mark.parametrize("text", ["[x", "[x]\nencoder = 'a'", "x = 1", "[x]\nspeed = 1"])
def test_files_that_are_no_rows_are_told(tmp_path, text):
    file = tmp_path / "rows.toml"
    file.write_text(text)
    with pytest.raises(UnknownCodecError, match="not rows of codecs"):
        rows_of(file)
    with pytest.raises(UnknownCodecError, match="not rows of codecs"):
        rows_of(tmp_path / "none.toml")


def test_parameters_of_one_option_are_joined():
    assert joined([("a", "1"), ("b", "x=1"), ("b", "y=2")]) == {"a": "1", "b": "x=1:y=2"}


def test_rows_named_in_the_environment_are_there(tmp_path):
    file = tmp_path / "rows.toml"
    file.write_text(KVAZAAR)
    told = "import encoder; print(encoder.codec_named('hevc_other').encoder)"
    environment = os.environ | {"SHOTLADDER_CODECS": str(file)}
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == "libkvazaar"
