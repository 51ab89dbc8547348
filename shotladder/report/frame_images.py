"""Frames as small JPEG images inside the report: thumbnails of shots, and the weakest shots beside the source."""

from __future__ import annotations

import base64
from bisect import bisect_right
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from encoder import Frame, Source, decode
from encoder.media.geometry import turn_upright
from ladders import FinalEncodes, Shot
from shotladder.report.presentation_format import Presentation
from shotladder.report.presentation_inputs import PackagedLadder, PresentationInputs
from shotladder.report.readable_units import format_bitrate
from shotladder.report.verdict import WeakShot, weak_shots

__all__ = ["FrameImage", "ReportImages", "WeakShotImages", "find_worst_frame", "make_report_images", "to_upright_bgr"]

#: Number of weakest shots that are shown. All values here are chosen by hand.
WEAK_SHOTS = 5
#: Maximum number of thumbnails; in a source with more shots, every second, third... shot has one.
MAX_THUMBNAILS = 400
#: Maximum width and height of a thumbnail and of an image of a weak shot, pixels.
THUMBNAIL_SIZE = (160, 120)
IMAGE_SIZE = (640, 640)
#: JPEG quality of both, 0 to 100: the images of weak shots must show the artefacts of the encoder, not of JPEG.
THUMBNAIL_QUALITY = 60
IMAGE_QUALITY = 85


@dataclass(frozen=True, slots=True)
class FrameImage:
    """One image: `data` is a data URL, `caption` names the rung or the source."""

    caption: str
    data: str


@dataclass(frozen=True, slots=True)
class WeakShotImages:
    """One weak shot: the number of the frame with the lowest VMAF and its time (s), in the source and in two rungs."""

    shot: WeakShot
    frame: int
    time: float
    images: tuple[FrameImage, ...]


@dataclass(frozen=True, slots=True)
class ReportImages:
    """All images of a report: `thumbnails` holds data URLs by index of the shot."""

    thumbnails: dict[int, str]
    weak_shots: tuple[WeakShotImages, ...]


def make_report_images(inputs: PresentationInputs, presentation: Presentation) -> ReportImages:
    """Decode the frames that the report shows; none of an encrypted presentation, whose frames must not be readable."""
    if inputs.encryption is not None:
        return ReportImages({}, ())
    step = -(-len(inputs.shots) // MAX_THUMBNAILS)
    lowest = inputs.ladders[0]
    thumbnails = {}
    for n in range(0, len(inputs.shots), step):
        # the lowest rung is small, and its chunks start on shots: few frames are decoded
        middle = (inputs.shots[n].start + inputs.shots[n].stop) // 2
        image = _read_rung(lowest, 0, middle, _fit(inputs.source, THUMBNAIL_SIZE))
        thumbnails[n] = _encode_jpeg(image, THUMBNAIL_QUALITY)
    weak = tuple(_show_weak_shot(inputs, shot) for shot in weak_shots(presentation, WEAK_SHOTS))
    return ReportImages(thumbnails, weak)


def _show_weak_shot(inputs: PresentationInputs, weak: WeakShot) -> WeakShotImages:
    ladder, shot = inputs.ladders[0], inputs.shots[weak.index]
    rungs = ladder.renditions
    top = len(rungs) - 1
    number = find_worst_frame(ladder.finals, top, shot)
    found = next(iter(decode(inputs.source, number, number + 1)))
    size = _fit(inputs.source, IMAGE_SIZE)
    shown = [("Source", to_upright_bgr(found, inputs.source, size))]
    for n in dict.fromkeys((top, top // 2)):
        vmaf = float(ladder.finals.vmaf(n)[number])
        rate = sum(chunk.bits for chunk in ladder.finals.chunks[n]) / float(inputs.source.duration)
        caption = f"Rung of {format_bitrate(rate)}, {rungs[n].height}p: VMAF {vmaf:.1f} in this frame"
        shown.append((caption, _read_rung(ladder, n, number, size)))
    images = tuple(FrameImage(caption, _encode_jpeg(image, IMAGE_QUALITY)) for caption, image in shown)
    return WeakShotImages(weak, number, float(inputs.source.time(number)), images)


def find_worst_frame(finals: FinalEncodes, rung: int, shot: Shot) -> int:
    """Return the number of the measured frame of a shot with the lowest VMAF."""
    numbers = np.arange(shot.start, shot.stop)
    # each measurement begins at a multiple of its stride
    measured = numbers[numbers % finals.frame_stride == 0]
    shown = measured if measured.size else numbers
    return int(shown[np.argmin(finals.vmaf(rung)[shown])])


def _read_rung(ladder: PackagedLadder, rung: int, number: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return one frame of a rung as BGR, decoded from the chunk that holds it."""
    chunks = ladder.ladder.chunks
    index = bisect_right([chunk.start for chunk in chunks], number) - 1
    local = number - chunks[index].start
    frames = decode(ladder.finals.chunks[rung][index].path, local, local + 1)
    return _to_bgr(next(iter(frames)), size)


def to_upright_bgr(frame: Frame, source: Source, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a frame of the source as BGR in a given width and height, rotated for display."""
    turned = size[::-1] if source.rotation % 180 else size
    return turn_upright(_to_bgr(frame, turned), is_mirrored=source.is_mirrored, rotation=source.rotation)


def _to_bgr(frame: Frame, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a frame as BGR; all frames are converted as BT.709 of limited range, for inspection."""
    scale = 1.0 / (1 << (frame.bit_depth - 8))
    planes = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) * scale for plane in frame.planes]
    luma = 1.164 * (planes[0] - 16)
    blue, red = (planes[1] - 128, planes[2] - 128) if len(planes) == 3 else (0 * luma, 0 * luma)
    image = np.stack((luma + 2.112 * blue, luma - 0.213 * blue - 0.533 * red, luma + 1.793 * red), axis=-1)
    shown: NDArray[np.uint8] = np.clip(image, 0, 255).astype(np.uint8)
    return shown


def _fit(source: Source, limit: tuple[int, int]) -> tuple[int, int]:
    """Return the size of the source, reduced to a limit of width and height."""
    wide, high = source.display_size
    scale = min(1.0, limit[0] / wide, limit[1] / high)
    return max(2, round(wide * scale)), max(2, round(high * scale))


def _encode_jpeg(image: NDArray[np.uint8], quality: int) -> str:
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode()
