"""Chromium plays the base layer of Dolby Vision and HDR10+ renditions, and the players show the thumbnails."""

import json
import os

import pytest

from tests.browser.test_playback import assert_played_whole, played
from tests.command_server import run_command
from tests.encoder.hdr_metadata import make_hdr10_plus, make_rpu, write_hdr

pytestmark = pytest.mark.browser

#: Seconds between two thumbnails.
INTERVAL = 1
#: Returns what shaka-player shows for a time: position and size of the thumbnail, and the sum of its bytes.
SHOW_IN_SHAKA = """async (time) => {
    await new Promise((loaded, failed) => {
        const script = document.createElement("script");
        Object.assign(script, {src: "/players/shaka-player.js", onload: loaded, onerror: failed});
        document.head.append(script);
    });
    const player = new shaka.Player();
    await player.attach(video);
    await player.load("/film/manifest.mpd");
    const track = player.getImageTracks()[0];
    const found = await player.getThumbnails(track.id, time);
    const answer = await fetch(found.uris[0]);
    const image = await createImageBitmap(await answer.blob());
    return {start: found.startTime, width: found.width, height: found.height, x: found.positionX, y: found.positionY,
            across: image.width, down: image.height};
}"""
#: Returns what dash.js shows for a time.
SHOW_IN_DASHJS = """(time) => new Promise((resolve) => {
    const player = dashjs.MediaPlayer().create();
    player.initialize(video, "/film/manifest.mpd", false);
    player.on(dashjs.MediaPlayer.events.STREAM_INITIALIZED, () => player.provideThumbnail(time, (found) =>
        resolve({url: found.url, width: found.width, height: found.height, x: found.x, y: found.y})));
})"""


@pytest.fixture(scope="module")
def presentation(browser, tmp_path_factory):
    """Four seconds of AV1 with Dolby Vision 10.1, HDR10+ and thumbnails: their directory."""
    folder = tmp_path_factory.mktemp("premium")
    clip = write_hdr(folder / "clip.mp4", 100, rpu=make_rpu, message=make_hdr10_plus)
    quick = ["--codec", "av1", "--preset", "12", "--rungs", "1", "--segment-duration", "2", "--no-compare", "--quiet"]
    words = [clip, "-o", folder / "film", *quick, "--thumbnails", INTERVAL, "--store", folder / "store"]
    done = run_command(["encode", *map(str, words)], dict(os.environ))
    assert done.returncode == 0, done.stderr
    return folder / "film"


@pytest.fixture(scope="module")
def document(presentation):
    """The content of `presentation.json`."""
    return json.loads((presentation / "presentation.json").read_text())


@pytest.fixture
def page(browser, site):
    """The harness, without a player."""
    page = browser.new_page()
    page.goto(site.url)
    yield page
    page.close()


@pytest.mark.parametrize("player", ["hls", "dash"])
def test_players_play_the_base_layer_of_dynamic_hdr(browser, site, document, player):
    assert {each["kind"] for each in document["video"][0]["dynamic_hdr"]} == {"Dolby Vision", "HDR10+"}
    seen = played(browser, site, player)
    assert_played_whole(seen, site, document)


def test_shaka_player_shows_the_thumbnail_of_a_time(page, document):
    stated = document["thumbnails"]
    shown = page.evaluate(SHOW_IN_SHAKA, 2.5)
    assert shown["start"] == pytest.approx(2 * INTERVAL)
    assert (shown["width"], shown["height"]) == (stated["width"], stated["height"])
    assert (shown["across"], shown["down"]) == (stated["width"] * stated["columns"], stated["height"] * stated["rows"])
    assert shown["x"] + shown["y"] > 0


def test_dashjs_shows_the_thumbnail_of_a_time(page, document, site):
    stated = document["thumbnails"]
    shown = page.evaluate(SHOW_IN_DASHJS, 2.5)
    assert (shown["width"], shown["height"]) == (stated["width"], stated["height"])
    assert shown["url"].endswith("thumbnails/00001.jpg")
    assert (shown["x"], shown["y"]) == (
        2 % stated["columns"] * stated["width"],
        2 // stated["columns"] * stated["height"],
    )
