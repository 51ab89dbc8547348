"""Change modules in one place at a time, and see whether their tests notice."""

from benchmarks.mutation.mutation_run import main

__all__ = ["main"]
