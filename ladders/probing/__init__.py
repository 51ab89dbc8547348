"""Probe encodes, and where to spend them."""
