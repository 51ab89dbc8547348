"""Clips with known shot boundaries, and the scripts that fit the shot classifiers."""
