"""Benchmarks of scale: long titles, many jobs, and the needs of jobs."""
