"""Plan which files each site holds."""
