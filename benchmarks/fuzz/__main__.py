"""Run the benchmark as a program."""

import sys

from benchmarks.fuzz.campaign import main

sys.exit(main(sys.argv[1:]))
