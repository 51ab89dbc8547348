"""Content steering: pathways in manifests, and the steering server."""
