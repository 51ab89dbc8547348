"""Black bars are removed where they are black in every frame; no line of a picture is lost."""

from dataclasses import replace

import av
import numpy as np
import pytest

import encoder
from encoder import Chunk, ChunkJob, Rendition, SourceError
from encoder.encode.filters import make_geometry_filters
from encoder.media.black_bars import (
    BarScan,
    _measure_frame,
    crop_source,
    join_scans,
    parse_crop,
    place_crop,
    scan_bars,
    subtract_crop,
)
from encoder.media.geometry import NO_CROP, Crop, turn_upright
from encoder.media.unchanged_source import inspect_exactly
from shotladder_runtime.store import Store
from tests.encoder.videos import make_numbered_frame, number_in

SIZE = (160, 90)


def write_boxed(path, boxes, *, pixel_format="yuv420p", subtitle=None):
    """Write a frame per box (left, top, right, bottom), with a numbered picture inside bars; None is a black frame."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "1", "preset": "ultrafast", "g": "6"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, pixel_format
        for n, box in enumerate(boxes):
            luma = np.full(SIZE[::-1], 16, np.uint8)
            if box:
                left, top, right, bottom = box
                inner = SIZE[0] - left - right, SIZE[1] - top - bottom
                luma[top : SIZE[1] - bottom, left : SIZE[0] - right] = make_numbered_frame(n, inner)
            if n == subtitle:
                luma[-6:-2, 60:100] = 180
            frame = av.VideoFrame(*SIZE, "yuv420p")
            for plane, values in zip(frame.planes, (luma, np.full((45, 80), 128), np.full((45, 80), 128)), strict=True):
                padded = np.zeros((plane.height, plane.line_size), np.uint8)
                padded[:, : plane.width] = values
                plane.update(padded)
            container.mux(stream.encode(frame.reformat(format=pixel_format)))
        container.mux(stream.encode())
    return encoder.inspect(path)


def find_crop(source):
    return scan_bars(source, 0, source.frame_count).crop_for(source)


def test_scan_bars_finds_the_bars_of_every_frame(tmp_path):
    source = write_boxed(tmp_path / "a.mp4", [None, None, *[(20, 11, 16, 13)] * 6, None])
    crop, notes = find_crop(source)
    # even, and never a line of the picture
    assert crop == Crop(20, 10, 16, 12)
    assert notes == (f"black bars are cropped: {crop}",)


@pytest.mark.parametrize("pixel_format", ["yuv420p10le", "yuv444p"])
def test_scan_bars_knows_bit_depths_and_subsampling(tmp_path, pixel_format):
    source = write_boxed(tmp_path / "a.mkv", [(0, 12, 0, 12)] * 4, pixel_format=pixel_format)
    assert find_crop(source)[0] == Crop(0, 12, 0, 12)


def test_scan_bars_keeps_a_subtitle_in_one_frame(tmp_path):
    source = write_boxed(tmp_path / "a.mp4", [(0, 12, 0, 12)] * 12, subtitle=7)
    crop, notes = find_crop(source)
    assert crop.top == 12
    assert crop.bottom <= 2
    assert "the black bars change" in notes[1]


def test_scan_bars_keeps_the_largest_picture_when_bars_change(tmp_path):
    source = write_boxed(tmp_path / "a.mp4", [(0, 20, 0, 20)] * 6 + [(0, 8, 0, 8)] * 6)
    crop, notes = find_crop(source)
    assert crop == Crop(0, 8, 0, 8)
    assert "the crop keeps every frame whole" in notes[1]


def test_crop_for_leaves_a_black_source_as_it_is(tmp_path):
    crop, (note,) = find_crop(write_boxed(tmp_path / "a.mp4", [None] * 4))
    assert (crop, note) == (NO_CROP, "black bars are not cropped, because all frames are black")


def test_join_scans_equals_one_scan(tmp_path):
    source = write_boxed(tmp_path / "a.mp4", [(0, 20, 0, 20)] * 6 + [(4, 8, 0, 8)] * 6)
    parts = [scan_bars(source, 0, 6), scan_bars(source, 6, 12), BarScan()]
    assert join_scans(parts) == scan_bars(source, 0, 12)


def test_crop_for_loses_no_line_of_200_generated_sources():
    generator = np.random.default_rng(22)
    source = encoder.Source.__new__(encoder.Source)
    for field, value in {"width": 96, "height": 64, "interlaced": False}.items():
        object.__setattr__(source, field, value)
    for _ in range(200):
        left, top, right, bottom = generator.integers(0, 16, 4)
        frames, seen = [], np.zeros((64, 96), bool)
        for _ in range(3):
            luma = 16 + generator.integers(0, 3, (64, 96)).astype(np.uint8)
            picture = luma[top : 64 - bottom, left : 96 - right]
            # dark scenes: few samples are brighter than black
            share = generator.choice([0.001, 0.02, 0.5])
            picture[generator.random(picture.shape) < share] = generator.integers(24, 235)
            seen |= luma > 22
            chroma = [np.full((32, 48), 128, np.uint8)] * 2
            frames.append(_measure_frame((luma, *chroma), 8, 16))
        crop, _ = join_scans([BarScan(bars, bars) for bars in frames]).crop_for(source)
        kept = np.zeros_like(seen)
        kept[crop.top : 64 - crop.bottom, crop.left : 96 - crop.right] = True
        assert not (seen & ~kept).any()


def test_measure_frame_keeps_dark_colours():
    luma, blue = np.full((64, 96), 16, np.uint8), np.full((32, 48), 128, np.uint8)
    blue[4:28] = 140
    assert _measure_frame((luma, blue, np.full((32, 48), 128, np.uint8)), 8, 16) == (0, 8, 0, 8)


@pytest.mark.parametrize("text", ["1920:800", "1920:800:0:x", "-2:8:0:0", "1921:800:0:0", "0:8:0:0", "+8:8:0:0"])
def test_parse_crop_rejects_other_texts(text):
    with pytest.raises(ValueError, match=r"crop|odd"):
        parse_crop(text)


@pytest.mark.parametrize("is_mirrored", [False, True])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_place_crop_is_a_rectangle_of_the_upright_frame(tmp_path, rotation, is_mirrored):
    source = write_boxed(tmp_path / "a.mp4", [(0, 0, 0, 0)] * 2)
    turned = replace(source, rotation=rotation, is_mirrored=is_mirrored)
    crop = place_crop(turned, 40, 30, 8, 20)
    plane = np.arange(160 * 90).reshape(90, 160)
    kept = plane[crop.top : 90 - crop.bottom, crop.left : 160 - crop.right]
    upright, cut = (turn_upright(each, is_mirrored=is_mirrored, rotation=rotation) for each in (plane, kept))
    assert (cut == upright[20:50, 8:48]).all()


def test_place_crop_refuses_a_rectangle_outside_of_the_frame(tmp_path):
    source = write_boxed(tmp_path / "a.mp4", [(0, 0, 0, 0)] * 2)
    with pytest.raises(SourceError, match="the crop 160:80:0:12 is not within the frame of 160x90"):
        place_crop(source, 160, 80, 0, 12)


def test_crop_source_is_encoded_and_decoded_without_the_bars(tmp_path):
    source = write_boxed(tmp_path / "a.mp4", [(16, 12, 0, 12)] * 12)
    cropped = crop_source(source, Crop(16, 12, 0, 12))
    assert cropped.display_size == (144, 66)
    assert [number_in(frame.luma) for frame in encoder.decode(cropped)] == list(range(12))
    job = ChunkJob(
        cropped,
        Chunk(0, 12, (0,), (0,)),
        (Rendition("a", "h264", 144, 66, "fast"),),
        (14.0,),
        Store(tmp_path / "store"),
    )
    uncropped = replace(job, source=source)
    assert encoder.chunk_path(job, 0) != encoder.chunk_path(uncropped, 0)
    encoder.encode_chunk(job)
    with av.open(str(encoder.chunk_path(job, 0))) as video:
        made = [frame.to_ndarray(format="gray") for frame in video.decode(video=0)]
    for frame, image in zip(encoder.decode(cropped), made, strict=True):
        assert np.abs(frame.luma[:, :144].astype(int) - image).mean() < 8
    assert [str(each) for each in make_geometry_filters(cropped)][-1] == "crop=w=144:h=66:x=16:y=12:exact=1"


def test_crop_source_is_still_the_inspected_content(tmp_path):
    source = write_boxed(tmp_path / "a.mp4", [(0, 12, 0, 12)] * 2)
    cropped = crop_source(source, Crop(0, 12, 0, 12))
    assert cropped.content_id != source.content_id
    assert inspect_exactly(cropped).content_id == source.content_id
    (tmp_path / "a.mp4").touch()
    assert len(list(encoder.decode(cropped))) == 2
    assert subtract_crop(cropped.crop, source.crop) == Crop(0, 12, 0, 12)
    assert crop_source(source, NO_CROP) is source
