"""Synthetic titles for the benchmarks of scale."""
