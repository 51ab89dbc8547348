"""Give raw video, which has only samples, a header: YUV4MPEG2, which FFmpeg reads with size, format and rate."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from shotladder_runtime.regular_file import open_regular
from vmaf.errors import MeasureError

__all__ = ["RAW_FORMATS", "RAW_SUFFIXES", "RawVideo", "add_header"]

#: suffixes of raw video
RAW_SUFFIXES = (".yuv", ".raw")
#: name of the pixel format in FFmpeg -> its name in the header (FFmpeg, libavformat/yuv4mpegdec.c)
RAW_FORMATS = {
    "yuv420p": "420mpeg2",
    "yuv422p": "422",
    "yuv444p": "444",
    **{f"yuv{chroma}p{depth}le": f"{chroma}p{depth}" for depth in (10, 12, 14, 16) for chroma in ("420", "422", "444")},
    "gray": "mono",
    "gray10le": "mono10",
    "gray12le": "mono12",
}
#: rows and columns of a frame; chosen by hand
MAX_SIDE = 1 << 15
#: bytes that are copied at a time; chosen by hand
COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class RawVideo:
    """What a file of raw video does not state.

    Attributes
    ----------
    width, height : int
        Pixels.
    pixel_format : str
        Key of `RAW_FORMATS`.
    frame_rate : Fraction
        Frames/s.
    """

    width: int
    height: int
    pixel_format: str = "yuv420p"
    frame_rate: Fraction = Fraction(25)

    @property
    def frame_bytes(self) -> int:
        """Bytes of a frame."""
        samples = self.width * self.height
        half_width, half_height = (self.width + 1) // 2, (self.height + 1) // 2
        if "420" in self.pixel_format:
            samples += 2 * half_width * half_height
        elif "422" in self.pixel_format:
            samples += 2 * half_width * self.height
        elif "444" in self.pixel_format:
            samples *= 3
        return samples * (2 if self.pixel_format.endswith("le") else 1)


def add_header(path: str | Path, raw: RawVideo, folder: Path) -> Path:
    """Write a copy of a raw video with a header, and return it.

    Parameters
    ----------
    path : str or Path
    raw : RawVideo
    folder : Path
        Where the copy is written; it has the name of the file and the suffix `.y4m`.

    Raises
    ------
    MeasureError
        When the file cannot be read, or does not hold whole frames of this size and format.
    """
    if not 0 < min(raw.width, raw.height) <= max(raw.width, raw.height) <= MAX_SIDE:
        raise MeasureError(f"{path}: a frame size of {raw.width}x{raw.height} is not within 1 to {MAX_SIDE} pixels")
    copy = folder / f"{Path(path).name}.y4m"
    try:
        with open(path, "rb", opener=open_regular) as file, copy.open("wb") as out:
            size = file.seek(0, 2)
            file.seek(0)
            count, rest = divmod(size, raw.frame_bytes)
            if rest or not count:
                raise MeasureError(
                    f"{path}: {size} bytes are not whole frames of {raw.width}x{raw.height} {raw.pixel_format}, which"
                    f" have {raw.frame_bytes} bytes each"
                )
            rate = raw.frame_rate
            form = RAW_FORMATS[raw.pixel_format]
            header = f"YUV4MPEG2 W{raw.width} H{raw.height} F{rate.numerator}:{rate.denominator} Ip A1:1 C{form}\n"
            out.write(header.encode())
            for _ in range(count):
                out.write(b"FRAME\n")
                _copy(file, out, raw.frame_bytes)
    except (OSError, ValueError) as error:
        if isinstance(error, MeasureError):
            raise
        raise MeasureError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    return copy


def _copy(file: BinaryIO, out: BinaryIO, count: int) -> None:
    while count:
        block = file.read(min(count, COPY_BYTES))
        if not block:
            raise OSError("it became shorter while it was read")
        out.write(block)
        count -= len(block)
