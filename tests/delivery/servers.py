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


@contextlib.contextmanager
def nginx_server(folder: Path, *, rules: str = "", full: str = "on") -> Iterator[str]:
    """Run nginx as an ordinary process; yield its address. Files are below `folder`/root."""
    if NGINX is None:
        if os.environ.get("SHOTLADDER_REQUIRE_NGINX") == "1":
            pytest.fail("SHOTLADDER_REQUIRE_NGINX=1 requires nginx: install nginx-light")
        pytest.skip("nginx is not installed")
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
