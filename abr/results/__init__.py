"""What sessions gave: events, metrics, tables, confidence intervals, comparisons of two arms."""
