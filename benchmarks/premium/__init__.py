"""Figures for captions from speech, the crop of black bars and dynamic HDR metadata."""

from benchmarks.premium.word_errors import main

__all__ = ["main"]
