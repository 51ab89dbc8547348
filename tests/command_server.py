"""Run the command in processes that have imported its packages already.

To import what `encode` needs takes two seconds of CPU time, and the tests run the command more than a hundred times.
One process imports it once; for each call it forks a process that gets its own arguments, environment, directory and
files for its output, runs `main` and ends as a process of the command does. Tests of the start of the command, and of
signals, start processes of their own instead.
"""

import array
import atexit
import functools
import importlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

__all__ = ["run_command"]

REPOSITORY = Path(__file__).resolve().parents[1]
#: Imported before the first call.
MODULES = (
    "shotladder.cli",
    "shotladder.commands.options.request_builder",
    "shotladder.pipeline.encode_pipeline",
    "benchmarks.chaos.loaded_kernels",
)
#: Policies that most tests simulate; their machine code is loaded before the first simulation.
POLICIES = ("throughput", "bba-2", "bola-e")
#: Begin of the names of environment variables that Python and packages read when they start.
READ_AT_IMPORT = ("FSSPEC_", "LANG", "LC_", "MPL", "NUMBA_", "OMP_", "OPENBLAS_", "PYTHON")
#: Maximum size of a request, bytes.
MAX_REQUEST = 1 << 20


def run_command(words, environment, cwd=None):
    """Run the command with words in an environment; return its exit status and its texts.

    Parameters
    ----------
    words : sequence of str
    environment : dict
        The whole environment.
    cwd : path, optional
        By default, the directory of this process.

    Returns
    -------
    SimpleNamespace
        `returncode`, `stdout` and `stderr`, as of `subprocess.run`.
    """
    fixed = {name: value for name, value in environment.items() if name.startswith(READ_AT_IMPORT)}
    folders = [str(REPOSITORY), *filter(None, fixed.get("PYTHONPATH", "").split(os.pathsep))]
    fixed["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(folders))
    server = _server(json.dumps(fixed, sort_keys=True))
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        request = {"words": list(words), "environment": environment, "cwd": str(cwd or Path.cwd())}
        socket.send_fds(server, [json.dumps(request).encode()], [out.fileno(), err.fileno()])
        answer = server.recv(4)
        assert answer, "the process that runs the command has ended"
        status = array.array("i", answer)[0]
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode())
    return SimpleNamespace(returncode=os.waitstatus_to_exitcode(status), stdout=texts[0], stderr=texts[1])


@functools.cache
def _server(fixed):
    """Return the connection to a server with these environment variables."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    argv = [sys.executable, "-m", "tests.command_server", str(theirs.fileno())]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(READ_AT_IMPORT)} | json.loads(fixed)
    null = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    process = subprocess.Popen(argv, cwd=REPOSITORY, env=environment, pass_fds=[theirs.fileno()], **null)
    theirs.close()

    def end():
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def serve(connection):
    """Fork a process for each request; return in that process, and when the other end is closed."""
    for name in MODULES:
        importlib.import_module(name)
    while True:
        message, files, _, _ = socket.recv_fds(connection, MAX_REQUEST, 2)
        if not message:
            return None
        request = json.loads(message)
        if request["words"][:1] == ["simulate"]:
            importlib.import_module("samples.compile_kernels").compile_sessions(POLICIES)
        child = os.fork()
        if not child:
            return request, files
        for file in files:
            os.close(file)
        connection.send(array.array("i", [os.waitpid(child, 0)[1]]).tobytes())


def main():
    """Serve; in the process of a call, run the command."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    call = serve(connection)
    if call is None:
        return
    request, files = call
    connection.close()
    for number, file in enumerate(files, 1):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["cwd"])
    tempfile.tempdir = None
    sys.argv = ["shotladder", *request["words"]]
    sys.path[0] = request["cwd"]
    importlib.import_module("shotladder.cli").main()


if __name__ == "__main__":
    main()
