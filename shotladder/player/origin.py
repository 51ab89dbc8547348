"""Which requests the local server answers, and what its pages may load.

A page of another site can send requests to this server: directly, or after its host name was changed to resolve to this
machine (DNS rebinding). It could then read the keys of an encrypted presentation.
"""

from __future__ import annotations

from email.message import Message

__all__ = ["FILE_POLICY", "PAGE_POLICY", "SAFETY_HEADERS", "is_own_request"]

#: Headers of every answer.
SAFETY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
#: Content security policy of the player page. Players create workers and media sources from blobs; tools that drive a
#: browser evaluate their conditions from strings.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; worker-src 'self' blob:; style-src 'self'; "
    "img-src 'self' data: blob:; media-src 'self' blob: data:; connect-src 'self' data: blob:; font-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
#: Content security policy of the files of a presentation: its report works, and it cannot read the keys.
FILE_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data:; font-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
#: Names of this machine in the header Host.
_NAMES = ("127.0.0.1", "localhost", "[::1]")
#: Port that browsers omit in Host and Origin.
_HTTP_PORT = 80


def is_own_request(headers: Message, port: int, name: str | None = None) -> bool:
    """Return whether the headers of a request name this server, and no other site as its origin.

    Parameters
    ----------
    headers : Message
    port : int
        Port of this server.
    name : str, optional
        Another name of this machine, below `localhost` (RFC 6761, section 6.3: it never leaves the machine).

    Examples
    --------
    >>> headers = Message()
    >>> headers["Host"] = "localhost:8000"
    >>> is_own_request(headers, 8000)
    True
    >>> headers["Origin"] = "http://example.com"
    >>> is_own_request(headers, 8000)
    False
    """
    names = _NAMES if name is None else (*_NAMES, name)
    hosts = {f"{host}:{port}" for host in names} | ({*names} if port == _HTTP_PORT else set())
    named = [str(host).lower() for host in headers.get_all("Host", [])]
    origins = [str(origin).lower() for origin in headers.get_all("Origin", [])]
    if len(named) != 1 or named[0] not in hosts or not {*origins} <= {f"http://{host}" for host in hosts}:
        return False
    # a link on another site may open the page, but nothing else of that site may load from here
    is_foreign = headers.get("Sec-Fetch-Site", "none").lower() not in ("none", "same-origin")
    return not is_foreign or headers.get("Sec-Fetch-Mode", "").lower() == "navigate"
