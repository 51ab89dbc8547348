"""Sessions of real players over a throttled link, and the sessions that their models simulate."""
