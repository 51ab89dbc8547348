"""A small presentation's content, and raw requests to its server."""

import http.client
import socket

from abr import Trace

CONTENT = bytes(range(256)) * 200


def steps(*intervals, latency=0.0):
    """Return a trace of (seconds, bits/s)."""
    durations, rates = zip(*intervals, strict=True)
    return Trace("steps", durations, rates, [latency] * len(rates))


def get(server, path, method="GET", **headers):
    """Return status, headers and body, for errors as well; the path is sent unchanged."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers, body


def request_of(server, target, *headers, host=None):
    """Return the bytes of a GET."""
    host = f"Host: 127.0.0.1:{server.server_port}" if host is None else host
    lines = [f"GET {target} HTTP/1.1", *([host] if host else []), *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def send(server, content):
    """Return everything that the server answers to these bytes before it closes the connection."""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=20) as client:
        client.sendall(content)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65536), b""))


def settled(server):
    """Return the requests of a server when they have ended: a client receives its last byte a little earlier."""
    for _ in range(1000):
        if server.requests and all(request.end is not None for request in server.requests):
            break
        server.closing.wait(0.01)
    return server.requests
