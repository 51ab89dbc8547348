"""Make the sample film, `python -m samples.film FILE.mp4`, and its truth, `FILE.truth.json`, beside it."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from samples import brushes, shotlist, sound
from samples.painting import Canvas, Painter, Size

__all__ = ["film_frames", "make_film"]

Planes = NDArray[np.uint8]
"""One 4:2:0 picture as (3/2 height, width) uint8: luma, then Cb, then Cr, BT.709 limited range."""


def make_film(
    path: str | os.PathLike[str],
    *,
    width: int = 1280,
    height: int = 720,
    crf: float = 11,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write the film as MP4 (H.264 and AAC, faststart) and its truth beside it.

    Parameters
    ----------
    path
        Where to; the truth goes to the same name with the suffix `.truth.json`. Both appear whole or not at all.
    width, height
        Of the picture, even; the film is the same at every size, so tests use small ones.
    crf
        Of x264.
    progress
        Called with (frames done, frames in all).

    Returns
    -------
    Path
        `path`.
    """
    path = Path(path)
    truth_path = path.with_suffix(".truth.json")
    film_part, truth_part = (p.with_name(f".{p.name}.{os.getpid()}.part") for p in (path, truth_path))
    try:
        _encode(film_part, Size(width, height), crf, progress)
        truth_part.write_text(json.dumps(shotlist.truth() | {"width": width, "height": height}, indent=1) + "\n")
        truth_part.replace(truth_path)
        film_part.replace(path)
    finally:
        film_part.unlink(missing_ok=True)
        truth_part.unlink(missing_ok=True)
    return path


def film_frames(size: Size) -> Iterator[Planes]:
    """Yield every frame of the film in order, the same bytes every time."""
    starts = shotlist.first_frames()
    changes = {n: change for change in shotlist.graduals() for n in range(change.start, change.stop)}
    painters: dict[int, Painter] = {}
    canvas = size.canvas()

    def picture(shot: int, n: int) -> Planes:
        if shot not in painters:
            painters[shot] = shotlist.SHOTS[shot].scene(size)
        painters[shot](canvas, (n - starts[shot]) / shotlist.RATE)
        return _planes(canvas, shotlist.SHOTS[shot].grain, n)

    black = np.concatenate([np.full((size.height, size.width), 16, np.uint8),
                            np.full((size.height // 2, size.width), 128, np.uint8)])  # fmt: skip
    shot = 0
    for n in range(shotlist.frame_count()):
        while shot + 1 < len(starts) and n >= starts[shot + 1]:
            shot += 1
        for gone in [k for k in painters if k < shot - 1]:
            del painters[gone]
        change = changes.get(n)
        if change is not None:
            weight = (n - change.start + 1) / (change.stop - change.start + 1)
            if change.kind == "fade_out":
                yield _mix(picture(change.shot - 1, n), black, weight)
            elif change.kind == "fade_in":
                yield _mix(black, picture(change.shot, n), weight)
            elif change.kind == "wipe":
                yield _wipe(picture(change.shot - 1, n), picture(change.shot, n), weight, size)
            else:
                yield _mix(picture(change.shot - 1, n), picture(change.shot, n), weight)
        elif _in_black(n):
            yield black.copy()
        else:
            yield picture(shot, n)


def _in_black(n: int) -> bool:
    fades = [change for change in shotlist.graduals() if change.kind == "fade_out"]
    return any(fade.stop <= n < fade.stop + shotlist.BLACK for fade in fades)


_grain = np.random.default_rng(1).normal(0, 1, (1024, 1024)).astype(np.float32)
_grain = cv2.GaussianBlur(_grain, (0, 0), 0.65, borderType=cv2.BORDER_REPLICATE)
_grain /= _grain.std()


def _planes(canvas: Canvas, grain: float, n: int) -> Planes:
    height, width = canvas.shape[:2]
    planes = np.empty((height * 3 // 2, width), np.uint8)
    chroma = planes[height:].reshape(2, height // 2, width // 2)
    shift_x, shift_y = (int(v) for v in np.random.default_rng((2, n)).integers(0, 1024, 2))
    brushes.to_planes(canvas, _grain, shift_x, shift_y, grain, planes[:height], chroma[0], chroma[1])
    return planes


def _mix(old: Planes, new: Planes, weight: float) -> Planes:
    return cv2.addWeighted(old, 1 - weight, new, weight, 0)


def _wipe(old: Planes, new: Planes, weight: float, size: Size) -> Planes:
    edge = round(weight * size.width / 2) * 2
    mixed = old.copy()
    mixed[: size.height, :edge] = new[: size.height, :edge]
    parts = [planes[size.height :].reshape(size.height, size.width // 2) for planes in (mixed, new)]
    parts[0][:, : edge // 2] = parts[1][:, : edge // 2]
    return mixed


def _encode(path: Path, size: Size, crf: float, progress: Callable[[int, int], None] | None) -> None:
    total = shotlist.frame_count()
    beeps = tuple(beep["time"] for beep in shotlist.truth()["beeps"])
    samples = sound.soundtrack(total / shotlist.RATE, beeps)
    hop = sound.RATE // shotlist.RATE
    with av.open(path, "w", format="mp4", options={"movflags": "+faststart"}) as container:
        # a fixed number of threads: x264's output depends on it
        video = container.add_stream(
            "libx264", rate=shotlist.RATE, options={"crf": str(crf), "preset": "veryfast", "threads": "2"}
        )
        video.width, video.height, video.pix_fmt = size.width, size.height, "yuv420p"
        context = video.codec_context
        context.time_base = Fraction(1, shotlist.RATE)
        context.color_primaries = context.color_trc = context.colorspace = 1  # BT.709
        context.color_range = 1  # limited
        audio = container.add_stream("aac", rate=sound.RATE, layout="stereo")
        audio.bit_rate = 160_000
        for n, planes in enumerate(film_frames(size)):
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts, frame.time_base = n, Fraction(1, shotlist.RATE)
            container.mux(video.encode(frame))
            piece = np.ascontiguousarray(samples[:, n * hop : (n + 1) * hop])
            heard = av.AudioFrame.from_ndarray(piece, format="fltp", layout="stereo")
            heard.sample_rate, heard.pts, heard.time_base = sound.RATE, n * hop, Fraction(1, sound.RATE)
            container.mux(audio.encode(heard))
            if progress is not None:
                progress(n + 1, total)
        container.mux(video.encode(None))
        container.mux(audio.encode(None))


def main() -> None:
    """Write the film where the command line says."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m samples.film FILE.mp4")

    def talk(done: int, total: int) -> None:
        if done % 240 == 0 or done == total:
            print(f"film: {done} of {total} frames", file=sys.stderr)

    print(make_film(sys.argv[1], progress=talk))


if __name__ == "__main__":
    main()
