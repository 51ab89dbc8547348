"""Read thousands of changed files of every format, and print exceptions that are not caught, hangs and crashes.

    python -m benchmarks.fuzz [--cases N] [--seed SEED] [--format FORMAT] [--case FORMAT:NUMBER] [--corpus FOLDER]

Valid files are made with the project's own commands and changed at places that their structure gives. A reader must
accept a changed file, or refuse it in one line that names the file. The same seed gives the same files.
"""

from benchmarks.fuzz.campaign import main, run_campaign

__all__ = ["main", "run_campaign"]
