"""Players over several edge servers go on when an edge is killed, drained or slow; the edges of `play`, and nginx."""

import contextlib
import functools
import json

import pytest

from abr import Trace
from benchmarks.fidelity.repeated_presentation import repeat_presentation
from shotladder.player.edges import open_edges, steer_edges
from tests.delivery.servers import nginx_edge

from .conftest import ALL_PLAYERS, PLAYERS, opened

pytestmark = pytest.mark.browser

#: Times that the clip is repeated, s of buffer at which an edge changes, and throughput relative to the highest rung
#: with audio: the download goes on for most of the playback.
REPEATS, AHEAD, EDGE_LOAD = 2, 2.5, 1.6
AHEAD_NOW = "video.buffered.length ? video.buffered.end(video.buffered.length - 1) - video.currentTime : 0"


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


def play_with_edges(browser, presentation, path, state=None):
    """Play over three edges, of which the one in use gets a state.

    Returns its name, the stalls in s, the edges of the later requests, and the log of the steering server.
    """
    folder, document = presentation
    lowest, rate = lowest_and_edge_rate(document)
    trace = Trace("edge", [10], [rate], [0.02])
    open_group = functools.partial(open_edges, count=3, lowest_bitrate=lowest, traces=[trace])
    with opened(browser, folder, open_group, player_js=PLAYERS[path]) as (page, server):
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


@pytest.mark.parametrize("path", ALL_PLAYERS)
def test_page_leaves_an_nginx_edge_that_is_killed(browser, long_presentation, tmp_path, path):
    folder, document = long_presentation
    segment = max(each["duration"] for each in document["segments"])
    open_group = functools.partial(open_nginx_edges, folder, document, tmp_path)
    with opened(browser, folder, open_group, player_js=PLAYERS[path]) as (page, server):
        page.wait_for_function(f"video.currentTime > 0 && ({AHEAD_NOW}) > {AHEAD}", timeout=60_000)
        first = max(server.edges.edges, key=lambda edge: len(edge.media_requests()))
        before = {edge.name: len(edge.media_requests()) for edge in server.edges.edges}
        first.set_state("down")
        page.wait_for_function("video.ended || shotladder.failed", timeout=90_000)
        assert page.evaluate("video.ended && !shotladder.failed"), page.inner_text("#notice")
        stalled = page.evaluate("shotladder.stalls.slice(1).reduce((sum, [a, b]) => sum + b - a, 0)")
        after = {edge.name: len(edge.media_requests()) for edge in server.edges.edges}
        assert first.process.returncode is not None
        assert sum(after.values()) - after[first.name] > sum(before.values()) - before[first.name]
        assert f"{first.name} is not healthy" in [line["text"] for line in server.edges.log]
    assert stalled <= segment
