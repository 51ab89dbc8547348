"""The page of `shotladder play` plays a presentation and shows the transfers."""

import contextlib
import json
import threading

import pytest
from playwright.sync_api import TimeoutError

import encoder
from abr import Trace
from shotladder.player import Link, PlayerServer

from .conftest import ALL_PLAYERS, PLAYERS, opened, save_screenshot, wait_until

pytestmark = pytest.mark.browser


def played(browser, folder, screenshot=None, **options):
    """Play to the end at twice the speed; return the requests of the server, the state and the texts of the page."""
    with opened(browser, folder, **options) as (page, server):
        page.evaluate("video.playbackRate = video.defaultPlaybackRate = 2")
        with contextlib.suppress(TimeoutError):  # the assertions below explain more than a timeout
            wait_until(page, "video.ended || shotladder.failed", 40_000)
            page.wait_for_timeout(600)  # the page queries the server four times per second
        if screenshot:
            save_screenshot(page, screenshot)
        seen = page.evaluate("({...shotladder, done: null, ended: video.ended, title: document.title})")
        shown = page.evaluate(
            "Object.fromEntries([...document.querySelectorAll('[id]')].map((e) => [e.id, e.innerText]))"
        )
        inked = page.evaluate(
            """[...document.querySelectorAll('canvas')].map((c) =>
               c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((value) => value))"""
        )
    assert inked == [True, True, True]
    return server.requests, seen, shown


def assert_page_shows_requests(document, requests, seen, shown):
    rungs = sorted(document["video"], key=lambda rung: rung["average_bitrate"])
    positions = {segment["url"]: (n, s) for n, rung in enumerate(rungs) for s, segment in enumerate(rung["segments"])}
    chosen = {}
    for request in requests:
        if request.path in positions and request.whole:
            rung, segment = positions[request.path]
            chosen[segment] = rung
    assert seen["ended"] and not seen["failed"]
    assert shown["notice"] == ""
    assert seen["chosen"] == [chosen[n] for n in range(len(document["segments"]))]
    last = rungs[seen["chosen"][-1]]
    assert shown["rung"] == last["id"]
    assert shown["vmaf"] == f"{last['segments'][-1]['vmaf']:.1f}"
    # the newest event is at the top
    times = [float(row.split(" s")[0]) for row in shown["events"].splitlines() if row]
    assert times == sorted(times, reverse=True)
    assert seen["startup"] > 0
    assert max(level for _, level in seen["samples"]) > 1


def test_page_plays_natively_over_a_link_that_never_exceeds_its_trace(browser, presentation, document):
    rate = 2_000_000
    trace = Trace("narrow", [10], [rate], [0.05])
    requests, seen, shown = played(browser, presentation, "player", link=Link(trace))
    assert_page_shows_requests(document, requests, seen, shown)
    assert "narrow, mean 2.00 Mbit/s" in shown["lead"]
    assert "HLS player of the browser" in shown["lead"]
    whole = [request for request in requests if request.whole and request.sent > 4000]
    assert whole
    for request in whole:
        assert 8 * request.sent <= 1.01 * rate * (request.end - request.first_byte) + 8 * 1448
    sent = sum(request.sent for request in requests)
    assert 8 * sent <= 1.01 * rate * max(request.end for request in requests)


@pytest.mark.parametrize(("path", "name"), [("/players/hls.js", "hls.js"), ("/players/dash.js", "dash.js")])
def test_page_plays_with_a_given_player(browser, presentation, document, path, name):
    requests, seen, shown = played(browser, presentation, player_js=PLAYERS[path])
    assert_page_shows_requests(document, requests, seen, shown)
    assert name in shown["lead"]
    assert "not throttled" in shown["lead"]


def test_page_pins_a_rung_jumps_and_fits_a_phone(browser, presentation, document):
    server = PlayerServer(presentation, 0, player_js=PLAYERS["/players/hls.js"])
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    page = browser.new_page(viewport={"width": 400, "height": 800}, color_scheme="dark")
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    try:
        page.goto(server.url)
        wait_until(page, "document.getElementById('pin').options.length > 1")
        # "auto", then the rungs from the highest bitrate
        page.select_option("#pin", index=len(document["video"]))
        wait_until(page, "shotladder.lastRung === 0")
        shots = document["video"][-1]["shots"]
        weakest = min(range(len(shots)), key=lambda n: shots[n]["vmaf"])
        first = page.locator("#worst button").first
        assert first.inner_text().startswith(f"Shot {weakest + 1} at ")
        first.click()
        start = document["shots"][weakest]["start"]
        wait_until(page, f"!video.seeking && video.currentTime >= {start}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    finally:
        page.close()
        server.shutdown()
        server.server_close()
        thread.join()
    assert faults == []


@pytest.mark.parametrize("path", ALL_PLAYERS)
def test_page_pins_rungs_by_the_menu_of_each_player(browser, presentation, document, path):
    with opened(browser, presentation, player_js=PLAYERS[path]) as (page, _):
        wait_until(page, "document.getElementById('pin').options.length > 1")
        assert page.locator("#pin option").count() == 1 + len(document["video"])
        assert page.locator("#pin option").first.inner_text() == "auto"
        # the options after "auto" are the rungs from the highest bitrate
        for index, rung in ((len(document["video"]), 0), (1, len(document["video"]) - 1)):
            page.select_option("#pin", index=index)
            page.evaluate("video.currentTime = 0; void video.play()")
            wait_until(page, f"shotladder.lastRung === {rung}", 60_000)
        assert page.locator("#audio").is_visible() and page.locator("#text").is_visible()
        assert page.evaluate("shotladder.failed") is False


@pytest.mark.parametrize("path", ALL_PLAYERS)
def test_page_compares_two_rungs_on_one_clock(browser, presentation, document, path):
    with opened(browser, presentation, player_js=PLAYERS[path]) as (page, server):
        wait_until(page, "document.getElementById('left-rung').options.length > 1")
        page.select_option("#left-rung", index=0)
        page.select_option("#right-rung", index=len(document["video"]) - 1)
        page.click("#compare")
        ready = "['left', 'right'].every((side) => document.getElementById(`${side}-video`).readyState > 1)"
        wait_until(page, ready)
        page.click("#compare-play")
        wait_until(page, "document.getElementById('left-video').currentTime > 0.5")
        page.click("#compare-play")
        pair = "document.getElementById('left-video'), document.getElementById('right-video')"
        still = f"[{pair}].every((v) => v.paused && !v.seeking)"
        wait_until(page, f"{still} && ((a, b) => Math.abs(a.currentTime - b.currentTime) < 0.05)({pair})")
        heights = page.evaluate(f"[{pair}].map((v) => v.videoHeight)")
        rungs = sorted(document["video"], key=lambda rung: rung["average_bitrate"])
        assert heights == [rungs[0]["height"], rungs[-1]["height"]]
        page.locator("#divide").fill("20")
        clip = page.evaluate("getComputedStyle(document.getElementById('right-video')).clipPath")
        assert "20%" in clip
        # the files of the comparison are not in the log
        assert all(not request.path.startswith("-") for request in server.requests)


@pytest.mark.parametrize(
    ("scheme", "path"),
    [("cbcs", "/players/shaka-player.js"), ("cenc", "/players/shaka-player.js"), ("cbcs", "/players/dash.js")],
)
def test_page_plays_an_encrypted_presentation_with_its_keys(browser, encrypted, scheme, path):
    folder, keys = encrypted(scheme)
    document = json.loads((folder / "presentation.json").read_text())
    requests, seen, shown = played(browser, folder, player_js=PLAYERS[path], keys=keys)
    assert_page_shows_requests(document, requests, seen, shown)


def test_page_reports_wrong_keys(browser, encrypted):
    folder, _ = encrypted("cbcs")
    _, seen, shown = played(browser, folder, player_js=PLAYERS["/players/shaka-player.js"], keys=encoder.new_keys())
    assert seen["failed"] and not seen["ended"]
    assert shown["notice"].startswith("Shaka Player: error")
