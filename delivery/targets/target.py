"""The interface of targets, and the texts of their faults."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from delivery.errors import TargetError
from delivery.targets.media_types import Headers
from shotladder_runtime.passwords import without_password

__all__ = ["Target", "target_fault"]

#: Numbers of operating system errors -> what they mean for a target.
_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the target is read-only",
    errno.EACCES: "access is refused",
    errno.EPERM: "access is refused",
}


class Target(Protocol):
    """A place for files below one URL. Paths are relative and use slashes. Every method raises `TargetError`.

    Attributes
    ----------
    location : str
        The URL without user and password.
    has_headers : bool
        Whether the target stores content types and cache headers.
    """

    location: str
    has_headers: bool

    def is_empty(self, probes: Iterable[str]) -> bool:
        """Return whether the target holds no files; a target without lists only checks the paths `probes`."""
        ...

    def read(self, path: str) -> bytes | None:
        """Return the content of a small file, or None if it does not exist."""
        ...

    def find_sizes(self, paths: Iterable[str]) -> dict[str, int]:
        """Return the sizes in bytes of those of the files that exist."""
        ...

    def put(self, content: Path | bytes, path: str, headers: Headers) -> None:
        """Store a file so that it appears only when it is complete, and verify its size."""
        ...

    def delete(self, path: str) -> None:
        """Delete a file if it exists."""
        ...

    def delete_leftovers(self, paths: Iterable[str]) -> None:
        """Delete unfinished uploads of killed processes, and folders of these files that are empty."""
        ...


def target_fault(url: str, error: BaseException, action: str = "be used") -> TargetError:
    """Return the error for a failed operation; it contains no user and no password."""
    number = getattr(error, "errno", None)
    reason = _REASONS.get(number) if isinstance(number, int) else None
    if reason is None:
        reason = "access is refused" if isinstance(error, PermissionError) else getattr(error, "strerror", None)
    text = without_password(reason or str(error) or type(error).__name__)
    parts = urlsplit(url)
    for secret in (parts.password, parts.username):
        for form in (secret, secret and unquote(secret)):
            if form and secret is not None:
                text = text.replace(form, "***")
    return TargetError(f"{without_password(url)}: cannot {action} ({text})")
