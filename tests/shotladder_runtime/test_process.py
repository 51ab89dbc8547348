"""Tools get their arguments as they are; CPU time, output and failures are recorded, and they end with their parent."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from shotladder_runtime import process
from shotladder_runtime.errors import MissingToolError, ProcessError
from shotladder_runtime.process import LATE_STATUS, STDERR_KEPT, pause, run, stop_all

PYTHON = sys.executable
REPOSITORY = Path(__file__).resolve().parents[2]


def python(code: str) -> list[str]:
    return [PYTHON, "-S", "-c", code]


def test_run_separates_stdout_and_stderr():
    done = run(python("import sys; print('data'); print('talk', file=sys.stderr)"))
    assert (done.stdout, done.stderr) == (b"data\n", "talk\n")


def test_run_closes_stdin():
    assert run(python("import sys; print(repr(sys.stdin.read()))")).stdout == b"''\n"


def test_run_measures_cpu_time_of_its_child_only():
    spin = "import time\nwhile time.process_time() < {}: pass"
    others = [threading.Thread(target=run, args=(python(spin.format(0.6)),)) for _ in range(2)]
    for other in others:
        other.start()
    cpu = run(python(spin.format(0.3))).cpu_seconds
    for other in others:
        other.join()
    assert 0.3 <= cpu < 0.5


def test_run_counts_no_cpu_time_for_waiting():
    assert run(python("import time; time.sleep(0.3)")).cpu_seconds < 0.25


def test_process_error_has_command_status_and_stderr():
    code = "import sys; print('the cause', file=sys.stderr); print('the end', file=sys.stderr); sys.exit(3)"
    with pytest.raises(ProcessError, match=r"^python.* failed \(status 3\): the cause \.\.\. the end$") as caught:
        run(python(code))
    assert caught.value.argv == tuple(python(code))
    assert caught.value.returncode == 3
    assert caught.value.tail == "the cause\nthe end\n"


def test_process_error_states_that_stderr_is_empty():
    with pytest.raises(ProcessError, match=r"status 1\): no output on stderr"):
        run(["/bin/false"])


def test_process_error_has_a_negative_status_for_a_signal():
    with pytest.raises(ProcessError) as caught:
        run(python("import os; os.kill(os.getpid(), 11)"))
    assert caught.value.returncode == -11


def test_run_keeps_the_end_of_a_long_stderr():
    done = run(python("import sys; sys.stderr.write('x' * 3_000_000 + 'end'); print('y' * 3_000_000)"))
    assert done.stderr.endswith("xend")
    assert len(done.stderr) == STDERR_KEPT
    assert len(done.stdout) == 3_000_001


def test_run_reports_a_missing_program(tmp_path):
    with pytest.raises(MissingToolError, match="no such program"):
        run([str(tmp_path / "ffmpeg")])


def test_run_reports_a_file_that_is_not_a_program(tmp_path):
    text = tmp_path / "ffmpeg"
    text.write_text("not a program")
    for mode in (0o644, 0o755):
        text.chmod(mode)
        with pytest.raises(MissingToolError, match="ffmpeg"):
            run([str(text)])


def test_stop_all_kills_running_tools():
    failed: list[ProcessError] = []

    def work():
        try:
            run(python("import time; time.sleep(60)"))
        except ProcessError as error:
            failed.append(error)

    begun = time.monotonic()
    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    while any(worker.is_alive() for worker in workers):
        stop_all()
    assert [error.returncode for error in failed] == [-signal.SIGKILL] * 2
    assert time.monotonic() - begun < 30


def is_alive(pid: int) -> bool:
    try:
        # a killed process whose parent has gone may wait for init to bury it
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def kill_parent_and_await_child(code, pid_file):
    """Run code in a process that is killed once its child has written its pid and a dot; wait until the child ends."""
    parent = subprocess.Popen([PYTHON, "-c", code], cwd=REPOSITORY)
    try:
        while not (pid_file.exists() and pid_file.read_text().endswith(".")):
            assert parent.poll() is None
        child = int(pid_file.read_text()[:-1])
        assert is_alive(child)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    end = time.monotonic() + 20
    while is_alive(child) and time.monotonic() < end:
        os.sched_yield()
    assert not is_alive(child)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ties children to their parent on Linux only")
def test_run_kills_children_with_their_parent(tmp_path):
    pid_file = tmp_path / "pid"
    sleeper = f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid()) + '.'); time.sleep(120)"
    code = f"from shotladder_runtime.process import run; run({python(sleeper)!r})"
    kill_parent_and_await_child(code, pid_file)


#: Code of a parent whose child waits until the parent has ended, and then ties itself to it: with the launcher, and
#: with a function that Python calls between fork and exec.
LATE_TIES = {
    "launcher": """
waiting = "import os, sys, time; open({pid_file!r}, 'w').write(str(os.getpid()) + '.'); parent = os.getppid()\\n"
waiting += "while os.getppid() == parent: time.sleep(0.01)\\nos.execv(sys.argv[1], sys.argv[1:])"
words = (sys.executable, "-S", "-c", waiting, *process._launcher())
process._launcher = lambda: words
""",
    "fork": """
def wait_for_end_of(parent, tie=process._die_with_parent):
    with open({pid_file!r}, "w") as file:
        file.write(str(os.getpid()) + ".")
    while os.getppid() == parent:
        time.sleep(0.01)
    tie(parent)

process._die_with_parent = wait_for_end_of
process._launcher = tuple
""",
}


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ties children to their parent on Linux only")
@pytest.mark.parametrize("way", LATE_TIES)
def test_run_starts_no_tool_when_its_process_is_killed_before_the_tool_is_tied_to_it(tmp_path, way):
    pid_file, started = tmp_path / "pid", tmp_path / "started"
    late = LATE_TIES[way].format(pid_file=str(pid_file))
    begin = "import os, sys, time\nfrom shotladder_runtime import process"
    kill_parent_and_await_child(f"{begin}\n{late}\nprocess.run(['touch', {str(started)!r}])", pid_file)
    assert not started.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ties children to their parent on Linux only")
def test_run_without_setpriv_kills_children_with_their_parent_and_reports_missing_programs(tmp_path, monkeypatch):
    monkeypatch.setattr(process, "_launcher", tuple)
    pid_file = tmp_path / "pid"
    sleeper = f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid()) + '.'); time.sleep(120)"
    code = f"from shotladder_runtime import process; process._launcher = tuple; process.run({python(sleeper)!r})"
    kill_parent_and_await_child(code, pid_file)
    text = tmp_path / "ffmpeg"
    text.write_text("not a program")
    text.chmod(0o755)
    with pytest.raises(MissingToolError, match="Exec format error"):
        run([str(text)])


def test_run_passes_arguments_as_they_are():
    words = ["", " ", "$HOME", "`id`", "a'b\"c", "--", "-x", "*", "\n", "ä"]
    printed = run(python("import sys; print(ascii(sys.argv[1:]))") + words).stdout
    assert printed.decode().strip() == ascii(words)


def test_run_kills_a_tool_that_exceeds_its_time_limit():
    with pytest.raises(ProcessError, match=r"did not end within 0\.2 s") as caught:
        run(["sleep", "60"], time_limit=0.2)
    assert caught.value.returncode == LATE_STATUS
    assert run(["true"], time_limit=60).stderr == ""


def test_run_passes_lines_of_stdout_while_the_tool_runs():
    # the tool waits for a byte that this process writes after the first line
    lines, reads = [], os.pipe()
    code = f"import os; print('first', flush=True); os.read({reads[0]}, 1); print('second')"

    def on_line(line):
        lines.append(line)
        if len(lines) == 1:
            os.write(reads[1], b"x")

    try:
        done = run(python(code), descriptors=(reads[0],), on_line=on_line)
    finally:
        for descriptor in reads:
            os.close(descriptor)
    assert (lines, done.stdout) == ([b"first\n", b"second\n"], b"")


def test_pause_ends_at_once_when_everything_is_stopped():
    ended = []
    thread = threading.Thread(target=lambda: ended.append(pause(600)))
    thread.start()
    while not ended:
        stop_all()
    thread.join()
    assert ended == [False]
    assert pause(0)
