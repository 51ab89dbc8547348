"""The player page and the local server behind it, over a network that a trace shapes."""

from shotladder.player.link import Link
from shotladder.player.server import PlayerServer, open_server

__all__ = ["Link", "PlayerServer", "open_server"]
