"""Boxes of MP4 files."""
