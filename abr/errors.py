"""The errors of replay; each is a `ShotladderError` and the builtin that callers expect."""

from shotladder_runtime.errors import ShotladderError

__all__ = ["PolicyError", "PresentationError", "TraceError"]


class PresentationError(ShotladderError, ValueError):
    """A presentation cannot be read, or cannot be played as asked."""


class TraceError(ShotladderError, ValueError):
    """A network trace cannot be read, or carries nothing."""


class PolicyError(ShotladderError, ValueError):
    """A policy is unknown, raised, or asked for something that does not exist."""
