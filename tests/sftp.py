"""OpenSSH's server on a loopback port, with keys of its own; tests skip with a reason where it is not installed."""

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


def missing(reason: str) -> None:
    """Skip, but fail where the server is required."""
    if os.environ.get("SHOTLADDER_REQUIRE_SFTP") == "1":
        pytest.fail(f"{reason}, and SHOTLADDER_REQUIRE_SFTP=1 does not let the tests of stores skip")
    pytest.skip(reason)


@contextlib.contextmanager
def sftp_server(folder: Path) -> Iterator[str]:
    """Run a server as an ordinary process; the user's key lies in `folder`/.ssh. Yields `sftp://user@host:port`."""
    if not SSHD.exists() or not shutil.which("ssh-keygen"):
        missing(f"there is no {SSHD}: install openssh-server")
    (folder / ".ssh").mkdir(mode=0o700)
    for key in (folder / "host", folder / ".ssh" / "id_ed25519"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    if os.getuid() == 0:
        # what a service manager would make
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
        # it says when it listens
        line = server.stderr.readline()
        assert "Server listening" in line, line
        yield f"sftp://{getpass.getuser()}@127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()
        server.stderr.close()
