"""Audio and subtitle tracks."""
