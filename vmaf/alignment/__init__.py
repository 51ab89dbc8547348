"""How frames of a rendition are matched with frames of the reference."""
