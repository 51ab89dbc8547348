"""Run an OpenSSH server with temporary keys on a loopback port; skip tests if it is not installed."""

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

SSHD = Path("/usr/sbin/sshd")


def skip_or_fail(reason: str) -> None:
    """Skip the test, or fail it if `SHOTLADDER_REQUIRE_SFTP` is 1."""
    if os.environ.get("SHOTLADDER_REQUIRE_SFTP") == "1":
        pytest.fail(f"{reason}, and SHOTLADDER_REQUIRE_SFTP=1 requires the tests of stores")
    pytest.skip(reason)


@contextlib.contextmanager
def sftp_server(folder: Path) -> Iterator[str]:
    """Run a server as an ordinary process, with the user's key in `folder`/.ssh; yield `sftp://user@host:port`."""
    if not SSHD.exists() or not shutil.which("ssh-keygen"):
        skip_or_fail(f"there is no {SSHD}: install openssh-server")
    (folder / ".ssh").mkdir(mode=0o700)
    for key in (folder / "host", folder / ".ssh" / "id_ed25519"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    if os.getuid() == 0:
        # a service manager would create this folder
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    configuration = {
        "ListenAddress": f"127.0.0.1:{port}",
        "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / ".ssh" / "id_ed25519.pub",
        "StrictModes": "no",
        "UsePAM": "no",
        "PidFile": "none",
        "Subsystem": "sftp internal-sftp",
    }
    (folder / "sshd_config").write_text("".join(f"{key} {value}\n" for key, value in configuration.items()))
    server = subprocess.Popen(
        [str(SSHD), "-D", "-e", "-f", str(folder / "sshd_config")], stderr=subprocess.PIPE, text=True
    )
    try:
        # the server prints this line when it is ready
        line = server.stderr.readline()
        assert "Server listening" in line, line
        yield f"sftp://{getpass.getuser()}@127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()
        server.stderr.close()
