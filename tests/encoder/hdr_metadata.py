"""Write HDR videos with Dolby Vision and HDR10+ metadata, whose bits are written here field by field."""

import binascii
from collections.abc import Callable, Sequence
from pathlib import Path

import av

from encoder.dynamic_hdr.access_units import insert_hevc
from shotladder_runtime.process import run
from shotladder_runtime.tools import ffmpeg_path
from tests.encoder.videos import write_video


class BitWriter:
    def __init__(self) -> None:
        self.bits = ""

    def put(self, count: int, value: int) -> None:
        self.bits += f"{value:0{count}b}" if count else ""

    def golomb(self, *values: int) -> None:
        for value in values:
            code = f"{value + 1:b}"
            self.bits += "0" * (len(code) - 1) + code

    def align(self) -> None:
        self.bits += "0" * (-len(self.bits) % 8)

    def data(self) -> bytes:
        self.align()
        return int(self.bits, 2).to_bytes(len(self.bits) // 8, "big")


def checksum(data: bytes) -> int:
    """CRC-32/MPEG-2, by the reflected CRC of the standard library."""

    def mirror(value: int, bits: int) -> int:
        return int(f"{value:0{bits}b}"[::-1], 2)

    return mirror(binascii.crc32(bytes(mirror(byte, 8) for byte in data)) ^ 0xFFFFFFFF, 32)


def make_rpu(
    number: int = 0, area: tuple[int, int, int, int] | None = None, *, has_residual: bool = False, rpu_profile: int = 1
) -> bytes:
    """Return an RPU with identity curves; `number` is its average luminance, `area` its level 5."""
    bits = BitWriter()
    for count, value in ((6, 2), (11, 18), (4, rpu_profile), (4, 0), (1, 1), (1, 0), (2, 0)):
        bits.put(count, value)
    bits.golomb(23)
    bits.put(2, 1)
    bits.put(1, 1 if rpu_profile == 0 else 0)
    bits.golomb(2, 2, 4)
    for count, value in ((1, 0), (3, 0), (1, has_residual), (1, not has_residual), (1, 1), (1, 0)):
        bits.put(count, value)
    bits.golomb(0, 0, 0)
    for _ in range(3):
        bits.golomb(0)
        bits.put(10, 0)
        bits.put(10, 1023)
    if has_residual:
        bits.put(3, 0)
        bits.put(10, 0)
        bits.put(10, 1023)
    bits.golomb(0, 0)
    for _ in range(3):
        # a polynomial of order 1: 0 + 1 x
        bits.golomb(0, 0)
        bits.put(1, 0)
        for whole in (0, 2):
            bits.golomb(whole)
            bits.put(23, 0)
    for _ in range(3 if has_residual else 0):
        bits.put(10, 512)
        for _ in range(3):
            bits.golomb(0)
            bits.put(23, 1)
    bits.golomb(0, 0, 1)
    for value in (9574, 0, 13802, 9574, 63996, 60194, 9574, 17610, 0):
        bits.put(16, value)
    for value in (16777216, 134217728, 134217728):
        bits.put(32, value)
    for value in (7222, 8771, 390, 2654, 12430, 1300, 0, 422, 15962):
        bits.put(16, value)
    for count, value in ((16, 65535), (16, 0), (16, 0), (32, 0), (5, 12), (2, 0), (2, 0), (2, 1), (12, 62), (12, 3696)):
        bits.put(count, value)
    bits.put(10, 42)
    blocks = [(1, ((12, 0), (12, 2081), (12, 500 + number), (4, 0)))]
    if area is not None:
        blocks.append((5, (*((13, distance) for distance in area), (4, 0))))
    bits.golomb(len(blocks))
    bits.align()
    for level, fields in blocks:
        bits.golomb(sum(count for count, _ in fields) // 8)
        bits.put(8, level)
        for count, value in fields:
            bits.put(count, value)
    body = bits.data()
    return body + checksum(body).to_bytes(4, "big") + b"\x80"


def make_hdr10_plus(number: int = 0) -> bytes:
    """Return an HDR10+ message of one window; `number` is its average luminance."""
    bits = BitWriter()
    for count, value in ((8, 0xB5), (16, 0x3C), (16, 1), (8, 4), (8, 1), (2, 1), (27, 400), (1, 0)):
        bits.put(count, value)
    for value in (10_000, 9000, 8000, 1000 + number):
        bits.put(17, value)
    for count, value in ((4, 0), (10, 0), (1, 0), (1, 0), (1, 0)):
        bits.put(count, value)
    return bits.data()


def write_hdr(
    path: Path,
    count: int = 30,
    *,
    rpu: Callable[[int], bytes] | None = None,
    message: Callable[[int], bytes] | None = None,
    transfer: str = "smpte2084",
) -> Path:
    """Write an HEVC video with reordered frames; `rpu` and `message` give the metadata of each frame."""
    plain, base = path.with_suffix(".plain.mp4"), path.with_suffix(".base.mp4")
    write_video(plain, count, pixel_format="yuv420p10le")
    tags = f"colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc:range=limited"
    argv = [ffmpeg_path(), "-v", "error", "-i", str(plain), "-c:v", "libx265", "-preset", "ultrafast", "-crf", "12"]
    params = f"log-level=error:keyint=12:bframes=2:{tags}"
    run([*argv, "-pix_fmt", "yuv420p10le", "-x265-params", params, str(base)])
    with av.open(str(base)) as read, av.open(str(path), "w") as written:
        stream = read.streams.video[0]
        track = written.add_stream_from_template(stream, opaque=True)
        packets = [packet for packet in read.demux(stream) if packet.size]
        rank = {time: n for n, time in enumerate(sorted(packet.pts for packet in packets))}
        for packet in packets:
            n = rank[packet.pts]
            data = insert_hevc(bytes(packet), rpu(n) if rpu else b"", message(n) if message else b"")
            changed = av.Packet(data)
            changed.stream, changed.time_base = track, packet.time_base
            changed.pts, changed.dts, changed.duration = packet.pts, packet.dts, packet.duration
            changed.is_keyframe = packet.is_keyframe
            written.mux(changed)
    return path


def decode_kinds(path: Path) -> Sequence[set[str]]:
    """Return the kinds of side data of each frame, as FFmpeg's decoder reads them."""
    with av.open(str(path)) as video:
        return [{each.type.name for each in frame.side_data} for frame in video.decode(video=0)]
