"""A film, traces and test clips that the project generates itself, and short research scripts."""
