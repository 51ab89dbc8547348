"""How rate-distortion curves become the rungs of a ladder."""
