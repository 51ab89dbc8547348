"""Pack B-frames of MPEG-4 into the packets of the frames before them, as old encoders do in AVI files."""

import re
from fractions import Fraction
from pathlib import Path

import av

#: A frame that is not coded: it stands where the B-frame was.
EMPTY = b"\x00\x00\x01\xb6\x50\x4f\x7f\x7f"
START = b"\x00\x00\x01\xb6"
#: User data of FFmpeg's encoder, and of an encoder that packs frames.
PLAIN, PACKING = re.compile(rb"\x00\x00\x01\xb2Lavc[^\x00]*"), b"\x00\x00\x01\xb2DivX503b1393p"


def is_b_frame(packet: bytes) -> bool:
    return packet[packet.index(START) + len(START)] >> 6 == 2


def pack_frames(path: Path, rate: int = 25) -> Path:
    """Pack the B-frames of an AVI file that has at most one between two others; return the new file."""
    packed = path.with_name(f"packed-{path.name}")
    with av.open(str(path)) as read, av.open(str(packed), "w") as out:
        track = out.add_stream_from_template(read.streams.video[0])
        found = [(PLAIN.sub(PACKING, bytes(p)), p.is_keyframe) for p in read.demux(video=0) if p.size]
        for n, (data, is_key) in enumerate(found):
            following = found[n + 1][0] if n + 1 < len(found) else EMPTY
            content = EMPTY if is_b_frame(data) else data + following * is_b_frame(following)
            packet = av.Packet(content)
            packet.stream, packet.time_base = track, Fraction(1, rate)
            packet.pts = packet.dts = n
            packet.is_keyframe = is_key
            out.mux(packet)
    return packed
