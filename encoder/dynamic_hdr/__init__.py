"""Dynamic HDR metadata: read it from a source, adapt it to a rendition, and insert it into coded frames."""
