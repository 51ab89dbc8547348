"""Read requests from a connection with a limit of the time of each."""

from __future__ import annotations

import io
import socket
import time
from typing import Any

__all__ = ["RequestReader"]

#: Seconds from the first byte of a request to its last one; chosen by hand: a browser sends both in one packet.
REQUEST_TIMEOUT = 10.0


class RequestReader(io.RawIOBase):
    """Raises TimeoutError if a request takes too long, also if its bytes come one by one.

    Parameters
    ----------
    connection : socket
        With a time limit, which stays that of a pause between two requests.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._idle_timeout: float = connection.gettimeout() or REQUEST_TIMEOUT
        self._deadline: float | None = None

    def end_request(self) -> None:
        """State that a request is complete: the next byte is the first one of another request."""
        self._deadline = None

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Wait for bytes of the connection, and return their number."""
        limit = self._idle_timeout
        if self._deadline is not None:
            limit = min(limit, self._deadline - time.monotonic())
        if limit <= 0:
            raise TimeoutError("the request takes too long")
        self._connection.settimeout(limit)
        try:
            count = self._connection.recv_into(buffer)
        finally:
            self._connection.settimeout(self._idle_timeout)
        if self._deadline is None:
            self._deadline = time.monotonic() + REQUEST_TIMEOUT
        return count
