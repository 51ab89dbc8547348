"""Network traces: the value, the file formats, the generator."""
