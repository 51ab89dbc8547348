"""What a player can know of a presentation, and the manifests from which it is read."""
