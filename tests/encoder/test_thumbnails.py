"""Thumbnails show the frame of their time, and both manifests name them."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import cv2
import m3u8
import numpy as np
import pytest

import encoder
from encoder import Colour
from encoder.packaging.thumbnails import Thumbnails, list_thumbnails, write_poster, write_thumbnails
from tests.encoder.videos import number_in, write_video

NS = {"d": "urn:mpeg:dash:schema:mpd:2011"}
COUNT = 110


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """110 frames of 25 per second: a thumbnail per 0.12 s gives 37 in two images."""
    folder = tmp_path_factory.mktemp("thumbnails")
    track = write_video(folder / "track.mp4", COUNT)
    source = encoder.inspect(track)
    out = folder / "out"
    out.mkdir()
    thumbnails = write_thumbnails(out, source, track, (128, 64), Fraction(3, 25))
    write_poster(out, source, track, (128, 64), Fraction(2))
    return SimpleNamespace(folder=out, thumbnails=thumbnails, source=source, track=track)


def test_write_thumbnails_shows_the_frame_of_each_time(made):
    thumbnails = made.thumbnails
    assert (thumbnails.width, thumbnails.height, thumbnails.count) == (128, 64, 37)
    assert len(thumbnails.sizes) == 2
    numbers = []
    for path in sorted((made.folder / "thumbnails").glob("*.jpg")):
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        assert image.shape == (5 * 64, 5 * 128)
        tiles = image.reshape(5, 64, 5, 128).swapaxes(1, 2).reshape(25, 64, 128)
        numbers += map(number_in, tiles)
    assert numbers[:37] == list(range(0, COUNT, 3))


def test_write_poster_shows_the_frame_of_its_time(made):
    assert number_in(cv2.imread(str(made.folder / "poster.jpg"), cv2.IMREAD_GRAYSCALE)) == 50


def test_write_thumbnails_maps_hdr_to_sdr(made, tmp_path):
    colour = Colour("bt2020", "smpte2084", "bt2020nc", "tv")
    bright = replace(made.source, colour=colour)
    write_poster(tmp_path, bright, made.track, (128, 64), Fraction(2))
    mapped = cv2.imread(str(tmp_path / "poster.jpg")).astype(float)
    plain = cv2.imread(str(made.folder / "poster.jpg")).astype(float)
    assert np.abs(mapped - plain).mean() > 5


def test_list_thumbnails_names_them_in_both_manifests(made):
    (made.folder / "manifest.mpd").write_text(
        f'<MPD xmlns="{NS["d"]}">\n  <Period id="0">\n    <AdaptationSet id="0"/>\n  </Period>\n</MPD>\n'
    )
    (made.folder / "master.m3u8").write_text("#EXTM3U\n")
    list_thumbnails(made.folder, made.thumbnails, "manifest.mpd", "master.m3u8")
    _, images = ET.parse(made.folder / "manifest.mpd").getroot().iterfind(".//d:AdaptationSet", NS)
    assert (images.get("contentType"), images.get("mimeType")) == ("image", "image/jpeg")
    template = images.find("d:SegmentTemplate", NS)
    assert Fraction(int(template.get("duration")), int(template.get("timescale"))) == 3
    assert (made.folder / template.get("media").replace("$Number%05d$", "00002")).is_file()
    representation = images.find("d:Representation", NS)
    assert (representation.get("width"), representation.get("height")) == ("640", "320")
    assert representation.find("d:EssentialProperty", NS).get("value") == "5x5"
    master = m3u8.load(str(made.folder / "master.m3u8"))
    (listed,) = master.image_playlists
    assert listed.image_stream_info.resolution == (128, 64)
    playlist = m3u8.load(str(made.folder / listed.uri))
    assert playlist.is_images_only
    assert [segment.duration for segment in playlist.segments] == pytest.approx([3.0, 1.44])
    assert all((made.folder / segment.uri).is_file() for segment in playlist.segments)
    tiles = "#EXT-X-TILES:RESOLUTION=128x64,LAYOUT=5x5,DURATION=0.120"
    assert (made.folder / listed.uri).read_text().count(tiles) == 2


def test_thumbnails_state_the_bitrate_of_the_largest_image():
    made = Thumbnails(Fraction(2), 160, 90, 5, 5, 30, (50_000, 10_000))
    assert made.bitrate == 8000
    assert np.isclose(float(made.image_seconds), 50)
