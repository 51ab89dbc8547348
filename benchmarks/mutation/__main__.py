"""Run the benchmark as a program."""

import sys

from benchmarks.mutation.mutation_run import main

if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
