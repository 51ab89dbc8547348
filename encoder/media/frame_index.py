"""The presentation times and key frames of a video: from its packets, or from decoded frames."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import av

from encoder.errors import SourceError
from encoder.media.container import ThroughputGuard, open_container
from encoder.media.surveys.frame_survey import FrameSurvey
from encoder.media.surveys.packet_order import PacketOrder
from encoder.media.surveys.packet_survey import PacketSurvey
from encoder.media.tolerant_decoding import decode_intact

__all__ = ["UNFILTERED", "FrameIndex", "Surveys", "read_frames", "read_packets"]

#: Options of a decoder: inspection reads properties and times of frames, not samples, so that deblocking is skipped.
UNFILTERED = {"skip_loop_filter": "all"}


@dataclass(frozen=True, slots=True)
class FrameIndex:
    """Presentation times and key frames in the order of the file.

    Attributes
    ----------
    pts, keys : list of int
        Times of all frames and of the key frames, ticks.
    is_reliable : bool
        Whether a decoder outputs a frame for each time, and no others.
    content : str
        Hash of the packets of all streams.
    is_seekable : bool
        Whether times identify frames, also after a seek.
    notes : tuple of str
    """

    pts: list[int]
    keys: list[int]
    is_reliable: bool
    content: str
    is_seekable: bool = True
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Surveys:
    """What is collected while the packets of a source are read."""

    frames: FrameSurvey
    order: PacketOrder
    packets: PacketSurvey


def read_packets(container: Any, stream: Any, surveys: Surveys, name: str) -> tuple[FrameIndex, Any]:
    """Read every packet; return the index of the video with a hash of all streams, and the first decoded frame.

    Raises
    ------
    SourceError
        If no frame can be decoded, or a server stops or is too slow.
    """
    digest = hashlib.blake2b(digest_size=16)
    pts: list[int] = []
    keys: list[int] = []
    is_reliable = True
    first: Any = None
    guard = ThroughputGuard(name)
    fault = "no frame of the video can be decoded"
    try:
        for packet in container.demux():
            if first is None and packet.stream.index == stream.index:
                try:
                    first = next(iter(packet.decode()), None)
                except av.FFmpegError as error:
                    fault = f"the video cannot be decoded ({error.strerror})"
            if packet.size == 0:
                continue
            data = memoryview(packet)
            times = f"{packet.pts} {packet.duration} {packet.is_discard}"
            digest.update(f"{packet.stream.index} {times} {len(data)};".encode())
            digest.update(data)
            surveys.packets.add(packet)
            surveys.order.add(packet)
            guard.add(len(data))
            if packet.stream.index != stream.index:
                continue
            surveys.frames.add(packet, first)
            if packet.pts is None or packet.is_discard or packet.is_corrupt or (not pts and not packet.is_keyframe):
                is_reliable = False
                continue
            # frames shown before the first key frame belong to a group of pictures whose start is missing
            if keys and packet.pts < keys[0]:
                is_reliable = False
            if packet.is_keyframe:
                keys.append(packet.pts)
            pts.append(packet.pts)
    except av.error.ExitError as error:
        raise SourceError(f"{name}: the server stopped to deliver") from error
    except av.FFmpegError:
        is_reliable = False
    if first is None:
        raise SourceError(f"{name}: {fault}")
    surveys.frames.finish(first)
    is_reliable = is_reliable and bool(pts) and len(set(pts)) == len(pts)
    return FrameIndex(pts, keys, is_reliable, digest.hexdigest()), first


def read_frames(name: str, stream_index: int, order: PacketOrder, step: int, content: str) -> FrameIndex:
    """Decode every frame and return the times of what the decoder outputs; `step` is a frame's duration in ticks.

    Raises
    ------
    SourceError
        If no frame can be decoded.
    """
    pts: list[int] = []
    decoded, is_damaged = _decode_times(name, stream_index, "AUTO")
    if is_damaged or len(decoded) < order.shown_count:
        # with frame threads, some frames before the damaged end of a file are lost
        decoded, is_damaged = _decode_times(name, stream_index, "NONE")
    if not decoded:
        raise SourceError(f"{name}: no frame of the video can be decoded")
    counted = order.number_frames([time for time, _ in decoded], step)
    for stated, _ in decoded if counted is None else ():
        time = stated if stated is not None else (pts[-1] + step if pts else 0)
        if pts and time <= pts[-1]:
            # a repeated or decreasing time: the frame is shown one tick after the frame before it
            time = pts[-1] + 1
        pts.append(time)
    pts = pts if counted is None else counted
    keys = [time for time, (_, is_key) in zip(pts, decoded, strict=True) if is_key]
    notes: tuple[str, ...] = ()
    if is_damaged:
        notes = (f"it is damaged or cut off: only {len(pts)} frames can be decoded",)
    return FrameIndex(pts, keys or [pts[0]], True, content, counted is None and order.is_seekable, notes)


def _decode_times(name: str, stream_index: int, thread_type: str) -> tuple[list[tuple[int | None, bool]], bool]:
    """Decode every frame; return its time and whether it is a key frame, and whether any packet is damaged."""
    damaged: list[None] = []
    with open_container(name, UNFILTERED) as container:
        stream = container.streams[stream_index]
        stream.thread_type = thread_type
        stream.codec_context.options = UNFILTERED
        frames = decode_intact(container, stream, lambda: damaged.append(None))
        return [(frame.pts, bool(frame.key_frame)) for frame in frames], bool(damaged)
