"""A small presentation, and a server of it."""

import threading

import pytest

from shotladder.player import Link, PlayerServer
from tests.shotladder.player.requests import CONTENT


@pytest.fixture
def folder(tmp_path):
    """The required files of a presentation, and one segment."""
    film = tmp_path / "film"
    (film / "video/a").mkdir(parents=True)
    (film / "video/a/00001.m4s").write_bytes(CONTENT)
    for name in ("master.m3u8", "manifest.mpd"):
        (film / name).write_text(name)
    (film / "presentation.json").write_text('{"title": "film"}')
    (tmp_path / "secret").write_text("not for you")
    return film


@pytest.fixture
def serve(folder):
    """Return the function that starts a server with an optional trace."""
    servers = []

    def start(trace=None, **options):
        server = PlayerServer(folder, 0, link=trace and Link(trace), **options)
        servers.append((server, threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)))
        servers[-1][1].start()
        return server

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()
