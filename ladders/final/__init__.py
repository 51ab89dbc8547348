"""Final encodes: encoded, measured, corrected, and compared with the fixed ladder."""
