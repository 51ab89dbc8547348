"""Codec rows: their properties, and codecs of a user's file."""

import os
import re
import subprocess
import sys
from dataclasses import replace

import av
import pytest

import encoder
from encoder import (
    EFFORTS,
    Chunk,
    ChunkJob,
    CodecFileError,
    Rendition,
    UnknownCodecError,
    get_codec,
    inspect,
    load_codecs,
    stitch,
)
from encoder.codecs import processor
from encoder.codecs.codec import get_bit_depth, join_settings
from encoder.codecs.codec_file import read_codec_file
from encoder.encode import chunks
from shotladder_runtime.process import run
from shotladder_runtime.store import Store
from shotladder_runtime.tools import ffmpeg_encoders
from tests.encoder.videos import hashes_in, numbers_in, write_video

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
fast_preset = "ultrafast"
preset_setting = ["kvazaar-params", "preset={}"]
quantiser_setting = ["kvazaar-params", "qp={}"]
settings = [["tag:v", "hvc1"], ["kvazaar-params", "period=0"]]
overrides = [{name = "subpixels", settings = [["kvazaar-params", "subme=4"]], presets = ["ultrafast"]}]
"""


@pytest.mark.parametrize("codec", load_codecs().values(), ids=load_codecs())
def test_load_codecs_returns_consistent_rows(codec):
    assert codec.preset in codec.presets
    assert codec.encoder in ffmpeg_encoders()
    depths = [get_bit_depth(name) for name in codec.pixel_formats]
    assert depths == sorted(depths)
    for fraction in (0, 0.25, 0.6, 1):
        quantiser = codec.quantiser_at(fraction)
        assert codec.quantisers[0] <= quantiser <= codec.quantisers[1]
        assert quantiser % codec.step == 0


def test_fast_preset_for_is_none_unless_the_preset_is_slower():
    row = load_codecs()["h264"]
    assert row.fast_preset_for("slow") == row.fast_preset
    assert row.fast_preset_for(row.fast_preset) is None
    assert row.fast_preset_for("ultrafast") is None
    assert replace(row, fast_preset=None).fast_preset_for("slow") is None


@pytest.mark.parametrize(("depth", "expected"), [(8, 8), (9, 10), (10, 10), (12, 10), (16, 10)])
def test_pixel_format_for_keeps_the_bit_depth_if_possible(depth, expected):
    assert get_bit_depth(load_codecs()["hevc"].pixel_format_for(depth)) == expected
    assert load_codecs()["h264"].pixel_format_for(depth) == "yuv420p"


def test_read_codec_file_returns_a_codec_that_encodes_and_stitches(tmp_path, monkeypatch):
    file = tmp_path / "rows.toml"
    file.write_text(KVAZAAR)
    (row,) = read_codec_file(file)
    monkeypatch.setitem(load_codecs(), row.name, row)
    source = inspect(write_video(tmp_path / "video.mp4", 30))
    chunks = (Chunk(0, 12, (0,), (0,)), Chunk(12, 30, (12,), (1,)))
    paths = []
    (override_row,) = row.overrides_for("ultrafast", "visual")
    assert not row.overrides_for("medium", "visual")
    for chunk, override in zip(chunks, ("", override_row.name), strict=True):
        rung = Rendition("a", "hevc_other", 128, 64, "ultrafast", override=override)
        job = ChunkJob(source, chunk, (rung,), (22.0,), Store(tmp_path / "store"))
        encoder.encode_chunk(job)
        paths.append(encoder.chunk_path(job, 0))
    stitch(source, chunks, paths, tmp_path / "track.mp4")
    assert numbers_in(tmp_path / "track.mp4") == list(range(30))
    assert hashes_in(tmp_path / "track.mp4") == [each for path in paths for each in hashes_in(path)]


def test_encode_chunk_opens_devices_and_uploads_frames(tmp_path, monkeypatch):
    row = replace(load_codecs()["h264"], name="elsewhere", devices=(("filter_threads", "1"),), upload=("copy", "null"))
    monkeypatch.setitem(load_codecs(), row.name, row)
    commands = []
    monkeypatch.setattr(chunks, "run", lambda argv, **named: commands.append(argv) or run(argv, **named))
    source = inspect(write_video(tmp_path / "video.mp4", 10))
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
    [(row.name, p) for row in load_codecs().values() for p in row.presets if row.overrides_for(p, "metric")],
)
def test_overrides_leave_parameter_sets_unchanged(tmp_path, name, preset):
    source = inspect(write_video(tmp_path / "video.mp4", 20))
    for tune in ("visual", "metric"):
        names = ["", *(each.name for each in load_codecs()[name].overrides_for(preset, tune))]
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


@pytest.mark.parametrize("codec", load_codecs().values(), ids=load_codecs())
def test_default_override_is_an_override_of_the_codec_or_empty(codec):
    for preset in codec.presets:
        for tune in ("visual", "metric"):
            known = {each.name for each in codec.overrides_for(preset, tune)}
            for effort in EFFORTS:
                assert codec.default_override(effort, preset, tune) in {*known, ""}
            # the fixed ladder has no effort
            assert codec.default_override("", preset, tune) == ""


@pytest.mark.parametrize(
    ("preset", "tune", "names"),
    [
        ("medium", "visual", ["weak AQ", "weak AQ, thorough", "weak AQ, thorough"]),
        ("veryfast", "visual", ["weak AQ"] * 3),
        ("medium", "metric", ["light deblocking", "thorough, light deblocking", "thorough, light deblocking"]),
        ("ultrafast", "visual", [""] * 3),
    ],
)
def test_default_override_of_h264_depends_on_effort_preset_and_tune(preset, tune, names):
    assert [get_codec("h264").default_override(effort, preset, tune) for effort in EFFORTS] == names


@pytest.mark.parametrize("tune", ["visual", "metric"])
def test_default_override_stitches_with_plain_chunks(tmp_path, tune):
    source = inspect(write_video(tmp_path / "video.mp4", 30))
    chunks = (Chunk(0, 10, (0,), (0,)), Chunk(10, 20, (10,), (1,)), Chunk(20, 30, (20,), (2,)))
    paths = []
    for chunk, effort in zip(chunks, ("", "fast", "balanced"), strict=True):
        override = get_codec("h264").default_override(effort, "medium", tune)
        assert bool(override) == bool(effort)
        rung = Rendition("a", "h264", 128, 64, "medium", tune, override=override)
        job = ChunkJob(source, chunk, (rung,), (26.0,), Store(tmp_path / "store"))
        encoder.encode_chunk(job)
        paths.append(encoder.chunk_path(job, 0))
    stitch(source, chunks, paths, tmp_path / "track.mp4")
    assert numbers_in(tmp_path / "track.mp4") == list(range(30))
    assert hashes_in(tmp_path / "track.mp4") == [each for path in paths for each in hashes_in(path)]


VALID = {key.split(" = ")[0]: key for key in KVAZAAR.strip().splitlines()[1:]}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"step": 'step = "1"'}, r"row \[hevc_other\]: Expected `float`, got `str` - at `\$.step`"),
        ({"step": "step = 0"}, r"`\$.step` must be positive"),
        ({"encoder": ""}, r"row \[hevc_other\]: .*missing required field `encoder`"),
        ({"speed": "speed = 1"}, r"unknown key `\$.speed` \(choose from encoder, "),
        ({"name": 'name = "other"'}, r"unknown key `\$.name`"),
        ({"quantisers": "quantisers = [12, 30, 46]"}, r"at `\$.quantisers`"),
        ({"quantisers": "quantisers = [46, 12]"}, r"`\$.quantisers` must be increasing"),
        ({"pixel_formats": "pixel_formats = []"}, r"`\$.pixel_formats` is empty"),
        ({"passes": "passes = 3"}, r"`\$.passes` must be 1 or 2"),
        ({"preset": 'preset = "slow"'}, r"`\$.preset` 'slow' is not in `\$.presets`"),
        ({"fast_preset": 'fast_preset = "slow"'}, r"`\$.fast_preset` 'slow' is not in `\$.presets`"),
        ({"settings": 'settings = [["tag:v", "hvc1"], ["g"]]'}, r"at `\$.settings\[1\]`"),
        ({"overrides": "overrides = 1"}, r"at `\$.overrides`"),
        ({"overrides": 'overrides = [{name = "a", speed = 1}]'}, r"unknown key `\$.overrides\[0\].speed`"),
        ({"overrides": 'overrides = [{name = "a", settings = []}]'}, r"`presets` - at `\$.overrides\[0\]`"),
        (
            {"overrides": 'overrides = [{name = "a", settings = [], presets = [], efforts = ["slow"]}]'},
            r"`\$.overrides\[0\].efforts` 'slow' is unknown \(choose from fast, balanced, thorough\)",
        ),
    ],
)
def test_read_codec_file_names_row_and_key_of_a_fault(tmp_path, changes, reason):
    file = tmp_path / "rows.toml"
    file.write_text("\n".join(["[hevc_other]", *(VALID | changes).values()]))
    with pytest.raises(CodecFileError, match=f"^{re.escape(str(file))}: .*{reason}"):
        read_codec_file(file)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[x", "is not valid TOML"),
        (b"\xff\xfe", "is not valid TOML"),
        ("x = 1", r"row \[x\]: is not a table"),
        ("#" * 1_000_001, "has 1000001 bytes"),
        (None, "cannot be read"),
    ],
)
def test_read_codec_file_refuses_other_files(tmp_path, text, reason):
    file = tmp_path / "rows.toml"
    if text is not None:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(CodecFileError, match=reason):
        read_codec_file(file)


def test_get_codec_lists_known_codecs():
    with pytest.raises(UnknownCodecError, match=r"unknown codec 'h266' \(choose from h264, hevc, vp9, av1"):
        get_codec("h266")


def test_join_settings_joins_values_of_one_option():
    assert join_settings([("a", "1"), ("b", "x=1"), ("b", "y=2")]) == {"a": "1", "b": "x=1:y=2"}


def test_load_codecs_reads_the_file_of_the_environment_on_first_use(tmp_path):
    file = tmp_path / "rows.toml"
    code = (
        f"import encoder, pathlib; pathlib.Path({str(file)!r}).write_text({KVAZAAR!r}); "
        "print(encoder.get_codec('hevc_other').encoder)"
    )
    environment = os.environ | {"SHOTLADDER_CODECS": str(file)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == "libkvazaar"


@pytest.mark.parametrize("is_wide", [True, False])
def test_encode_chunk_restricts_x264_on_processors_with_avx_512(tmp_path, monkeypatch, is_wide):
    commands = []
    monkeypatch.setattr(chunks, "has_avx512", lambda: is_wide)
    monkeypatch.setattr(chunks, "run", lambda argv, **named: commands.append(argv) or run(argv, **named))
    source = inspect(write_video(tmp_path / "video.mp4", 4))
    rungs = tuple(Rendition(name, name, 64, 32, "ultrafast" if name == "h264" else "12") for name in ("h264", "av1"))
    job = ChunkJob(source, Chunk(0, 4, (0,), (0,)), rungs, (22.0, 40.0), Store(tmp_path / "store"))
    encoder.encode_chunk(job)
    assert [word.count("asm=avx2") for word in commands[0] if word.startswith("stitchable=1:")] == [int(is_wide)]
    assert " ".join(commands[0]).count("asm=") == int(is_wide)
    assert encoder.chunk_path(job, 0).is_file(), "the name does not depend on the processor"


def test_has_avx512_reads_the_flags_of_the_processor(tmp_path, monkeypatch):
    described = tmp_path / "cpuinfo"
    monkeypatch.setattr(processor, "_CPU_INFO", described)
    for text, expected in (
        ("processor : 0\nflags : fpu avx avx2\n", False),
        ("processor : 0\nflags : fpu avx2 avx512f avx512bw\n", True),
        ("Features : asimd\n", False),
        (None, False),
    ):
        described.unlink(missing_ok=True)
        if text:
            described.write_text(text)
        assert processor.has_avx512.__wrapped__() is expected
