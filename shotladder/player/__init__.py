"""The player page and its local server, throttled according to a network trace."""

from shotladder.player.link import Link
from shotladder.player.server import PlayerServer, open_server

__all__ = ["Link", "PlayerServer", "open_server"]
