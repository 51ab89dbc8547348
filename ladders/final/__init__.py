"""Final encodes: encoded, measured, requantise, and compared with the fixed ladder."""
