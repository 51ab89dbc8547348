"""Prove that the same video and settings give the same bytes."""

from benchmarks.determinism.same_bytes import main

__all__ = ["main"]
