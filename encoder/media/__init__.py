"""Sources: inspection, decoded frames, interlacing."""
