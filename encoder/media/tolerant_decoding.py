"""Decode a stream and skip damaged packets."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import av

__all__ = ["decode_intact"]


def decode_intact(container: Any, stream: Any) -> Generator[Any, None, None]:
    """Yield the frames of an open PyAV stream that decode; damaged packets are skipped."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.FFmpegError):
            return
        try:
            yield from packet.decode()
        except av.FFmpegError:
            continue
