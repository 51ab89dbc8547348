"""What a run finds out about its source: shots, crop and zones."""
