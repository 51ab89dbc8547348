"""The one root of every error that shotladder raises on purpose.

It stands outside the packages because `abr` imports none of the others, and still `except ShotladderError`
must catch whatever any of them raises.
"""

__all__ = ["ShotladderError"]


class ShotladderError(Exception):
    """Something the user can understand and act on; its message is one line."""
