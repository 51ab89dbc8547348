"""Generated clips with known shot boundaries."""
