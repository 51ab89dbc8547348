"""PackagedTrack H.264 plays to its end in headless Chromium: through hls.js, dash.js, and natively as HLS."""

import contextlib

import pytest
from playwright.sync_api import TimeoutError

from .conftest import wait_until

pytestmark = pytest.mark.browser

#: Playback rate, to save time.
RATE = 2


def played(browser, site, player, *, turns=0):
    """Play the presentation to its end and return the report of the harness."""
    page = browser.new_page()
    try:
        page.goto(site.url)
        page.evaluate("([name, turns, rate]) => play(name, turns, rate)", [player, turns, RATE])
        with contextlib.suppress(TimeoutError):  # the assertions below explain more than a timeout
            wait_until(page, "seen.ended || seen.errors.length")
        return page.evaluate("report()")
    finally:
        page.close()


def assert_played_whole(seen, site, document):
    assert not seen["errors"]
    assert seen["ended"]
    assert seen["duration"] == pytest.approx(document["duration"], abs=0.1)
    assert seen["time"] == pytest.approx(document["duration"], abs=0.1)
    frames = sum(shot["frame_count"] for shot in document["shots"])
    assert seen["decoded"] > 0.9 * frames
    assert [answer for answer in site.answers if answer[0] not in (200, 206)] == []
    for number in range(len(document["segments"])):
        assert site.media() & {rung["segments"][number]["url"] for rung in document["video"]}


@pytest.mark.parametrize("player", ["hls", "dash", "native"])
def test_players_play_the_presentation_to_its_end(browser, site, document, player):
    seen = played(browser, site, player)
    assert_played_whole(seen, site, document)


@pytest.mark.parametrize("player", ["hls", "dash"])
def test_players_decode_every_rung_when_each_takes_its_turn(browser, site, document, player):
    seen = played(browser, site, player, turns=len(document["segments"]))
    assert_played_whole(seen, site, document)
    rungs = len(document["video"])
    assert set(seen["rungs"]) == set(range(rungs))
    assert set(seen["heights"]) == {rung["height"] for rung in document["video"]}
    for rung in document["video"]:
        assert site.media() & {segment["url"] for segment in rung["segments"]}


def test_chromium_reports_native_hls(browser):
    page = browser.new_page()
    assert page.evaluate("document.createElement('video').canPlayType('application/vnd.apple.mpegurl')")
    page.close()
