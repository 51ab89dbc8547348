"""`shotladder play` ends cleanly, and reports errors in one line."""

import json
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from shotladder.cli import main

COMMAND = [sys.executable, "-m", "shotladder.cli", "play"]


def test_play_serves_until_an_interrupt_and_exits_130(folder, tmp_path):
    (tmp_path / "trace").write_text("0 1\n5 2\n9 1\n")
    words = [*COMMAND, str(folder), "--no-open", "--json", "--trace", str(tmp_path / "trace")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        printed = json.loads(process.stdout.readline())
        with urllib.request.urlopen(printed["url"] + "-/session", timeout=20) as answer:
            session = json.load(answer)
        # a running transfer does not delay the exit
        port = int(printed["url"].split(":")[2].strip("/"))
        slow = socket.create_connection(("127.0.0.1", port))
        slow.sendall(f"GET /video/a/00001.m4s HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        slow.recv(100)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        slow.close()
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "interrupted"
    assert session["trace"] == {"name": "trace", "durations": [5.0, 4.0], "rates": [2e6, 1e6]}


def test_play_reports_errors_in_one_line(folder, tmp_path, monkeypatch, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "words").write_text("no trace at all\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        cases = [
            ([tmp_path / "empty"], 1, "presentation.json"),
            ([folder, "--port", port], 1, f"port {port}"),
            ([folder, "--trace", tmp_path / "words"], 1, "words"),
            ([tmp_path / "none"], 2, "none"),
            ([folder, "--port", 0], 2, "--port"),
            ([folder, "--player-js", tmp_path / "none.js"], 2, "none.js"),
        ]
        for args, status, word in cases:
            monkeypatch.setattr(sys, "argv", ["shotladder", "play", *map(str, args), "--no-open"])
            with pytest.raises(SystemExit) as end:
                main()
            out, err = capsys.readouterr()
            assert (end.value.code, out) == (status, "")
            assert word in err
            assert status == 2 or len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"[]", "$"),
        (b"\xff", "not valid JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"encryption": 7}', "$.encryption"),
        (b'{"encryption": {}}', "$.encryption"),
        (b'{"encryption": {"key_ids": {"VIDEO": "../../keys"}}}', "key_ids"),
    ],
)
def test_play_names_the_place_of_a_fault_in_the_presentation(folder, monkeypatch, capsys, content, place):
    (folder / "presentation.json").write_bytes(content)
    monkeypatch.setattr(sys, "argv", ["shotladder", "play", str(folder), "--no-open"])
    with pytest.raises(SystemExit) as end:
        main()
    err = capsys.readouterr().err
    assert (end.value.code, len(err.splitlines())) == (1, 1)
    assert "presentation.json" in err and place in err
