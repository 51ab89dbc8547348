"""Light that changes against pictures that do."""

from itertools import pairwise

import cv2
import numpy as np
import pytest

import encoder
from ladders.shots.frame_window import FrameWindow
from ladders.shots.illumination import explained_detail, illumination_residual
from training.clips import variants

LAMPS = (np.linspace(1.1, 0.4, 192)[:, None] * [1, 0.5, 0.2] + np.linspace(0, 0.6, 192)[:, None] * [0, 0.4, 1])[None]


def painted(seed: int) -> np.ndarray:
    """A soft coloured texture, up to 0.8 of full light."""
    rough = np.random.default_rng(seed).uniform(0, 1, (108, 192, 3))
    soft = cv2.GaussianBlur(rough, (0, 0), 6)
    return 0.1 + 0.7 * (soft - soft.min()) / np.ptp(soft)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> FrameWindow:
    """A picture, the same under two coloured lamps, the same dimmed to a quarter, another, and one that is flat; then
    the first and the other between black bars, and black."""
    shown = [painted(1), painted(1) * LAMPS, painted(1) * 0.25, painted(2), np.full((108, 192, 3), 0.4)]
    bars = (np.abs(np.arange(108) - 53.5) < 44)[:, None, None]
    shown += [shown[0] * bars, shown[3] * bars, shown[0] * 0]
    frames = np.array([np.clip(p * 255, 0, 255) for p in shown]).astype(np.uint8)
    clip = variants.Clip("lamps", 0, frames, {}, 12.0)
    source = encoder.inspect(variants.write_clip(tmp_path_factory.mktemp("illumination_residual") / "lamps.mp4", clip))
    frames = list(encoder.decode(source))
    held = FrameWindow(source, frames[0], len(frames))
    for frame in frames:
        held.push(frame)
    return held


@pytest.mark.parametrize("lit", [1, 2])
def test_lamps_leave_little_and_another_picture_much(pictures, lit):
    assert max(illumination_residual(pictures, 0, lit)[:2]) < 0.15
    assert min(illumination_residual(pictures, 0, 3)[:2]) > 0.6


def test_order_does_not_matter(pictures):
    np.testing.assert_allclose(illumination_residual(pictures, 0, 3), illumination_residual(pictures, 3, 0), rtol=1e-6)


def test_what_is_flat_is_like_nothing(pictures):
    assert min(illumination_residual(pictures, 0, 4)[:2]) > 0.8


def test_detail_is_the_same_under_lamps_and_is_of_no_other_picture(pictures):
    assert min(explained_detail(pictures, 0, lit) for lit in (1, 2)) > 0.85
    assert explained_detail(pictures, 0, 3) < 0.2
    assert abs(explained_detail(pictures, 0, 4)) < 0.05
    assert explained_detail(pictures, 0, 3) == pytest.approx(explained_detail(pictures, 3, 0))


def test_black_bars_are_no_detail_that_two_pictures_share(pictures):
    assert explained_detail(pictures, 5, 6) < 0.2
    assert abs(explained_detail(pictures, 7, 7)) < 0.05


def test_shares_are_what_least_squares_leave(pictures):
    ways = [naive_left(pictures, *rows) for rows in ((0, 3), (3, 0))]
    np.testing.assert_allclose(illumination_residual(pictures, 0, 3)[:2], min(ways, key=lambda way: way[1]), rtol=1e-3)


def naive_left(pictures: FrameWindow, old: int, new: int) -> tuple[float, float]:
    """Shares of luma's variance and of all planes' that no light on the old picture explains."""
    planes = pictures.luma, pictures.blue, pictures.red
    one, other = (np.array([naive_cells(plane[row]) for plane in planes]) for row in (old, new))
    down, across = (axis.ravel() for axis in np.mgrid[-1:1:18j, -1:1:32j])
    even = [*(one - [[16], [128], [128]]), np.ones(576)]
    known = np.array([way * plane for way in (1, across, down) for plane in even]).T
    ridge = np.diag(np.sqrt(576 * np.array([4, 4, 4, 1e-6] + 2 * [4 / 3, 4 / 3, 4 / 3, 1e-6])))
    wanted = (other - other.mean(1, keepdims=True)).T
    weights = np.linalg.lstsq(np.vstack([known, ridge]), np.vstack([wanted, np.zeros((12, 3))]), rcond=None)[0]
    left, spread = ((wanted - known @ weights) ** 2).mean(0), (wanted**2).mean(0)
    return (left[0] + 1) / (spread[0] + 1), (left.sum() + 1) / (spread.sum() + 1)


def naive_cells(plane: np.ndarray) -> np.ndarray:
    """Means of 18 x 32 cells of a small picture, in levels."""
    edges = [[k * size // n for k in range(n + 1)] for n, size in zip((18, 32), plane.shape, strict=True)]
    spans = [[slice(a, max(b, a + 1)) for a, b in pairwise(each)] for each in edges]
    return np.array([plane[down, across].mean() / 16 for down in spans[0] for across in spans[1]])
