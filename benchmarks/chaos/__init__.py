"""Disturb real encodes on purpose, and check that the same command then gives what an undisturbed run gives."""

from benchmarks.chaos.fault_campaign import main

__all__ = ["main"]
