"""What simulated viewers get: the page of `--plot`, and the section of the report."""
