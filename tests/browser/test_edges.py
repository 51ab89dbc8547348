"""Players over several edge servers go on when an edge is killed, drained or slow; the edges of `play`, and nginx."""

import contextlib
import functools
import json
import time

import pytest

from abr import Trace
from benchmarks.fidelity.repeated_presentation import repeat_presentation
from shotladder.player.edges import open_edges, steer_edges
from tests.delivery.servers import nginx_edge

from .conftest import ALL_PLAYERS, PLAYERS, opened, wait_until

pytestmark = pytest.mark.browser

#: Times that the clip is repeated, s of buffer at which an edge changes, and throughput relative to the highest rung
#: with audio: the download goes on for most of the playback.
REPEATS, AHEAD, EDGE_LOAD = 2, 2.5, 1.6
AHEAD_NOW = "video.buffered.length ? video.buffered.end(video.buffered.length - 1) - video.currentTime : 0"
PLAYS_AHEAD = f"video.currentTime > 0 && ({AHEAD_NOW}) > {AHEAD}"
IS_WHOLE = f"!video.seeking && video.currentTime + ({AHEAD_NOW}) > video.duration - 0.1"
#: Playback rate when the whole video is in the buffer.
LAST_RATE = 4
#: Time between two looks at all players, s.
POLL_SECONDS = 0.1
#: Size of the page: what it draws is not under test here.
VIEWPORT = {"width": 400, "height": 300}


@pytest.fixture(scope="module")
def long_presentation(presentation, tmp_path_factory):
    """The presentation of the clip, repeated, and its document."""
    folder = repeat_presentation(presentation, tmp_path_factory.mktemp("edges") / "film", REPEATS)
    return folder, json.loads((folder / "presentation.json").read_text())


def lowest_and_edge_rate(document):
    """Bitrate of the lowest rung and throughput of an edge, bit/s."""
    rungs = [rung["average_bitrate"] for rung in document["video"]]
    audio = sum(track["average_bitrate"] for track in document["audio"])
    return min(rungs), EDGE_LOAD * (audio + max(rungs))


def until(page, condition, seconds):
    """Yield while a condition is false in a page; fail after some time."""
    limit = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < limit, (condition, page.inner_text("#notice"))
        yield


def play_to_end(page):
    """Yield while the video plays, faster when nothing is left to download, and return its stalls in s."""
    yield from until(page, f"({IS_WHOLE}) || video.ended || shotladder.failed", 90)
    page.evaluate(f"video.playbackRate = {LAST_RATE}")
    yield from until(page, "video.ended || shotladder.failed", 30)
    assert page.evaluate("video.ended && !shotladder.failed"), page.inner_text("#notice")
    return page.evaluate("shotladder.stalls.slice(1).reduce((sum, [a, b]) => sum + b - a, 0)")


def play_with_edges(browser, presentation, path, state=None):
    """Play over three edges, of which the one in use gets a state; yield while the player waits.

    Returns its name, the stalls in s, the edges of the later requests, and the log of the steering server.
    """
    folder, document = presentation
    lowest, rate = lowest_and_edge_rate(document)
    trace = Trace("edge", [10], [rate], [0.02])
    open_group = functools.partial(open_edges, count=3, lowest_bitrate=lowest, traces=[trace])
    with opened(browser, folder, open_group, VIEWPORT, player_js=PLAYERS[path]) as (page, server):
        edge, changed = None, None
        # the other players start later, so that the state changes while this one still downloads
        wait_until(page, PLAYS_AHEAD, 60_000)
        if state is not None:
            edge = page.evaluate("shotladder.requests.findLast((r) => r.edge && r.sent).edge")
            page.click(f"#{edge} [data-state={state}]")
            changed = server.now()
        stalled = yield from play_to_end(page)
    later = [request for request in server.requests if request.edge and changed and request.begin > changed]
    return (
        edge,
        stalled,
        [request.edge for request in later if request.sent],
        [line["text"] for line in server.edges.log],
    )


@contextlib.contextmanager
def open_nginx_edges(folder, document, workplace, server):
    """Run three nginx servers of a presentation, and the steering server."""
    lowest, rate = lowest_and_edge_rate(document)
    with contextlib.ExitStack() as stack:
        edges = [
            stack.enter_context(nginx_edge(f"edge-{number}", folder, workplace / str(number), rate / 8))
            for number in (1, 2, 3)
        ]
        yield stack.enter_context(steer_edges(edges, lowest, server.now))


def play_with_nginx_edges(browser, presentation, path, workplace):
    """Play over three nginx edges, of which the one in use is killed; yield while the player waits.

    Returns the name of the edge, whether it runs at the end, the stalls in s, the numbers of requests of the edges
    before and after, and the log of the steering server.
    """
    open_group = functools.partial(open_nginx_edges, *presentation, workplace)
    with opened(browser, presentation[0], open_group, VIEWPORT, player_js=PLAYERS[path]) as (page, server):
        # the other players start later, so that the state changes while this one still downloads
        wait_until(page, PLAYS_AHEAD, 60_000)
        first = max(server.edges.edges, key=lambda edge: len(edge.media_requests()))
        before = {edge.name: len(edge.media_requests()) for edge in server.edges.edges}
        first.set_state("down")
        stalled = yield from play_to_end(page)
        after = {edge.name: len(edge.media_requests()) for edge in server.edges.edges}
        log = [line["text"] for line in server.edges.log]
        return first.name, first.process.returncode is None, stalled, before, after, log


def play_at_once(sessions):
    """Return the results of sessions that play at the same time, each as a function that returns or raises."""
    running, results = dict(sessions), {}
    try:
        while running:
            for name, session in list(running.items()):
                try:
                    next(session)
                    continue
                except StopIteration as end:
                    results[name] = functools.partial(lambda value: value, end.value)
                except Exception as error:
                    results[name] = functools.partial(throw, error)
                del running[name]
            time.sleep(POLL_SECONDS)
    finally:
        for session in running.values():
            session.close()
    return results


def throw(error):
    raise error


@pytest.fixture(scope="module")
def session(browser, long_presentation):
    """What `play_with_edges` returns for a player and a state; all players play at once."""

    @functools.cache
    def play(state):
        return play_at_once({path: play_with_edges(browser, long_presentation, path, state) for path in ALL_PLAYERS})

    return lambda path, state=None: play(state)[path]()


@pytest.fixture(scope="module")
def nginx_sessions(browser, long_presentation, tmp_path_factory):
    """What `play_with_nginx_edges` returns for each player; all play at once."""
    return play_at_once(
        {
            path: play_with_nginx_edges(browser, long_presentation, path, tmp_path_factory.mktemp("nginx"))
            for path in ALL_PLAYERS
        }
    )


def is_short(stalled, session, path, presentation):
    """Return whether stalls are longer than those over undisturbed edges by one segment or less."""
    segment = max(each["duration"] for each in presentation[1]["segments"])
    return stalled <= segment or stalled <= segment + session(path)[1]


@pytest.mark.parametrize("path", ALL_PLAYERS)
def test_page_leaves_an_edge_that_is_killed(session, long_presentation, path):
    edge, stalled, later, log = session(path, "down")
    assert later and edge not in later
    assert f"{edge} is not healthy" in log
    assert is_short(stalled, session, path, long_presentation)


@pytest.mark.parametrize("path", ALL_PLAYERS)
def test_page_leaves_an_edge_that_is_drained(session, long_presentation, path):
    edge, stalled, later, log = session(path, "drained")
    assert later[-1] != edge
    assert any(f"{edge} -> " in line and f"{edge} is drained" in line for line in log)
    assert is_short(stalled, session, path, long_presentation)


@pytest.mark.parametrize("path", ALL_PLAYERS)
def test_page_leaves_an_edge_that_is_slow(session, path):
    # at this edge, the rest of the video would take three times its duration
    edge, stalled, later, log = session(path, "slow")
    assert later[-1] != edge
    assert any(f"{edge} -> " in line and f"{edge} is overloaded" in line for line in log)
    # the buffer is shorter than the time after which dash.js gives up a request
    assert stalled <= 8


@pytest.mark.parametrize("path", ALL_PLAYERS)
def test_page_leaves_an_nginx_edge_that_is_killed(nginx_sessions, long_presentation, path):
    first, runs, stalled, before, after, log = nginx_sessions[path]()
    assert not runs
    assert sum(after.values()) - after[first] > sum(before.values()) - before[first]
    assert f"{first} is not healthy" in log
    assert stalled <= max(each["duration"] for each in long_presentation[1]["segments"])
