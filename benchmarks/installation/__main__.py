"""Run the benchmark as a program."""

import sys

from benchmarks.installation.empty_environment import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
