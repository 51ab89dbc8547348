"""A browser, a packaged presentation, and a server for both; skipped with a reason where one is missing."""

import contextlib
import json
import os
import subprocess
import threading
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

import encoder
from benchmarks.fidelity.session_recorder import CHROMIUM, FLAGS
from samples import sound
from shotladder.player import PlayerServer
from shotladder_runtime.tools import ffmpeg_path
from tests.command_server import run_command
from tests.once import make_once
from training.clips import variants

HERE = Path(__file__).parent
PLAYERS = {
    "/players/hls.js": HERE / "node_modules/hls.js/dist/hls.min.js",
    "/players/shaka-player.js": HERE / "node_modules/shaka-player/dist/shaka-player.compiled.js",
    "/players/dash.js": HERE / "node_modules/dashjs/dist/modern/umd/dash.all.min.js",
}


#: ms between two looks at a condition; without it, Playwright looks before each frame, and so lets 60/s be painted.
POLL_MS = 50
ALL_PLAYERS = ["/players/hls.js", "/players/dash.js", "/players/shaka-player.js"]


def missing(reason: str) -> None:
    """Skip, but fail where the browser is required."""
    if os.environ.get("SHOTLADDER_REQUIRE_BROWSER") == "1":
        pytest.fail(f"{reason}, and SHOTLADDER_REQUIRE_BROWSER=1 forbids to skip the browser tests")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def players():
    """Skip where Chromium or a JavaScript player is missing."""
    if not CHROMIUM.exists():
        missing(f"there is no {CHROMIUM}")
    for path in PLAYERS.values():
        if not path.exists():
            missing(f"there is no {path.relative_to(HERE)}: npm install --no-package-lock --prefix tests/browser")


@pytest.fixture(scope="module")
def browser(players):
    """A headless Chromium; it ends with the file, because no other event loop can run in this thread before."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


def wait_until(page, condition, timeout=30_000):
    """Wait until a condition is true in a page, at most `timeout` ms."""
    page.wait_for_function(condition, timeout=timeout, polling=POLL_MS)


def save_screenshot(page, name: str) -> None:
    """Replace a screenshot of the documentation, if SHOTLADDER_SCREENSHOTS=1 requests it."""
    if os.environ.get("SHOTLADDER_SCREENSHOTS") == "1":
        page.set_viewport_size({"width": 1280, "height": 960})
        page.wait_for_timeout(600)  # the player page draws four times per second
        page.screenshot(path=HERE.parents[1] / "docs" / "images" / f"{name}.png")


@contextlib.contextmanager
def opened(browser, folder, open_edges=None, viewport=None, **options):
    """Yield the page of a server, and the server; `open_edges` opens the edges of the server."""
    server = PlayerServer(folder, 0, **options)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    page, faults = browser.new_page(viewport=viewport), []
    page.on("pageerror", lambda error: faults.append(str(error)))
    try:
        with contextlib.ExitStack() as stack:
            if open_edges:
                server.edges = stack.enter_context(open_edges(server))
            page.goto(server.url)
            yield page, server
    finally:
        page.close()
        server.shutdown()
        server.server_close()
        thread.join()
    assert faults == []


@pytest.fixture(scope="session")
def presentation(players, tmp_path_factory):
    """The presentation of a clip with five shots, audio and three rungs: its directory."""
    return make_once(tmp_path_factory, "browser", make_presentation) / "film"


def make_presentation(folder):
    """Encode the clip in a folder, as `film`."""
    clip = variants.generate(1, kind="cut", width=480, height=270)
    variants.write_clip(folder / "video.mp4", clip, crf=14)
    track = sound.soundtrack(len(clip.frames) / variants.RATE, (1.0, 3.0))
    (folder / "audio.f32").write_bytes(track.T.tobytes())
    inputs = ["-i", folder / "video.mp4", "-f", "f32le", "-ar", sound.RATE, "-ac", "2", "-i", folder / "audio.f32"]
    command = [ffmpeg_path(), "-v", "error", *inputs, "-c:v", "copy", "-c:a", "aac", folder / "clip.mp4"]
    subprocess.run([str(word) for word in command], check=True, stdin=subprocess.DEVNULL)
    encoded(folder, "film")


def encoded(folder, name, *options):
    """Encode the clip; artefacts of another run are taken from the store."""
    options = ["--rungs", "3", "--preset", "veryfast", "--segment-duration", "2", "--quiet", *options]
    words = ["encode", folder / "clip.mp4", "-o", folder / name, *options]
    environment = os.environ | {"SHOTLADDER_STORE": str(folder / "store"), "XDG_DATA_HOME": str(folder / "data")}
    done = run_command([str(word) for word in words], environment)
    assert done.returncode == 0, done.stderr
    return folder / name


@pytest.fixture(scope="session")
def encrypted(presentation, tmp_path_factory):
    """The presentation encrypted with new keys by a scheme: its directory and its keys."""

    def of(scheme):
        encrypt = partial(encoded, presentation.parent, scheme, "--encrypt", "--protection-scheme", scheme)
        make_once(tmp_path_factory, f"browser-{scheme}", lambda _: encrypt())
        folder = presentation.parent / scheme
        ids = json.loads((folder / "presentation.json").read_text())["encryption"]["key_ids"]
        return folder, encoder.load_keys(presentation.parent / f"data/shotladder/keys/{ids['VIDEO']}.json")

    return of


@pytest.fixture(scope="session")
def document(presentation):
    """The content of `presentation.json`."""
    return json.loads((presentation / "presentation.json").read_text())


@dataclass
class Site:
    """A plain server of a presentation and the players, which logs every answer."""

    url: str = ""
    answers: list[tuple[int, str]] = field(default_factory=list)

    def media(self, suffix: str = ".m4s") -> set[str]:
        """Return the requested files of the presentation."""
        return {path.removeprefix("/film/") for _, path in self.answers if path.endswith(suffix)}


class Handler(SimpleHTTPRequestHandler):
    """Serves the harness, the players and the presentation."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {".m3u8": "application/vnd.apple.mpegurl"}

    def __init__(self, *args, site, film, **kwargs):
        self.site, self.film = site, film
        super().__init__(*args, **kwargs)

    def translate_path(self, path):
        """Return the file behind a path."""
        if path in PLAYERS:
            return str(PLAYERS[path])
        return str(HERE / "harness.html" if path == "/" else self.film / path.removeprefix("/film/"))

    def copyfile(self, source, outputfile):
        # a player may cancel a segment
        with contextlib.suppress(ConnectionError):
            super().copyfile(source, outputfile)

    def end_headers(self):
        # otherwise a second request is answered by 304 or by the cache of the browser
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_request(self, code="-", size="-"):
        self.site.answers.append((int(code), self.path))

    def log_message(self, format, *args):
        pass


@pytest.fixture
def site(presentation):
    """A server of its own for each test."""
    site = Site()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, site=site, film=presentation))
    site.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield site
    server.shutdown()
    server.server_close()
    thread.join()
