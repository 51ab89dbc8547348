"""Check that frame n of a rendition shows frame n of the reference."""
