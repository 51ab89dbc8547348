"""Run the benchmark as a program."""

import sys

from benchmarks.chaos.fault_campaign import main

if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
