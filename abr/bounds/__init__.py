"""The best that any policy could have done on a trace: the offline optimum."""
