"""Replay: network traces and policies over a presentation to sessions, quality of experience, comparisons."""
