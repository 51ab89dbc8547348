"""Encoders and their options, one row per codec."""
