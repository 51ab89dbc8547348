"""Measure: one reference and its renditions to per-frame scores."""
