"""The page of `shotladder play` plays, and shows what went over the link."""

import contextlib
import json
import threading

import pytest
from playwright.sync_api import TimeoutError

import encoder
from abr import Trace
from shotladder.player import Link, PlayerServer

from .conftest import PLAYERS

pytestmark = pytest.mark.browser


def played(browser, folder, **options):
    """Play at twice the speed to the end; return the server's notes, the page's, and the texts that it shows."""
    server = PlayerServer(folder, 0, **options)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    page = browser.new_page()
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    try:
        page.goto(server.url)
        page.evaluate("video.playbackRate = video.defaultPlaybackRate = 2")
        with contextlib.suppress(TimeoutError):  # what is shown tells more than that it took too long
            page.wait_for_function("video.ended || shotladder.failed", timeout=40_000)
            page.wait_for_timeout(600)  # the page looks at the server four times a second
        seen = page.evaluate("({...shotladder, done: null, ended: video.ended, title: document.title})")
        shown = page.evaluate(
            "Object.fromEntries([...document.querySelectorAll('[id]')].map((e) => [e.id, e.innerText]))"
        )
        inked = page.evaluate(
            """[...document.querySelectorAll('canvas')].map((c) =>
               c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((value) => value))"""
        )
    finally:
        page.close()
        server.shutdown()
        server.server_close()
        thread.join()
    assert faults == []
    assert inked == [True, True, True]
    return server.requests, seen, shown


def assert_shown_as_it_was(document, requests, seen, shown):
    rungs = sorted(document["video"], key=lambda rung: rung["average_bitrate"])
    places = {segment["url"]: (n, s) for n, rung in enumerate(rungs) for s, segment in enumerate(rung["segments"])}
    chosen = {}
    for request in requests:
        if request.path in places and request.whole:
            rung, segment = places[request.path]
            chosen[segment] = rung
    assert seen["ended"] and not seen["failed"]
    assert shown["notice"] == ""
    assert seen["chosen"] == [chosen[n] for n in range(len(document["segments"]))]
    last = rungs[seen["chosen"][-1]]
    assert shown["rung"] == last["id"]
    assert shown["vmaf"] == f"{last['segments'][-1]['vmaf']:.1f}"
    assert seen["startup"] > 0
    assert max(level for _, level in seen["samples"]) > 1


def test_the_page_plays_natively_over_a_shaped_link_that_is_never_faster_than_its_trace(
    browser, presentation, document
):
    rate = 2_000_000
    trace = Trace("narrow", [10], [rate], [0.05])
    requests, seen, shown = played(browser, presentation, link=Link(trace))
    assert_shown_as_it_was(document, requests, seen, shown)
    assert "narrow, 2.00 Mbit/s" in shown["lead"]
    assert "own HLS" in shown["lead"]
    whole = [request for request in requests if request.whole and request.sent > 4000]
    assert whole
    for request in whole:
        assert 8 * request.sent <= 1.01 * rate * (request.end - request.first_byte) + 8 * 1448
    sent = sum(request.sent for request in requests)
    assert 8 * sent <= 1.01 * rate * max(request.end for request in requests)


@pytest.mark.parametrize(("path", "name"), [("/players/hls.js", "hls.js"), ("/players/dash.js", "dash.js")])
def test_the_page_plays_with_a_player_that_is_given_to_it(browser, presentation, document, path, name):
    requests, seen, shown = played(browser, presentation, player_js=PLAYERS[path])
    assert_shown_as_it_was(document, requests, seen, shown)
    assert name in shown["lead"]
    assert "as fast as this machine" in shown["lead"]


@pytest.mark.parametrize(
    ("scheme", "path"),
    [("cbcs", "/players/shaka-player.js"), ("cenc", "/players/shaka-player.js"), ("cbcs", "/players/dash.js")],
)
def test_the_page_plays_what_is_encrypted_when_it_is_given_the_keys(browser, encrypted, scheme, path):
    folder, keys = encrypted(scheme)
    document = json.loads((folder / "presentation.json").read_text())
    requests, seen, shown = played(browser, folder, player_js=PLAYERS[path], keys=keys)
    assert_shown_as_it_was(document, requests, seen, shown)


def test_the_page_says_so_when_the_keys_are_others(browser, encrypted):
    folder, _ = encrypted("cbcs")
    _, seen, shown = played(browser, folder, player_js=PLAYERS["/players/shaka-player.js"], keys=encoder.new_keys())
    assert seen["failed"] and not seen["ended"]
    assert shown["notice"].startswith("Shaka Player: error")
