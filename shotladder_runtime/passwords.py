"""Remove passwords from texts that are printed."""

from __future__ import annotations

import re

__all__ = ["without_password"]

#: User and password of a URL. They may contain `@`, and end before the last one of the authority.
_USER = re.compile(r"(?<=://)[^/\s?#]*@")


def without_password(text: str) -> str:
    """Return a URL, or a text that contains URLs, without users and passwords.

    Examples
    --------
    >>> without_password("sftp://user:secret@host/store: cannot be reached")
    'sftp://host/store: cannot be reached'
    """
    return _USER.sub("", text)
