"""Read the dynamic HDR metadata of all frames of a source, and adapt it to a rendition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import av

from encoder.codecs.codec_table import get_codec
from encoder.dynamic_hdr.access_units import find_messages, insert_av1, insert_hevc, read_length_size
from encoder.dynamic_hdr.dolby_vision_level import find_level
from encoder.dynamic_hdr.rpu import ActiveArea, Rpu, read_rpu
from encoder.errors import SourceError
from encoder.media.container import open_container
from encoder.media.source import Source

__all__ = ["DynamicMetadata", "RenditionMetadata", "read_dynamic_metadata"]

#: Codings whose frames can carry the metadata.
FAMILIES = ("hevc", "av1")
#: Dolby Vision profile by coding, and the identification of a base layer by its transfer function (H.273 names).
_PROFILES = {"hevc": 8, "av1": 10}
_COMPATIBILITIES = {"smpte2084": 1, "arib-std-b67": 4}
#: Only its base layer or nothing can be kept of an RPU with this profile.
_ENHANCED = (4, 7)


@dataclass(frozen=True, slots=True)
class RenditionMetadata:
    """The metadata of one rendition.

    Attributes
    ----------
    family : {"hevc", "av1"}
    rpus : tuple of bytes
        Dolby Vision RPU of each frame; empty without Dolby Vision.
    hdr10_plus : tuple of bytes
        HDR10+ message of each frame, empty for a frame without one; an empty tuple without HDR10+.
    profile, compatibility, level : int
        Of Dolby Vision; 0 without it.
    """

    family: str
    rpus: tuple[bytes, ...] = ()
    hdr10_plus: tuple[bytes, ...] = ()
    profile: int = 0
    compatibility: int = 0
    level: int = 0

    def insert(self, frame: int, data: bytes) -> bytes:
        """Return a coded frame with its metadata; `data` has NAL units with lengths of 4 bytes, or OBUs."""
        rpu = self.rpus[frame] if self.rpus else b""
        message = self.hdr10_plus[frame] if self.hdr10_plus else b""
        if not rpu and not message:
            return data
        return insert_hevc(data, rpu, message) if self.family == "hevc" else insert_av1(data, rpu, message)


@dataclass(frozen=True, slots=True, eq=False)
class DynamicMetadata:
    """The dynamic metadata of a source that renditions can carry.

    Attributes
    ----------
    rpus : tuple of Rpu
        One per frame; empty if renditions have no Dolby Vision.
    hdr10_plus : tuple of bytes
        HDR10+ message of each frame, empty for a frame without one; an empty tuple if renditions have no HDR10+.
    notes : tuple of str
        What is left out, and why: one sentence each.
    """

    rpus: tuple[Rpu, ...] = ()
    hdr10_plus: tuple[bytes, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds that renditions carry, as `HDRMetadata.dynamic` names them."""
        return (("Dolby Vision",) if self.rpus else ()) + (("HDR10+",) if self.hdr10_plus else ())

    def for_rendition(self, source: Source, codec: str, size: tuple[int, int]) -> RenditionMetadata | None:
        """Return the metadata of a rendition; None if its codec carries none.

        The active area of an RPU is moved and scaled with the frame.
        """
        row = get_codec(codec)
        if not self.kinds or not row.hdr or row.family not in FAMILIES:
            return None
        made = RenditionMetadata(row.family, hdr10_plus=self.hdr10_plus)
        if not self.rpus:
            return made

        @cache
        def adapt(rpu: Rpu) -> bytes:
            return rpu.payload if rpu.area is None else rpu.with_area(_move_area(rpu.area, source, size)).payload

        return replace(
            made,
            rpus=tuple(map(adapt, self.rpus)),
            profile=_PROFILES[row.family],
            compatibility=_COMPATIBILITIES[source.colour.transfer or ""],
            level=find_level(size, source.frame_rate),
        )


def read_dynamic_metadata(source: Source) -> DynamicMetadata:
    """Read the Dolby Vision and HDR10+ metadata of every frame of a source.

    Returns
    -------
    DynamicMetadata
        Metadata that renditions cannot carry is left out with a note. A source without dynamic metadata is not read.

    Raises
    ------
    SourceError
        If the RPUs are those of profile 5, whose video other decoders cannot show.

    Notes
    -----
    The metadata is copied from the packets, so that no bit of it changes. The packets are matched to frames by time,
    or by decoding where the file states no times.
    """
    if not source.hdr.dynamic:
        return DynamicMetadata()
    if source.codec not in FAMILIES:
        return _leave_out(source.hdr.dynamic, f"it cannot be read from {source.codec} video")
    try:
        found = _read_frames(source)
    except (ValueError, av.FFmpegError) as error:
        return _leave_out(source.hdr.dynamic, f"it is damaged ({error})")
    rpus, rpu_notes = _check_rpus(source, [rpu for rpu, _ in found])
    messages, message_notes = _check_hdr10_plus(source, [messages[:1] for _, messages in found])
    return DynamicMetadata(rpus, messages, (*rpu_notes, *message_notes))


def _leave_out(kinds: tuple[str, ...], reason: str) -> DynamicMetadata:
    return DynamicMetadata(notes=tuple(_note(kind, reason) for kind in kinds))


def _note(kind: str, reason: str) -> str:
    return f"{kind} metadata is left out, because {reason}"


def _check_rpus(source: Source, payloads: list[bytes]) -> tuple[tuple[Rpu, ...], tuple[str, ...]]:
    """Return the RPU of every frame, or none and a note that states why."""
    kind = "Dolby Vision"
    missing = sum(not payload for payload in payloads)
    if missing == len(payloads):
        # another layer or a container can have stated it
        is_expected = kind in source.hdr.dynamic
        return (), ((_note(kind, "no frame of the video carries any"),) if is_expected else ())
    if missing:
        return (), (_note(kind, f"{missing} of {len(payloads)} frames have none"),)
    known: dict[bytes, Rpu] = {}
    try:
        for payload in payloads:
            if payload not in known:
                known[payload] = read_rpu(payload)
    except ValueError as error:
        return (), (_note(kind, f"it is damaged ({error})"),)
    profiles = {rpu.profile for rpu in known.values()}
    if 5 in profiles:
        raise SourceError(
            f"{source.path}: Dolby Vision profile 5 is not supported: it has no base layer for other decoders"
        )
    if profiles & set(_ENHANCED):
        return (), (_note(kind, "profile 7 needs an enhancement layer; the base layer remains"),)
    if profiles != {8}:
        return (), (_note(kind, f"its frames have profiles {', '.join(map(str, sorted(profiles)))}, not 8"),)
    if source.colour.transfer not in _COMPATIBILITIES:
        transfer = source.colour.transfer or "no stated transfer function"
        return (), (_note(kind, f"the base layer is neither PQ nor HLG, but has {transfer}"),)
    return tuple(known[payload] for payload in payloads), ()


def _check_hdr10_plus(source: Source, found: list[list[bytes]]) -> tuple[tuple[bytes, ...], tuple[str, ...]]:
    """Return the message of every frame, or none and a note that states why; a few frames can lack one."""
    kind = "HDR10+"
    missing = sum(not messages for messages in found)
    if missing == len(found):
        is_expected = kind in source.hdr.dynamic
        return (), ((_note(kind, "no frame of the video carries any"),) if is_expected else ())
    if source.colour.transfer != "smpte2084":
        transfer = source.colour.transfer or "none"
        return (), (_note(kind, f"it describes PQ, and the transfer function of the video is {transfer}"),)
    notes = (f"{missing} of {len(found)} frames have no HDR10+ metadata, as in the source",) if missing else ()
    return tuple(messages[0] if messages else b"" for messages in found), notes


def _read_frames(source: Source) -> list[tuple[bytes, list[bytes]]]:
    """Return the RPU and the HDR10+ messages of every frame, in order of presentation."""
    with open_container(source.path) as container:
        stream = container.streams[source.stream_index]
        header = bytes(stream.codec_context.extradata or b"")
        length_size = read_length_size(source.codec, header)
        packets = [
            (packet.pts, find_messages(source.codec, bytes(packet), length_size))
            for packet in container.demux(stream)
            if packet.size
        ]
    by_time = dict(packets)
    if source.is_seekable and all(time in by_time for time in source.pts):
        return [by_time[time] for time in source.pts]
    order = list(_find_order(source))
    if len(order) != source.frame_count:
        raise ValueError(f"{len(order)} frames decode instead of {source.frame_count}")
    return [packets[number][1] for number in order]


def _find_order(source: Source) -> Iterator[int]:
    """Yield the number of the packet from which each frame is decoded."""
    with open_container(source.path) as container:
        stream = container.streams[source.stream_index]
        count = 0
        for packet in container.demux(stream):
            if packet.size:
                # decoders hand the time of a packet to its frame
                packet.pts, packet.dts, count = count, None, count + 1
            yield from (_get_number(frame) for frame in packet.decode())


def _get_number(frame: Any) -> int:
    if frame.pts is None:
        raise SourceError("a decoder does not state the packet of a frame")
    return int(frame.pts)


def _move_area(area: ActiveArea, source: Source, size: tuple[int, int]) -> ActiveArea:
    """Return the active area of a frame after the crop, the orientation and the scaling."""
    left, right, top, bottom = area
    crop = source.crop
    left, right = max(left - crop.left, 0), max(right - crop.right, 0)
    top, bottom = max(top - crop.top, 0), max(bottom - crop.bottom, 0)
    if source.is_mirrored:
        left, right = right, left
    width, height = source.width, source.height
    for _ in range(source.rotation // 90):
        # a quarter turn clockwise: the bottom becomes the left side
        left, right, top, bottom = bottom, top, left, right
        width, height = height, width
    across, down = size[0] / width, size[1] / height
    return round(left * across), round(right * across), round(top * down), round(bottom * down)
