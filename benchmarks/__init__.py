"""Measurements side by side with peers: one file a claim; `python -m benchmarks` runs all, or those that are named."""
