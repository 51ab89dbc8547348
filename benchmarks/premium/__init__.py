"""Figures for captions from speech and for the crop of black bars."""

from benchmarks.premium.word_errors import main

__all__ = ["main"]
