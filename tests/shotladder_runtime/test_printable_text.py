"""Names with codes that a terminal interprets, or with bytes that are not UTF-8."""

import os

import pytest

from shotladder_runtime.errors import DocumentError, ShotladderError
from shotladder_runtime.printable_text import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("caf\u00e9 [red] \u4e2d.mp4", "caf\u00e9 [red] \u4e2d.mp4"),
        ("a\tb\nc", "a\tb\nc"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("a\u202egpj.exe", "a\\u202egpj.exe"),
        (os.fsdecode(b"caf\xe9"), "caf\\xe9"),
        ("\ud800", "\\ud800"),
    ],
)
def test_printable_escapes_what_a_terminal_would_interpret(text, shown):
    assert printable(text) == shown
    assert str(ShotladderError(text)) == shown
    assert str(DocumentError(text, "$", "wrong")) == f"{shown}: $: wrong"
    shown.encode()
