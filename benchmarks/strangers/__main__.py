"""Run the benchmark as a program."""

import sys

from benchmarks.strangers.comparison import main

sys.exit(main(sys.argv[1:]))
