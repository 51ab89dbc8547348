"""The page of `shotladder play` plays a presentation and shows the transfers."""

import contextlib
import functools
import json
import threading

import pytest
from playwright.sync_api import TimeoutError

import encoder
from abr import Trace
from benchmarks.fidelity.repeated_presentation import repeat_presentation
from shotladder.player import Link, PlayerServer
from shotladder.player.edges import open_edges

from .conftest import PLAYERS, save_screenshot

pytestmark = pytest.mark.browser


def played(browser, folder, screenshot=None, **options):
    """Play to the end at twice the speed; return the requests of the server, the state and the texts of the page."""
    server = PlayerServer(folder, 0, **options)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    page = browser.new_page()
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    try:
        page.goto(server.url)
        page.evaluate("video.playbackRate = video.defaultPlaybackRate = 2")
        with contextlib.suppress(TimeoutError):  # the assertions below explain more than a timeout
            page.wait_for_function("video.ended || shotladder.failed", timeout=40_000)
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
    finally:
        page.close()
        server.shutdown()
        server.server_close()
        thread.join()
    assert faults == []
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
        page.wait_for_function("document.getElementById('pin').options.length > 1", timeout=30_000)
        # "auto", then the rungs from the highest bitrate
        page.select_option("#pin", index=len(document["video"]))
        page.wait_for_function("shotladder.lastRung === 0", timeout=30_000)
        shots = document["video"][-1]["shots"]
        weakest = min(range(len(shots)), key=lambda n: shots[n]["vmaf"])
        first = page.locator("#worst button").first
        assert first.inner_text().startswith(f"Shot {weakest + 1} at ")
        first.click()
        start = document["shots"][weakest]["start"]
        page.wait_for_function(f"!video.seeking && video.currentTime >= {start}", timeout=30_000)
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    finally:
        page.close()
        server.shutdown()
        server.server_close()
        thread.join()
    assert faults == []


@contextlib.contextmanager
def opened(browser, folder, path, edges=None, **options):
    """Yield the page of a server, and the server."""
    server = PlayerServer(folder, 0, player_js=PLAYERS[path], **options)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    page, faults = browser.new_page(), []
    page.on("pageerror", lambda error: faults.append(str(error)))
    try:
        with contextlib.ExitStack() as stack:
            if edges:
                document = json.loads((folder / "presentation.json").read_text())
                lowest = min(rung["average_bitrate"] for rung in document["video"])
                server.edges = stack.enter_context(open_edges(server, 3, lowest, [edges]))
            page.goto(server.url)
            yield page, server
    finally:
        page.close()
        server.shutdown()
        server.server_close()
        thread.join()
    assert faults == []


ALL_PLAYERS = ["/players/hls.js", "/players/dash.js", "/players/shaka-player.js"]


@pytest.mark.parametrize("path", ALL_PLAYERS)
def test_page_pins_rungs_by_the_menu_of_each_player(browser, presentation, document, path):
    with opened(browser, presentation, path) as (page, _):
        page.wait_for_function("document.getElementById('pin').options.length > 1", timeout=30_000)
        assert page.locator("#pin option").count() == 1 + len(document["video"])
        assert page.locator("#pin option").first.inner_text() == "auto"
        # the options after "auto" are the rungs from the highest bitrate
        for index, rung in ((len(document["video"]), 0), (1, len(document["video"]) - 1)):
            page.select_option("#pin", index=index)
            page.evaluate("video.currentTime = 0; void video.play()")
            page.wait_for_function(f"shotladder.lastRung === {rung}", timeout=60_000)
        assert page.locator("#audio").is_visible() and page.locator("#text").is_visible()
        assert page.evaluate("shotladder.failed") is False


@pytest.mark.parametrize("path", ALL_PLAYERS)
def test_page_compares_two_rungs_on_one_clock(browser, presentation, document, path):
    with opened(browser, presentation, path) as (page, server):
        page.wait_for_function("document.getElementById('left-rung').options.length > 1", timeout=30_000)
        page.select_option("#left-rung", index=0)
        page.select_option("#right-rung", index=len(document["video"]) - 1)
        page.click("#compare")
        ready = "['left', 'right'].every((side) => document.getElementById(`${side}-video`).readyState > 1)"
        page.wait_for_function(ready, timeout=30_000)
        page.click("#compare-play")
        page.wait_for_function("document.getElementById('left-video').currentTime > 0.5", timeout=30_000)
        page.click("#compare-play")
        pair = "document.getElementById('left-video'), document.getElementById('right-video')"
        still = f"[{pair}].every((v) => v.paused && !v.seeking)"
        page.wait_for_function(f"{still} && ((a, b) => Math.abs(a.currentTime - b.currentTime) < 0.05)({pair})")
        heights = page.evaluate(f"[{pair}].map((v) => v.videoHeight)")
        rungs = sorted(document["video"], key=lambda rung: rung["average_bitrate"])
        assert heights == [rungs[0]["height"], rungs[-1]["height"]]
        page.locator("#divide").fill("20")
        clip = page.evaluate("getComputedStyle(document.getElementById('right-video')).clipPath")
        assert "20%" in clip
        # the files of the comparison are not in the log
        assert all(not request.path.startswith("-") for request in server.requests)


#: Times that the clip is repeated, s of buffer at which an edge changes, and throughput relative to the highest rung
#: with audio: the download goes on for most of the playback.
REPEATS, AHEAD, EDGE_LOAD = 2, 2.5, 1.6
AHEAD_NOW = "video.buffered.length ? video.buffered.end(video.buffered.length - 1) - video.currentTime : 0"


@pytest.fixture(scope="module")
def long_presentation(presentation, tmp_path_factory):
    """The presentation of the clip, repeated, and its document."""
    folder = repeat_presentation(presentation, tmp_path_factory.mktemp("edges") / "film", REPEATS)
    return folder, json.loads((folder / "presentation.json").read_text())


def play_with_edges(browser, presentation, path, state=None):
    """Play over three edges, of which the one in use gets a state; return its name, the stalls in s, and the server."""
    folder, document = presentation
    audio = sum(track["average_bitrate"] for track in document["audio"])
    rate = EDGE_LOAD * (audio + max(rung["average_bitrate"] for rung in document["video"]))
    with opened(browser, folder, path, edges=Trace("edge", [10], [rate], [0.02])) as (page, server):
        edge, changed = None, None
        page.wait_for_function(f"video.currentTime > 0 && ({AHEAD_NOW}) > {AHEAD}", timeout=60_000)
        if state is not None:
            edge = page.evaluate("shotladder.requests.findLast((r) => r.edge && r.sent).edge")
            page.click(f"#{edge} [data-state={state}]")
            changed = server.now()
        page.wait_for_function("video.ended || shotladder.failed", timeout=90_000)
        assert page.evaluate("video.ended && !shotladder.failed"), page.inner_text("#notice")
        stalled = page.evaluate("shotladder.stalls.slice(1).reduce((sum, [a, b]) => sum + b - a, 0)")
    later = [request for request in server.requests if request.edge and changed and request.begin > changed]
    return (
        edge,
        stalled,
        [request.edge for request in later if request.sent],
        [line["text"] for line in server.edges.log],
    )


@pytest.fixture(scope="module")
def undisturbed(browser, long_presentation):
    """The stalls of a player whose edges do not change, s."""
    return functools.cache(lambda path: play_with_edges(browser, long_presentation, path)[1])


@pytest.mark.parametrize("path", ALL_PLAYERS)
def test_page_leaves_an_edge_that_is_killed(browser, long_presentation, undisturbed, path):
    edge, stalled, later, log = play_with_edges(browser, long_presentation, path, "down")
    assert later and edge not in later
    assert f"{edge} is not healthy" in log
    segment = max(each["duration"] for each in long_presentation[1]["segments"])
    assert stalled <= undisturbed(path) + segment


@pytest.mark.parametrize("path", ALL_PLAYERS)
def test_page_leaves_an_edge_that_is_drained(browser, long_presentation, undisturbed, path):
    edge, stalled, later, log = play_with_edges(browser, long_presentation, path, "drained")
    assert later[-1] != edge
    assert any(f"{edge} -> " in line and f"{edge} is drained" in line for line in log)
    segment = max(each["duration"] for each in long_presentation[1]["segments"])
    assert stalled <= undisturbed(path) + segment


@pytest.mark.parametrize("path", ALL_PLAYERS)
def test_page_leaves_an_edge_that_is_slow(browser, long_presentation, path):
    # at this edge, the rest of the video would take three times its duration
    edge, stalled, later, log = play_with_edges(browser, long_presentation, path, "slow")
    assert later[-1] != edge
    assert any(f"{edge} -> " in line and f"{edge} is overloaded" in line for line in log)
    # the buffer is shorter than the time after which dash.js gives up a request
    assert stalled <= 8


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
