"""Sessions whose segments come from edge servers that hold a part of the rungs."""
