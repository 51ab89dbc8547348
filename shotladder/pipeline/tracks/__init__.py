"""Tracks beside the renditions: audio, subtitles, captions, and dynamic HDR metadata."""
