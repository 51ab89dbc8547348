"""Decode a stream and skip damaged packets."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import av

__all__ = ["decode_intact"]


def decode_intact(
    container: Any, stream: Any, on_damage: Callable[[], None] | None = None
) -> Generator[Any, None, None]:
    """Yield the frames of an open PyAV stream that decode; damaged packets are skipped.

    Parameters
    ----------
    container, stream
        Of PyAV.
    on_damage : callable, optional
        Called for each packet that cannot be read or decoded.

    Notes
    -----
    A decoder with frame threads loses the frames that follow a damaged packet at the end, because PyAV does not read on
    after an error.
    """
    packets = container.demux(stream)
    is_open = True
    while is_open:
        packet = None
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.FFmpegError:
            # without a packet, the decoder returns the frames that it still holds
            is_open = False
        try:
            if not is_open and on_damage is not None:
                on_damage()
            yield from stream.codec_context.decode(packet) if packet is None else packet.decode()
        except av.FFmpegError:
            if on_damage is not None:
                on_damage()
