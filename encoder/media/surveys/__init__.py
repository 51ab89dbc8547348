"""Collect what the packets and frames of a whole source state."""
