"""Change a valid file at one to three places that its structure gives; equal generators give equal changes."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable
from typing import Any

__all__ = ["MUTATORS"]

#: Values that a reader of JSON or of text may not expect.
JSON_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    0.5,
    1e308,
    -1e308,
    float("nan"),
    float("inf"),
    float("-inf"),
    10**30,
    2**63,
    "",
    "7",
    "text",
    "\ud800",
    "[bold]text[/bold]",
    "\x1b[31m\x00",
    "x" * 5000,
    [],
    {},
    [[]],
    [None],
    {"a": 1},
)
TEXT_VALUES = (
    "",
    "0",
    "-1",
    "1",
    "0.5",
    "1e308",
    "1e-308",
    "nan",
    "inf",
    "-inf",
    "9" * 30,
    "9" * 5000,
    "0x10",
    "1_000",
    "1,5",
    "true",
    "text",
    "PT1S",
    "PT9999999999H",
    "P1Y",
    "../..",
    "file:///etc/hostname",
    "%00",
    "%",
    "\x00",
    "\ud800",
    "é",
    "[bold]text[/bold]",
    "x" * 5000,
    "$Number%0999999999d$",
    "{}",
    "[]",
    '"',
    "'",
)
INTEGERS = (0, 1, 2, 8, 0x7F, 0x80, 0xFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
#: Boxes of MP4 that contain boxes.
CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf", b"edts", b"dinf", b"mvex", b"udta")
#: Levels of a structure that is nested too deeply.
DEPTH = 3000
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_XML_TOKEN = re.compile(r'<[^>]+>|"[^"]*"')


def _change_bytes(data: bytes, rng: random.Random) -> bytes:
    """Change single bytes, cut the end, repeat or remove a part."""
    content, at = bytearray(data), rng.randrange(max(len(data), 1))
    length = rng.choice((1, 2, 4, 16, 100))
    kind = rng.randrange(6)
    if kind == 0 and content:
        content[at] ^= 1 << rng.randrange(8)
    elif kind == 1:
        content[at : at + length] = rng.randbytes(length)
    elif kind == 2:
        del content[at:]
    elif kind == 3:
        del content[at : at + length]
    elif kind == 4:
        content[at:at] = content[at : at + length]
    else:
        content[at : at + length] = bytes(length)
    return bytes(content)


def _encode_differently(text: str, rng: random.Random) -> bytes:
    """Return a text in another encoding, with a byte order mark or other ends of lines."""
    forms: tuple[Callable[[], bytes], ...] = (
        lambda: b"\xef\xbb\xbf" + text.encode("utf-8", "surrogatepass"),
        lambda: text.encode("utf-16", "surrogatepass"),
        lambda: text.replace("\n", "\r\n").encode("utf-8", "surrogatepass"),
        lambda: text.replace("\n", "\r").encode("utf-8", "surrogatepass"),
        lambda: text.encode("utf-8", "surrogatepass") + b"\xff\xfe",
        lambda: b"\n\n" + text.encode("utf-8", "surrogatepass"),
    )
    return rng.choice(forms)()


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all values below a JSON value."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [path] if path else []
    for key, child in children:
        found += _paths(child, (*path, key))
    return found


def _change_json(data: bytes, rng: random.Random) -> bytes:
    """Replace, remove, repeat, rename or nest values of a JSON document."""
    document = copy.deepcopy(json.loads(data))
    for _ in range(rng.randint(1, 3)):
        paths = _paths(document)
        if not paths:
            break
        # a document has many more leaves than branches
        depth = rng.choice(sorted({len(path) for path in paths}))
        path = rng.choice([path for path in paths if len(path) == depth])
        parent = document
        for step in path[:-1]:
            parent = parent[step]
        key, kind = path[-1], rng.randrange(8)
        if kind < 4:
            parent[key] = rng.choice(JSON_VALUES)
        elif kind == 4:
            del parent[key]
        elif kind == 5 and isinstance(parent, list):
            parent.extend([copy.deepcopy(parent[key])] * rng.choice((1, 50)))
        elif kind == 6 and isinstance(parent, dict):
            parent[rng.choice((str(key).upper(), "unknown", ""))] = parent.pop(key)
        else:
            parent[key] = rng.choice(([parent[key]], {"value": parent[key]}, str(parent[key]), 7))
    text = json.dumps(document)
    if rng.random() < 0.05:
        text = text.replace("{", "[" * DEPTH + "{", 1) + rng.choice(("", "]" * DEPTH))
    return text.encode("utf-8", "surrogatepass")


def _change_tokens(data: bytes, rng: random.Random, pattern: re.Pattern[str]) -> bytes:
    """Replace, remove, repeat or exchange lines and tokens of a text."""
    text = data.decode("utf-8", "replace")
    for _ in range(rng.randint(1, 3)):
        lines, kind = text.split("\n"), rng.randrange(9)
        at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
        tokens = list(pattern.finditer(text))
        if kind < 4 and tokens:
            token = rng.choice(tokens)
            text = text[: token.start()] + rng.choice(TEXT_VALUES) + text[token.end() :]
            continue
        if kind == 4:
            del lines[at]
        elif kind == 5:
            lines[at:at] = [lines[at]] * rng.choice((1, 20))
        elif kind == 6:
            lines[at], lines[other] = lines[other], lines[at]
        elif kind == 7:
            lines.insert(at, rng.choice(TEXT_VALUES))
        else:
            old, new = rng.sample([",", ";", "\t", " ", ":", "=", '"', "<", "."], 2)
            lines = [line.replace(old, new) for line in lines]
        text = "\n".join(lines)
    return text.encode("utf-8", "surrogatepass")


def _change_lines(data: bytes, rng: random.Random) -> bytes:
    return _change_tokens(data, rng, _NUMBER if rng.random() < 0.7 else re.compile(r"[^\s,;=]+"))


def _change_xml(data: bytes, rng: random.Random) -> bytes:
    """Replace values of attributes and whole tags; nest elements and entities."""
    kind = rng.randrange(12)
    if kind == 0:
        entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "x" * 10}">' for n in range(9))
        text = data.decode().replace("?>", f"?><!DOCTYPE MPD [{entities}]>", 1)
        return text.replace("<Period", "<Title>&e8;</Title><Period", 1).encode()
    if kind == 1:
        return data.replace(b"<Period", b"<Period>" * DEPTH + b"<Period", 1)
    if kind < 5:
        # an element with its attributes is removed or repeated
        text = data.decode()
        tags = [match for match in _XML_TOKEN.finditer(text) if match[0].endswith("/>")]
        if tags:
            tag = rng.choice(tags)
            return (text[: tag.start()] + tag[0] * rng.choice((0, 2, 300)) + text[tag.end() :]).encode()
    quoted = re.compile(r'(?<=")[^"]*(?=")') if rng.random() < 0.8 else re.compile(r"(?<=>)[^<>]+(?=<)|[A-Za-z:]+(?==)")
    return _change_tokens(data, rng, quoted)


def _list_boxes(data: bytes, start: int, stop: int) -> list[tuple[int, int]]:
    """Return (start, stop) of every box of an MP4 file, containers included."""
    found = []
    while start + 8 <= stop:
        size = int.from_bytes(data[start : start + 4], "big")
        if size < 8 or start + size > stop:
            break
        found.append((start, start + size))
        if data[start + 4 : start + 8] in CONTAINERS:
            found += _list_boxes(data, start + 8, start + size)
        start += size
    return found


def _change_boxes(data: bytes, rng: random.Random) -> bytes:
    """Change sizes, kinds and fields of boxes; remove, repeat or exchange boxes."""
    content = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        boxes = _list_boxes(bytes(content), 0, len(content))
        if not boxes:
            return _change_bytes(bytes(content), rng)
        start, stop = rng.choice(boxes)
        kind = rng.randrange(8)
        if kind == 0:
            content[start : start + 4] = rng.choice(INTEGERS).to_bytes(4, "big")
        elif kind == 1:
            content[start + 4 : start + 8] = rng.choice((b"free", b"moov", b"stsz", b"\0\0\0\0", b"trak", b"uuid"))
        elif kind == 2:
            del content[start:stop]
        elif kind == 3:
            content[stop:stop] = content[start:stop]
        elif kind == 4:
            content = bytearray(_change_bytes(bytes(content), rng))
        elif stop - start >= 12:
            at = start + 8 + 4 * rng.randrange((stop - start - 8) // 4)
            content[at : at + 4] = rng.choice(INTEGERS).to_bytes(4, "big")
    return bytes(content)


def _change_subtitles(data: bytes, rng: random.Random) -> bytes:
    """Change the text of cues; it keeps its length, because sizes of containers stand before it."""
    content = bytearray(data)
    for cue in (b"HELLO <b>there</b>", b"SECOND {\\an8}cue"):
        at = data.find(cue)
        if at >= 0 and rng.random() < 0.8:
            change = rng.choice((_change_bytes, _change_markup))
            content[at : at + len(cue)] = change(cue, rng)[: len(cue)].ljust(len(cue))
    return bytes(content) if rng.random() < 0.8 else _change_bytes(bytes(content), rng)


def _change_markup(cue: bytes, rng: random.Random) -> bytes:
    parts = (
        b"<b>",
        b"</i>",
        b"{\\an9}",
        b"{\\pos(",
        b"\\h",
        b"-->",
        b"\n\n",
        b"\0",
        b"\xe9\xff",
        b"<",
        b"&amp;",
        b"00:00:01.000",
    )
    return b"".join(rng.choice(parts) for _ in range(rng.randint(1, 6))) + cue


def _mix(
    change: Callable[[bytes, random.Random], bytes], data: bytes, rng: random.Random, *, is_text: bool = True
) -> bytes:
    """Mostly change the structure; sometimes change bytes or the encoding as well."""
    chosen = rng.random()
    if chosen < 0.1:
        return _change_bytes(data, rng)
    changed = change(data, rng)
    if chosen > 0.95 and is_text:
        return _encode_differently(changed.decode("utf-8", "replace"), rng)
    return changed


#: Changes by the structure of a format.
MUTATORS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "json": lambda data, rng: _mix(_change_json, data, rng),
    "lines": lambda data, rng: _mix(_change_lines, data, rng),
    "xml": lambda data, rng: _mix(_change_xml, data, rng),
    "boxes": lambda data, rng: _mix(_change_boxes, data, rng, is_text=False),
    "subtitles": _change_subtitles,
}
