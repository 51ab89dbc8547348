"""Inspect and score every video of a folder, and print where frames, duration or size differ from those of ffmpeg.

    python -m benchmarks.strangers FOLDER [--max-pixels N]

A file counts if ffmpeg decodes a frame of it. The score compares the file with a lossless copy of what ffmpeg decodes:
every frame must be paired, and the VMAF must be that of equal frames. Large videos are inspected and not scored.
"""

from benchmarks.strangers.comparison import main

__all__ = ["main"]
