"""Kernels of shots and complexity against their naive twins."""

import cv2
import numpy as np
import pytest

from ladders.complexity.complexity_kernels import fine_blocks, small_energies, summarise
from ladders.complexity.complexity_meter import dct_energy, dct_weights
from ladders.shots.cuts import CUT_REACH, cut_candidates
from ladders.shots.frame_window import CHANGE_METRICS
from ladders.shots.gradual.blend_wipe_push_kernels import fit_blocks, fit_push, halve, strip_means
from ladders.shots.gradual.dissolve_detection import RAMP_SHAPES
from ladders.shots.gradual.gradual_features import TYPICAL_REACH, typical_change
from ladders.shots.gradual.gradual_kernels import fit_ramp, mixture_residuals, peaks, progress, score_windows
from ladders.shots.kernels.frame_comparison import (
    compare_frames,
    correlate_blocks,
    find_active_blocks,
    find_projection_shift,
    search_motion,
)
from ladders.shots.kernels.frame_statistics import measure_frame
from tests.naive.shots import (
    naive_blocks,
    naive_correlate_blocks,
    naive_find_active_blocks,
    naive_find_projection_shift,
    naive_fine_blocks,
    naive_fit_blocks,
    naive_fit_push,
    naive_fit_ramp,
    naive_measure_frame,
    naive_mixture_residuals,
    naive_progress,
    naive_score_windows,
    naive_search_motion,
)


def texture(seed: int, height: int, width: int, high: int = 4080) -> np.ndarray:
    """Something soft enough to be followed."""
    rough = np.random.default_rng(seed).uniform(0, 1, (height, width))
    smooth = cv2.GaussianBlur(rough, (0, 0), 2)
    return ((smooth - smooth.min()) / np.ptp(smooth) * high).astype(np.int16)


def moved(seed: int, height: int, width: int, y: int, x: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Two pictures, the second shifted against the first and noisy."""
    large = texture(seed, height + 40, width + 40)
    grain = np.random.default_rng(seed).normal(0, noise, (height, width))
    after = np.clip(large[20 + y : 20 + y + height, 20 + x : 20 + x + width] + grain, 0, 4080)
    return np.ascontiguousarray(large[20 : 20 + height, 20 : 20 + width]), after.astype(np.int16)


def surveyed(pictures: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return what pairs are compared by; chroma is the lower left corner of luma."""
    count, height, width = pictures.shape
    chroma = np.ascontiguousarray(pictures[:, -height // 2 :, : width // 2])
    cells = np.zeros((count, 9 * 16 + 2 * 4 * 8), np.float32)
    lines, counts = np.zeros((count, width + height), np.float32), np.zeros((count, 256), np.int16)
    activity, levels = np.zeros((count, height // 8, width // 8), np.int32), np.zeros((count, 3), np.float32)
    for n in range(count):
        measure_frame(pictures[n], chroma[n], chroma[n], (9, 16), cells[0], cells[n], lines[n], counts[n], activity[n],
               levels[n])  # fmt: skip
    return chroma, cells, lines, counts, activity, levels


@pytest.mark.parametrize(("height", "width"), [(45, 64), (67, 120)])
def test_survey_equals_the_naive_twin(height, width):
    pictures = np.stack([texture(1, height, width), texture(2, height, width)])
    chroma, cells, lines, counts, activity, levels = surveyed(pictures)
    thumbnail, profiles, bins, blocks, mean, deviation = naive_measure_frame(pictures[1], (9, 16))
    small = naive_measure_frame(chroma[1], (4, 8))[0]
    np.testing.assert_allclose(cells[1], np.concatenate([thumbnail, small, small]), rtol=1e-5)
    np.testing.assert_allclose(lines[1], profiles, rtol=1e-5)
    np.testing.assert_array_equal(counts[1], bins)
    np.testing.assert_array_equal(activity[1].ravel(), blocks)
    np.testing.assert_allclose(levels[1], [mean, deviation, np.abs(cells[1] - cells[0]).mean()], rtol=1e-4)


@pytest.mark.parametrize(("y", "x", "noise"), [(0, 0, 1), (2, -3, 30), (7, 5, 100), (0, 0, 1500)])
def test_follow_equals_the_naive_twin(y, x, noise):
    before, after = moved(3, 43, 61, y, x, noise)
    activity, still = np.zeros((5, 7), np.int32), np.zeros((5, 7), np.int32)
    for (r, c, block), (_, _, other) in zip(naive_blocks(after), naive_blocks(before), strict=True):
        activity[r, c], still[r, c] = np.abs(block - block.sum() // 64).sum(), np.abs(block - other).sum()
    vectors, out = np.zeros((5, 7, 2), np.int16), np.zeros(6, np.float32)
    around, window = np.array([y, x], np.int16), np.array([0, 4, 1, 7])
    search_motion(before, after, activity, still, around, window, vectors, out)
    expected, numbers = naive_search_motion(before, after, around, window)
    np.testing.assert_array_equal(vectors, expected)
    np.testing.assert_allclose(out, numbers, rtol=1e-5)


def test_a_pair_is_told_by_its_differences_and_by_follow():
    before, after = moved(4, 48, 64, 3, -6, 20)
    pictures = np.stack([before, after])
    chroma, _, lines, counts, activity, levels = surveyed(pictures)
    vectors, out = np.zeros((6, 8, 2), np.int16), np.zeros(13, np.float32)
    compare_frames(pictures, chroma, chroma, lines, counts, activity, levels, 0, 1, vectors, out)
    expected, numbers = naive_search_motion(before, after, out[10:12].astype(int), (0, 6, 0, 8))
    np.testing.assert_array_equal(vectors, expected)
    apart = [np.abs(one[1].astype(int) - one[0]).mean() / 16 for one in (pictures, chroma)]
    bins = [naive_measure_frame(p, (9, 16))[2] for p in pictures]
    share = np.abs(bins[1] - bins[0]).sum() / 2 / bins[1].sum()
    np.testing.assert_allclose(
        out[:10], [*numbers[:5], apart[0], share, after.mean() / 16, after.std() / 16, 2 * apart[1]], rtol=1e-4
    )
    np.testing.assert_array_equal(out[10:12], [3, -6])
    assert out[12] == pytest.approx(numbers[5])


@pytest.mark.parametrize(("dark", "left"), [((0, 0), 0), ((9, 14), 0), ((5, 0), 20), ((48, 0), 0)])
def test_lit_blocks_equals_the_naive_twin(dark, left):
    before, after = np.full((2, 64 + 48), 2000, np.float32)
    for profile, more in ((before, 3), (after, 0)):
        profile[64 : 64 + dark[0] + more] = profile[64 + 48 - dark[1] :] = profile[:left] = 300
    window = np.zeros(4, np.int64)
    find_active_blocks(before, after, 64, window)
    assert tuple(window) == (
        *naive_find_active_blocks(before[64:], after[64:]),
        *naive_find_active_blocks(before[:64], after[:64]),
    )


@pytest.mark.parametrize("gain", [1.0, 0.4])
def test_structure_equals_the_naive_twin_and_does_not_mind_light(gain):
    before, after = moved(3, 48, 64, 2, -3, 5)
    after = (after * gain + 200).astype(np.int16)
    vectors = np.zeros((6, 8, 2), np.int16)
    vectors[:-1, 1:] = 2, -3
    found, window, carried = np.zeros(2), np.array([0, 6, 1, 8]), np.array([1, -2])
    correlate_blocks(before, after, vectors, carried, window, found)
    np.testing.assert_allclose(found, naive_correlate_blocks(before, after, vectors, carried, window), rtol=1e-3)
    correlate_blocks(before, texture(11, 48, 64), vectors, carried, window, elsewhere := np.zeros(2))
    correlate_blocks(before, np.full((48, 64), 256, np.int16), vectors, carried, window, nothing := np.zeros(2))
    assert nothing[0] == nothing[1] == 0
    assert found[0] > 0.75 > 0.4 > elsewhere[0]


@pytest.mark.parametrize("shift", [-9, 0, 4])
def test_projection_shift_equals_the_naive_twin(shift):
    profile = texture(5, 1, 80)[0].astype(np.float32)
    before, after = profile[20:60].copy(), profile[20 - shift : 60 - shift] + np.float32(50)
    assert find_projection_shift(before, after, 13) == naive_find_projection_shift(before, after, 13) == shift


def turning(seed: int, frames: int, first: int, last: int) -> np.ndarray:
    """Thumbnails that tremble, and turn into others from frame `first` to frame `last`."""
    rng = np.random.default_rng(seed)
    old, new = rng.uniform(20, 220, (2, 30))
    weight = np.clip((np.arange(frames) - first) / (last - first), 0, 1)[:, None]
    return (old + (new - old) * weight + rng.normal(0, 0.5, (frames, 30))).astype(np.float32)


def test_windows_equals_the_naive_twin():
    thumbnails = turning(6, 60, 20, 34)
    change = np.concatenate([[0], np.abs(np.diff(thumbnails, axis=0)).mean(1)]).astype(np.float32)
    excess = np.maximum(change - np.float32(0.5), 0)
    lags = np.array([5, 6, 8, 10, 12, 15, 19, 24])
    worth, lag = np.zeros((6, 60), np.float32), np.zeros((6, 60), np.int64)
    score_windows(thumbnails, change, excess, lags, 2.5, 0.35, worth, lag)
    expected, lengths = naive_score_windows(thumbnails, change, excess, lags, 2.5, 0.35)
    np.testing.assert_allclose(worth, expected, rtol=1e-4)
    np.testing.assert_array_equal(lag, lengths)
    assert abs(int(worth[0].argmax()) - 27) <= 1


def test_progress_and_ramp_equal_the_naive_twins():
    thumbnails = turning(7, 40, 12, 24)
    way = np.zeros(26, np.float32)
    progress(thumbnails, 10, 27, 6, way)
    np.testing.assert_allclose(way, naive_progress(thumbnails, 10, 27, 6, 26), atol=1e-5)
    found = np.zeros(2, np.int64)
    error = fit_ramp(way, RAMP_SHAPES, found)
    a, b, expected = naive_fit_ramp(way.astype(float), RAMP_SHAPES)
    assert tuple(found) == (a, b)
    assert abs(6 + a - 12) <= 1
    assert abs(6 + b - 24) <= 1
    assert error == pytest.approx(expected, rel=1e-4)


def test_mixture_equals_the_naive_twin():
    thumbnails = turning(8, 30, 8, 20)
    out = np.zeros(5, np.float32)
    mixture_residuals(thumbnails, 8, 20, out)
    np.testing.assert_allclose(out, naive_mixture_residuals(thumbnails.astype(float), 8, 20), rtol=1e-4)


@pytest.mark.parametrize("share", [0.0, 0.4])
def test_parts_equals_the_naive_twin_and_tells_a_wipe_from_a_dissolve(share):
    old, new = (texture(seed, 35, 50).astype(np.float32) / 16 for seed in (12, 13))
    middle = share * old + (1 - share) * new
    middle[:, :24] = 0.5 * old[:, :24] + 30 if share == 0 else middle[:, :24]
    out = np.zeros(5, np.float32)
    fit_blocks(middle, old, new, out)
    np.testing.assert_allclose(
        out, naive_fit_blocks(*(p.astype(float) for p in (middle, old, new))), rtol=2e-3, atol=2e-3
    )
    assert out[1] > 0.9
    assert (min(out[2:4]) > 0.2) == (share == 0)


def test_seams_equals_the_naive_twin_and_finds_the_seam():
    old, new = (texture(seed, 4, 40).astype(np.float32) / 16 for seed in (14, 15))
    middle = np.hstack([new[:, 40 - 13 :], old[:, : 40 - 13]])
    out = np.zeros((41, 2), np.float32)
    fit_push(middle, old, new, out)
    np.testing.assert_allclose(out, naive_fit_push(middle, old, new), rtol=1e-4, atol=1e-4)
    assert np.unravel_index(out.argmin(), out.shape) == (13, 1)


@pytest.mark.parametrize(("dtype", "levels"), [(np.uint8, 1), (np.uint16, 4)])
def test_fine_blocks_equals_the_naive_twin(dtype, levels):
    before, after = ((p // 16 * levels).astype(dtype) for p in moved(9, 96, 128, 3, -5, 60))
    vectors = np.zeros((3, 4, 2), np.int16)
    vectors[1] = 1, -1
    table = np.log2(1 + np.arange(64 * 256 * levels) / (8 * 14 * levels)).astype(np.float32)
    out = np.zeros(4, np.float32)
    for phase in range(4):
        fine_blocks(after, before, 128, vectors, 4, phase, 2, table, np.zeros(12, np.float32), out)
        expected = naive_fine_blocks(after, before, vectors, 4, phase, 2, 14 * levels)
        np.testing.assert_allclose(out, expected, rtol=1e-4)


@pytest.mark.parametrize(("height", "width"), [(45, 64), (66, 121)])
def test_pictures_are_halved_and_averaged_along_strips(height, width):
    picture = texture(12, height, width)
    small = np.zeros((height // 2, width // 2), np.float32)
    halve(picture, small)
    even = picture[: height // 2 * 2, : width // 2 * 2].reshape(height // 2, 2, width // 2, 2)
    np.testing.assert_array_equal(small, even.mean((1, 3)) / 16)
    for lines in (picture, picture.T):
        strips = np.zeros((4, lines.shape[1]), np.float32)
        strip_means(lines, strips)
        np.testing.assert_allclose(strips, [part.mean(0) / 16 for part in np.array_split(lines, 4)], rtol=1e-6)


def test_of_windows_about_a_place_the_one_worth_most_is_the_peak_and_of_equal_ones_the_first():
    rng = np.random.default_rng(13)
    worth, lag = rng.integers(0, 5, (2, 80)).astype(np.float32), rng.integers(5, 20, (2, 80))
    best = np.zeros((2, 80), np.bool_)
    peaks(worth, lag, best)
    for p, c in np.ndindex(best.shape):
        half = lag[p, c] // 2
        around = worth[p, max(0, c - half) : c + half + 1]
        assert best[p, c] == (worth[p, c] > 0 and np.argmax(around) == min(c, half))
    assert best.any()


@pytest.mark.parametrize("chroma", [(24, 40), (7, 9)])
def test_energies_of_all_planes_are_those_of_each(chroma):
    films = [[texture(seed, *size) for size in ((45, 64), chroma, chroma)] for seed in (14, 15)]
    weights, energies = dct_weights(8).astype(np.float64), np.zeros((2, 3, 5, 8), np.float32)
    levels, means = np.zeros((5, 8), np.float32), np.full((3, 3), np.nan)
    for now, planes in enumerate(films):
        small_energies(*planes, weights, energies, levels, now, means)
    for k, (before, plane) in enumerate(zip(*films, strict=True)):
        expected = np.full(3, np.nan)
        if min(plane.shape) >= 8:
            (mine, light), (theirs, _) = dct_energy(plane / 16, 8), dct_energy(before / 16, 8)
            summarise(mine, theirs, light, expected)
        np.testing.assert_allclose(means[k], expected, rtol=1e-6)


def test_what_is_usual_is_a_quantile_of_the_steps_about():
    steps = np.random.default_rng(16).uniform(0, 9, 200).astype(np.float32)
    padded = np.pad(steps, TYPICAL_REACH, mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * TYPICAL_REACH + 1)
    expected = np.quantile(around, 0.2, axis=1)
    np.testing.assert_allclose(typical_change(steps, 0, 200), expected, rtol=1e-6)
    np.testing.assert_allclose(typical_change(steps, 90, 110), expected[90:110], rtol=1e-6)


def test_a_candidate_for_a_cut_is_newer_than_usual_or_as_new_as_another_film():
    changes = np.zeros((90, len(CHANGE_METRICS)), np.float32)
    share = changes[:, CHANGE_METRICS.index("inter_residual_ratio")]
    share[1:40], share[40:80], share[80:] = 0.3, 0.48, 0.02
    share[20] = 0.33
    assert not {*cut_candidates(changes)} & {*range(CUT_REACH, 39)}
    share[20] = 0.38
    assert {*cut_candidates(changes)} & {*range(CUT_REACH, 39)} == {20}
    assert {*cut_candidates(changes)} >= {*range(40, 80)}
    share[88] = 0.25
    assert 88 in cut_candidates(changes)
