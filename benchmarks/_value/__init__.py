"""Parts of the benchmark `value`: both sides, their measurements, and what viewers receive."""
