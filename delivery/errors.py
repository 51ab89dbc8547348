"""The errors of delivery; each is a `ShotladderError` and the builtin that callers expect."""

from shotladder_runtime.errors import ShotladderError

__all__ = ["FillError", "PublishError", "SteeringError", "TargetError"]


class TargetError(ShotladderError, OSError):
    """A target cannot be reached, read or written."""


class PublishError(ShotladderError, ValueError):
    """A folder is not a complete presentation, or a target holds something else."""


class FillError(ShotladderError, ValueError):
    """The sites or the demand of a fill plan are not valid, or its files do not exist."""


class SteeringError(ShotladderError, ValueError):
    """Pathways or the configuration of a steering server are not valid."""
