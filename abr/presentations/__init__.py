"""The value `Presentation`, and the readers of manifests and other files."""
