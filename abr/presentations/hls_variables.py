"""Replace the variables of an HLS playlist, which EXT-X-DEFINE names (RFC 8216bis, 4.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

from abr.errors import PresentationError
from abr.fetch import is_url

__all__ = ["replace_variables"]

#: largest playlist after the replacement, characters; chosen by hand, as the largest manifest
MAX_CHARACTERS = 256 << 20

_DEFINE = "#EXT-X-DEFINE:"
_ATTRIBUTE = re.compile(r'(NAME|VALUE|IMPORT|QUERYPARAM)="([^"]*)"')
_REFERENCE = re.compile(r"\{\$([A-Za-z0-9_-]+)\}")


def replace_variables(
    path: str, text: str, address: str, imported: Mapping[str, str] | None = None
) -> tuple[str, dict[str, str]]:
    """Return a playlist with the values of its variables in place of their names, and the variables.

    Parameters
    ----------
    path : str
        Path or URL, for messages.
    text : str
        The playlist.
    address : str
        Where it was found; its query has the values of QUERYPARAM.
    imported : mapping, optional
        Variables of the multivariant playlist, which IMPORT names.

    Raises
    ------
    PresentationError
        When a variable is not defined; the message names the line.
    """
    if _DEFINE not in text:
        return text, {}
    query = parse_qs(urlsplit(address).query, keep_blank_values=True) if is_url(address) else {}
    variables: dict[str, str] = {}
    lines: list[str] = []
    size = 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(_DEFINE):
            attributes = dict(_ATTRIBUTE.findall(line))
            if "NAME" in attributes:
                variables[attributes["NAME"]] = attributes.get("VALUE", "")
                continue
            name = attributes.get("IMPORT") or attributes.get("QUERYPARAM") or ""
            known = imported or {} if "IMPORT" in attributes else {key: values[0] for key, values in query.items()}
            if name not in known:
                raise PresentationError(f"{path}:{number}: EXT-X-DEFINE: there is no value for the variable {name!r}")
            variables[name] = known[name]
            continue
        replaced = _REFERENCE.sub(lambda match, at=number: _value(path, at, variables, match[1]), line)  # type: ignore[misc]
        size += len(replaced)
        if size > MAX_CHARACTERS:
            raise PresentationError(f"{path}:{number}: the playlist is too long with the values of its variables")
        lines.append(replaced)
    return "\n".join(lines) + "\n", variables


def _value(path: str, number: int, variables: Mapping[str, str], name: str) -> str:
    if name not in variables:
        raise PresentationError(f"{path}:{number}: the variable {name} is not defined")
    return variables[name]
