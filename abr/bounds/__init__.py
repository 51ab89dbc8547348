"""Bounds of the best objective that any policy can reach on a trace: the offline optimum."""
