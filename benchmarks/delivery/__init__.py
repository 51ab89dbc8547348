"""Benchmarks of publishing, fill and steering."""
