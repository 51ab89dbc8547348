"""Publish a presentation: the order of files, versions by content, resuming, pruning, withdrawal."""
