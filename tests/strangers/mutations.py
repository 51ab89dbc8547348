"""Seeded changes of valid documents: of values, of structure, of text, of bytes."""

import copy
import json
import random
import re

#: values of other types, out of range, or unusual
VALUES = (
    None,
    True,
    -1,
    0,
    0.5,
    -(2**63),
    2**63,
    2**70,
    10**400,
    1e308,
    5e-324,
    float("nan"),
    float("inf"),
    "",
    "12",
    "text",
    "\x1b[31m[/red]",
    "\ud800",
    "a\nb",
    [],
    {},
    [[]],
    [None],
    {"": None},
)
TOKENS = (
    *("-1", "0", "1e308", "1e999", "nan", "inf", "9" * 400, "99999999999", "0x10", "1_000", "\u0663", ""),
    *("\x00", "\x1b[2J", "\ufeff", "\u2028", "[/b]", "%", "%00", "..", "http://[", "{$x}", "<", ">", "&"),
    *('"', ",", ";", "\t"),
)


def _places(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        yield from _places(child, (*path, key))


def mutate_json(document, rng: random.Random) -> str:
    """Return a JSON text with one or two places replaced, removed, repeated or nested."""
    changed = copy.deepcopy(document)
    for _ in range(rng.choice((1, 1, 1, 2))):
        places = list(_places(changed))[1:]
        if not places:
            break
        *parents, last = rng.choice(places)
        holder = changed
        for key in parents:
            holder = holder[key]
        kind = rng.randrange(6)
        if kind == 0:
            del holder[last]
        elif kind == 1 and isinstance(holder, list):
            holder.append(copy.deepcopy(holder[last]))
        elif kind == 2:
            holder[last] = [holder[last]]
        else:
            holder[last] = rng.choice(VALUES)
    text = json.dumps(changed) if rng.random() < 0.97 else "[" * 100_000
    return text if rng.random() < 0.95 else mutate_text(text, rng)


def mutate_text(text: str, rng: random.Random) -> str:
    """Return a text with one or two words, lines or spans replaced, removed, repeated or cut off."""
    for _ in range(rng.choice((1, 1, 2))):
        kind = rng.randrange(6)
        if kind < 3:
            words = list(re.finditer(r"[^\s=\"',;:<>/{}\[\]]+", text))
            if words:
                word = rng.choice(words)
                text = text[: word.start()] + rng.choice(TOKENS) + text[word.end() :]
        elif kind == 3:
            at = rng.randrange(len(text) + 1)
            text = text[:at] + rng.choice(TOKENS) + text[at:]
        elif kind == 4:
            start, stop = sorted(rng.randrange(len(text) + 1) for _ in range(2))
            text = text[:start] + text[stop:] if rng.random() < 0.5 else text[:stop] + text[start:]
        else:
            lines = text.splitlines(keepends=True)
            if lines:
                at = rng.randrange(len(lines))
                lines[at : at + 1] = rng.choice(([], [lines[at]] * 2, [lines[-1 - at]]))
                text = "".join(lines)
    return text


def mutate_bytes(data: bytes, rng: random.Random) -> bytes:
    """Return bytes with some of them replaced, inserted or cut off."""
    changed = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(changed) + 1)
        kind = rng.randrange(3)
        if kind == 0 and at < len(changed):
            changed[at] = rng.randrange(256)
        elif kind == 1:
            changed[at:at] = rng.choice((b"\xff\xfe", b"\x00" * 4, b"\xff" * 4, b"\xc3\x28"))
        elif rng.random() < 0.3:
            del changed[at:]
    return bytes(changed)
