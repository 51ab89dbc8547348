"""The errors of replay; each is a `ShotladderError` and the builtin that callers expect."""

from shotladder_runtime.errors import DocumentError, ShotladderError

__all__ = ["PolicyError", "PresentationDocumentError", "PresentationError", "TraceDocumentError", "TraceError"]


class PresentationError(ShotladderError, ValueError):
    """A presentation cannot be read, or cannot be played with the requested settings."""


class PresentationDocumentError(PresentationError, DocumentError):
    """A JSON document is not a presentation; `file` and `location` say where."""


class TraceError(ShotladderError, ValueError):
    """A network trace cannot be read, or transfers nothing."""


class TraceDocumentError(TraceError, DocumentError):
    """A JSON document is not a network trace; `file` and `location` say where."""


class PolicyError(ShotladderError, ValueError):
    """A policy is unknown, raised an error, or returned an invalid rung or delay."""
