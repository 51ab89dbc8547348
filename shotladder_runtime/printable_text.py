"""Text that a terminal shows as it is: names and titles may have control codes, or bytes that are not UTF-8."""

from __future__ import annotations

import re

__all__ = ["printable"]

#: control codes except tab and line feed, marks that change the direction of text, and halves of surrogate pairs
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    r"""Return a text with codes that a terminal would interpret or cannot encode as escapes.

    Bytes that are not UTF-8 become `\xNN`, as in `ls -b`.

    Examples
    --------
    >>> printable("a\x1b[31mb\udcff")
    'a\\x1b[31mb\\xff'
    """
    return _HIDDEN.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    # Python reads the byte NN of a name that is not UTF-8 as U+DCNN
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
