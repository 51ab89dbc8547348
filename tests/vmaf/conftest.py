"""Videos of generated frames, in a lossless codec."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest


def _write_video(path: Path, luma: np.ndarray, *, rate: int = 25, times=None, depth: int = 10, colour=False) -> Path:
    """Write frames, (frames, rows, columns), in FFV1; 16-bit arrays hold `depth` bits, chroma is grey or luma too."""
    pixel_format = "yuv420p" if luma.dtype == np.uint8 else f"yuv420p{depth}le"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=rate)
        stream.width, stream.height, stream.pix_fmt = luma.shape[2], luma.shape[1], pixel_format
        stream.time_base = Fraction(1, rate)
        stream.codec_context.time_base = Fraction(1, rate)
        for n, samples in enumerate(luma):
            frame = av.VideoFrame(luma.shape[2], luma.shape[1], pixel_format)
            for p, plane in enumerate(frame.planes):
                lines = np.frombuffer(plane, luma.dtype).reshape(plane.height, -1)
                lines[:] = 128 if luma.dtype == np.uint8 else 2 ** (depth - 1)
                if p == 0:
                    lines[:, : samples.shape[1]] = samples
                elif colour:
                    lines[:, : plane.width] = samples[::2, ::2][:: 3 - 2 * p]
            frame.pts = n if times is None else times[n]
            frame.time_base = Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="session")
def write_video():
    return _write_video


def texture(seed: int, count: int, height: int, width: int, depth: int = 8) -> np.ndarray:
    """Return moving smooth texture with edges, noise and a flat part."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    top = 2**depth - 1
    frames = []
    for n in range(count):
        wave = (
            np.sin((x + 3 * n) / 5.0) + np.sin((y - 2 * n) / 7.0 + x / 11.0) + (np.hypot(x - 20 - 4 * n, y - 15) < 11)
        )
        samples = 0.5 + 0.17 * wave + rng.normal(0, 0.03, (height, width))
        samples[height // 2 :, : width // 3] = 0.4
        frames.append(np.clip(np.round(samples * top), 0, top))
    return np.stack(frames).astype(np.uint8 if depth == 8 else np.uint16)


def worse(frames: np.ndarray, seed: int = 5) -> np.ndarray:
    """Return the frames blurred, quantised and with some noise."""
    rng = np.random.default_rng(seed)
    wide = frames.astype(float)
    blurred = (wide + np.roll(wide, 1, 2) + np.roll(wide, 1, 1) + np.roll(wide, -1, 2)) / 4
    top = 255 if frames.dtype == np.uint8 else 2 ** int(frames.max()).bit_length() - 1
    step = (top + 1) // 32
    noisy = np.round(blurred / step) * step + rng.normal(0, step / 6, frames.shape)
    return np.clip(np.round(noisy), 0, top).astype(frames.dtype)


@pytest.fixture(scope="session")
def textured():
    return texture


@pytest.fixture(scope="session")
def worsened():
    return worse
