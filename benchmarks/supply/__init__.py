"""Benchmarks of how the package is installed."""
