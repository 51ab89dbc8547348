"""Measure what large inputs cost."""

from benchmarks.load.large_inputs import main

__all__ = ["main"]
