"""How hard frames and shots are to encode."""
