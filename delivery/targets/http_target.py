"""A plain HTTP server that takes PUT and DELETE (nginx or Apache with WebDAV, and object gateways) as a target."""

from __future__ import annotations

import base64
import http
import http.client
import ssl
import time
import weakref
from collections import deque
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urlsplit

from delivery.errors import TargetError
from delivery.targets.media_types import Headers
from delivery.targets.target import target_fault
from shotladder_runtime.passwords import without_password

__all__ = ["HttpTarget"]

#: Seconds without an answer after which a request fails; chosen by hand.
TIMEOUT = 20.0
#: Attempts per request (chosen by hand).
ATTEMPTS = 3
#: Seconds before the second attempt; twice as many before the third (chosen by hand).
PAUSE = 0.5
#: Concurrent requests for sizes; chosen by hand, browsers open 6 to one host over HTTP/1.1.
CONNECTIONS = 6
#: Maximum size of a document that is read, bytes; chosen by hand: the file list of 500,000 segments.
MAX_BYTES = 64 << 20
#: Status of a PUT into a folder that does not exist: RFC 4918 (9.7.1) requires 409, nginx 1.22 answers 500.
_NO_FOLDER = (404, 409, 500)
#: Status -> what it means for a target.
_REASONS = {
    401: "the credentials are refused",
    403: "access is refused",
    404: "the folder does not exist",
    405: "the server does not take PUT or DELETE here",
    409: "the parent folder does not exist",
    413: "the server refuses files of this size",
    501: "the server does not take PUT or DELETE",
    507: "the disk is full",
}


class HttpTarget:
    """A folder of an HTTP server.

    Parameters
    ----------
    url : str
        Address of the folder; user and password in it are sent as basic authentication.

    Notes
    -----
    The upload of a file is one request. nginx and Apache write its body to a temporary file and rename it.
    """

    has_headers = True

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self.location = without_password(self._url)
        parts = urlsplit(self._url)
        if parts.query or parts.fragment or not parts.hostname:
            raise TargetError(f"{self.location}: is not the address of a folder: it needs a host, and no query")
        self._parts: SplitResult = parts
        self._fixed = {"Accept-Encoding": "identity", "User-Agent": "shotladder"}
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._fixed["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        # connections that no thread uses; they end with this object
        self._idle: deque[http.client.HTTPConnection] = deque()
        weakref.finalize(self, _close, self._idle)

    def is_empty(self, probes: Iterable[str]) -> bool:
        """Return whether none of the paths `probes` exists; HTTP has no lists of files."""
        return not self.find_sizes(probes)

    def read(self, path: str) -> bytes | None:
        """Return the content of a small file, or None if it does not exist."""
        status, content, _ = self._request("GET", path)
        if status == http.HTTPStatus.NOT_FOUND:
            return None
        self._check(status, "be read")
        if len(content) > MAX_BYTES:
            raise TargetError(f"{self.location}/{path}: is larger than {MAX_BYTES} bytes")
        return content

    def find_sizes(self, paths: Iterable[str]) -> dict[str, int]:
        """Return the sizes in bytes of those of the files that exist."""
        paths = list(paths)
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            sizes = list(pool.map(self._size, paths))
        return {path: size for path, size in zip(paths, sizes, strict=True) if size is not None}

    def put(self, content: Path | bytes, path: str, headers: Headers) -> None:
        """Send a file with one request, and verify its size."""
        size = len(content) if isinstance(content, bytes) else content.stat().st_size
        fields = {"Content-Type": headers.content_type, "Cache-Control": headers.cache_control}
        status, _, _ = self._request("PUT", path, content, fields | {"Content-Length": str(size)})
        if status in _NO_FOLDER:
            self._make_folders(path)
            status, _, _ = self._request("PUT", path, content, fields | {"Content-Length": str(size)})
        self._check(status, "be written")
        stored = self._size(path)
        if stored != size:
            raise TargetError(f"{self.location}/{path}: the server stored {stored} bytes instead of {size}")

    def delete(self, path: str) -> None:
        """Delete a file if it exists."""
        status, _, _ = self._request("DELETE", path)
        if status not in (http.HTTPStatus.NOT_FOUND, http.HTTPStatus.GONE):
            self._check(status, "be written")

    def delete_leftovers(self, paths: Iterable[str]) -> None:
        """Do nothing: the server deletes unfinished uploads itself, and deletes no folders for plain HTTP."""

    def _size(self, path: str) -> int | None:
        status, _, length = self._request("HEAD", path)
        if status == http.HTTPStatus.NOT_FOUND:
            return None
        self._check(status, "be read")
        if length is None or not length.isdecimal():
            raise TargetError(f"{self.location}/{path}: the server does not report the size of the file")
        return int(length)

    def _make_folders(self, path: str) -> None:
        """Create the folders of a file; a server without MKCOL, or with these folders, answers an error."""
        parts = path.split("/")[:-1]
        for n in range(len(parts) + 1):
            self._request("MKCOL", "".join(f"{part}/" for part in parts[:n]))

    def _check(self, status: int, action: str) -> None:
        if not 200 <= status < 300:
            reason = _REASONS.get(status, f"the server answers {status}")
            raise TargetError(f"{self.location}: cannot {action} ({reason})")

    def _request(
        self, method: str, path: str, body: Path | bytes | None = None, fields: dict[str, str] | None = None
    ) -> tuple[int, bytes, str | None]:
        """Return status, content and Content-Length of an answer; repeat the request if the connection breaks."""
        # the address may be written with or without escapes
        place = f"{quote(self._parts.path, safe='/%')}/{quote(path)}"
        fields = self._fixed | (fields or {})
        for attempt in range(1, ATTEMPTS + 1):
            connection = self._connect()
            try:
                if isinstance(body, Path):
                    with body.open("rb") as file:
                        connection.request(method, place, file, fields)
                else:
                    connection.request(method, place, body, fields)
                response = connection.getresponse()
                content = response.read(MAX_BYTES + 1)
                length = response.headers["Content-Length"]
            except (OSError, http.client.HTTPException, ValueError) as error:
                fault = error
                connection.close()
            else:
                if response.isclosed() and not response.will_close:
                    self._idle.append(connection)
                else:
                    response.close()
                    connection.close()
                return response.status, content, length
            if attempt < ATTEMPTS:
                time.sleep(PAUSE * attempt)
        raise target_fault(self._url, fault, "be reached") from None

    def _connect(self) -> http.client.HTTPConnection:
        """Return a connection that no other thread uses."""
        try:
            return self._idle.pop()
        except IndexError:
            pass
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme.lower() == "https":
            return http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=ssl.create_default_context())
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT)


def _close(connections: deque[http.client.HTTPConnection]) -> None:
    for connection in connections:
        connection.close()
