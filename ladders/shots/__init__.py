"""Shot-boundary detection: cuts, dissolves, fades, wipes."""
