"""Decide: shots, complexity, trial encodes, hulls, allocation, rungs."""
