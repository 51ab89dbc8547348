"""Requests per second of `shotladder steer` on loopback, and the latency of its answers.

    python -m benchmarks.delivery.steering_load [REQUESTS]

Connections send one request after the other, as players do; the client runs in a process of its own. The run is bounded
by its number of requests and by 60 s.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REQUESTS, CONNECTIONS = 20_000, 32
#: s after which the run stops.
TIME_LIMIT = 60.0
CONFIG = 'url = "http://steer.example/steer"\n' + "".join(
    f'[[pathway]]\nname = "e{n}"\nurl = "http://e{n}.example/show"\n' for n in range(3)
)


async def ask(port: int, count: int, latencies: list[float]) -> None:
    """Send requests over one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = b"GET /steer?session=abc&_HLS_pathway=e1&_HLS_throughput=5000000 HTTP/1.1\r\nHost: a\r\n\r\n"
    for _ in range(count):
        begun = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r")[0])
        await reader.readexactly(length)
        latencies.append(time.perf_counter() - begun)
    writer.close()


async def load(port: int, requests: int) -> tuple[float, list[float]]:
    """Return the duration in s, and the latency of each request."""
    latencies: list[float] = []
    begun = time.perf_counter()
    tasks = [ask(port, requests // CONNECTIONS, latencies) for _ in range(CONNECTIONS)]
    await asyncio.wait_for(asyncio.gather(*tasks), TIME_LIMIT)
    return time.perf_counter() - begun, latencies


def main(requests: int = REQUESTS) -> None:
    """Run the benchmark and print its results."""
    with tempfile.TemporaryDirectory() as name:
        config = Path(name) / "steering.toml"
        config.write_text(CONFIG)
        command = [sys.executable, "-m", "shotladder.cli", "steer", str(config), "--port", "0", "--json", "--quiet"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            port = int(json.loads(server.stdout.readline())["url"].split(":")[2].split("/")[0])
            seconds, latencies = asyncio.run(load(port, requests))
            ticks = Path(f"/proc/{server.pid}/stat").read_text().rsplit(")", 1)[1].split()
            cpu = (int(ticks[11]) + int(ticks[12])) / 100
        finally:
            server.terminate()
            server.wait()
    latencies.sort()
    p50, p99 = (1e3 * latencies[int(q * len(latencies))] for q in (0.5, 0.99))
    print(f"{len(latencies)} requests over {CONNECTIONS} connections: {len(latencies) / seconds:.0f} per second")
    print(f"latency p50 {p50:.1f} ms, p99 {p99:.1f} ms; server {cpu:.1f} CPU s with its start")


if __name__ == "__main__":
    main(*(int(arg) for arg in sys.argv[1:]))
