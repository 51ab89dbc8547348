"""Real servers with temporary folders on loopback ports: nginx with WebDAV, and moto's S3."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

NGINX = shutil.which("nginx", path="/usr/sbin:" + os.environ.get("PATH", ""))
CONFIGURATION = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 128; }}
http {{
  access_log {folder}/access.log; default_type application/octet-stream;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi; client_max_body_size 100m;
  server {{
    listen 127.0.0.1:{port}; root {folder}/root;
    location / {{ dav_methods PUT DELETE MKCOL; create_full_put_path {full}; {rules} }}
    location /readonly/ {{ }}
  }}
}}
"""


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def wait_for(port: int) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError(f"no server on port {port}")


def require_nginx() -> None:
    """Skip without nginx, but fail where it is required."""
    if NGINX is None:
        if os.environ.get("SHOTLADDER_REQUIRE_NGINX") == "1":
            pytest.fail("SHOTLADDER_REQUIRE_NGINX=1 requires nginx: install nginx-light")
        pytest.skip("nginx is not installed")


@contextlib.contextmanager
def nginx_server(folder: Path, *, rules: str = "", full: str = "on") -> Iterator[str]:
    """Run nginx as an ordinary process; yield its address. Files are below `folder`/root."""
    require_nginx()
    (folder / "root").mkdir(parents=True)
    folder.chmod(0o777)
    (folder / "root").chmod(0o777)
    port = free_port()
    (folder / "nginx.conf").write_text(CONFIGURATION.format(folder=folder, port=port, rules=rules, full=full))
    argv = [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    server = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


EDGE_CONFIGURATION = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 128; }}
http {{
  log_format uri "$uri $status"; access_log {folder}/access.log uri;
  types {{ video/mp4 mp4 m4s; application/vnd.apple.mpegurl m3u8; application/dash+xml mpd; text/vtt vtt; }}
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port}; root {root}; limit_rate {rate};
    add_header Access-Control-Allow-Origin * always;
    location = /-/health {{ default_type application/json; return 200 '{{"load": 0}}'; }}
  }}
}}
"""


class NginxEdge:
    """An nginx process that serves a presentation; `down` kills it."""

    def __init__(self, name: str, folder: Path, process: subprocess.Popen, port: int) -> None:
        self.name, self.state, self.server_port = name, "up", port
        self.folder, self.process = folder, process

    @property
    def url(self) -> str:
        return f"http://{self.name}.localhost:{self.server_port}/"

    def set_state(self, state: str) -> None:
        self.state = state
        if state == "down":
            self.process.kill()
            self.process.wait()

    def media_requests(self) -> list[str]:
        """The paths of segments that it sent."""
        lines = (self.folder / "access.log").read_text().splitlines()
        return [
            path for path, status in (line.rsplit(" ", 1) for line in lines) if status == "200" and "/-/" not in path
        ]


@contextlib.contextmanager
def nginx_edge(name: str, root: Path, folder: Path, rate: float) -> Iterator[NginxEdge]:
    """Run nginx as an edge of a presentation; each connection gets `rate` bytes/s."""
    require_nginx()
    folder.mkdir(parents=True)
    port = free_port()
    configuration = EDGE_CONFIGURATION.format(folder=folder, root=root, port=port, rate=round(rate))
    (folder / "nginx.conf").write_text(configuration)
    argv = [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(port)
            yield NginxEdge(name, folder, process, port)
        finally:
            process.kill()
