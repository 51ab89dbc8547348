"""Install the wheel as a user does, and run its commands."""

from benchmarks.installation.empty_environment import main

__all__ = ["main"]
