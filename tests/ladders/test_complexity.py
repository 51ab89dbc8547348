"""Complexity: equal to siti-tools, to naive twins, and what it must do to flat, still and noisy pictures."""

from dataclasses import astuple

import numpy as np
import pytest
from siti_tools.siti import ColorRange, HdrMode, SiTiCalculator

from ladders.complexity.complexity_kernels import line_moments, plane_moments, summarise
from ladders.complexity.complexity_meter import COMPLEXITY_COLUMNS, dct_energy, pool
from ladders.complexity.si_ti import SITI_MODES, si_ti
from ladders.shots.kernels.frame_statistics import box_downscale
from tests.naive.complexity import naive_box_downscale, naive_dct_energy, naive_pool, naive_si_ti, naive_summary


def picture(seed: int, height: int, width: int, low: int, high: int, dtype) -> np.ndarray:
    """Blurred noise with a few edges, within [low, high]."""
    rng = np.random.default_rng(seed)
    noise = rng.random((height + 4, width + 4))
    smooth = sum(noise[i : i + height, j : j + width] for i in range(4) for j in range(4)) / 16
    smooth[height // 3 :, width // 4 :] += 0.3
    smooth = (smooth - smooth.min()) / np.ptp(smooth)
    return np.rint(low + smooth * (high - low)).astype(dtype)


def siti_tools(pictures, **settings) -> tuple[list[float], list[float]]:
    """SI and TI of siti-tools, by the steps of its `calculate`, without its file reader."""
    tool = SiTiCalculator(**settings)
    si, ti, before = [], [], None
    for samples in pictures:
        plane = tool.normalize_between_0_1(samples.astype(int))
        if not tool.legacy and tool.hdr_mode == HdrMode.SDR:
            plane = tool.oetf_pq(tool.apply_display_model(plane, l_max=tool.l_max, l_min=tool.l_min, gamma=tool.gamma))
        elif not tool.legacy and tool.hdr_mode == HdrMode.HLG:
            plane = tool.oetf_pq(tool.eotf_hlg(plane, tool.l_min, tool.l_max))
        si.append(255 * tool.si(plane))
        if before is not None:
            ti.append(255 * tool.ti(plane, before))
        before = plane
    return si, ti


@pytest.mark.parametrize(
    ("mode", "depth", "settings"),
    [
        ("legacy", 8, {"legacy": True}),
        ("legacy", 10, {"legacy": True}),
        ("sdr", 8, {}),
        ("sdr", 10, {}),
        ("pq", 10, {"hdr_mode": HdrMode.HDR10}),
        ("hlg", 10, {"hdr_mode": HdrMode.HLG}),
    ],
)
@pytest.mark.parametrize("full", [False, True])
def test_si_and_ti_equal_siti_tools(mode, depth, settings, full):
    scale = 1 << (depth - 8)
    low, high = (0, 256 * scale - 1) if full else (16 * scale, 235 * scale)
    pictures = [picture(seed, 61, 83, low, high, np.uint8 if depth == 8 else np.uint16) for seed in range(3)]
    colour_range = ColorRange.FULL if full else ColorRange.LIMITED
    expected_si, expected_ti = siti_tools(pictures, bit_depth=depth, color_range=colour_range, **settings)
    found = [si_ti(p, pictures[n - 1] if n else None, mode=mode, bit_depth=depth, full_range=full)
             for n, p in enumerate(pictures)]  # fmt: skip
    assert [si for si, _ in found] == pytest.approx(expected_si, abs=1e-3)
    assert found[0][1] is None
    assert [ti for _, ti in found[1:]] == pytest.approx(expected_ti, abs=1e-3)


def test_samples_outside_the_limited_range_are_clamped():
    wild = np.array([[0, 255] * 8] * 16, np.uint8)
    tame = np.clip(wild, 16, 235)
    assert si_ti(wild, None, mode="sdr") == si_ti(tame, None, mode="sdr")


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="modes are " + ", ".join(SITI_MODES)):
        si_ti(np.zeros((8, 8), np.uint8), None, mode="p911")


def test_si_ti_refuses_frames_of_different_size():
    with pytest.raises(ValueError, match=r"^frames of different size: \(8, 8\) and \(8, 9\)$"):
        si_ti(np.zeros((8, 8), np.uint8), np.zeros((8, 9), np.uint8))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_line_moments_equal_the_naive_twin(dtype):
    a, b = picture(1, 23, 37, 0, 255, dtype), picture(2, 23, 37, 0, 255, dtype)
    sums = np.zeros(5)
    line_moments(b, a, 37, 0, 1, sums)
    whole = np.zeros(5)
    plane_moments(b.astype(np.float64), a.astype(np.float64), whole)
    np.testing.assert_allclose(sums, whole, rtol=1e-6)
    si, ti = naive_si_ti(b, a)
    assert np.sqrt(sums[2] / sums[0] - (sums[1] / sums[0]) ** 2) == pytest.approx(si, rel=1e-5)
    assert np.sqrt(sums[4] / b.size - (sums[3] / b.size) ** 2) == pytest.approx(ti, rel=1e-5)


@pytest.mark.parametrize("block", [4, 8, 16, 32])
def test_dct_energy_equals_the_naive_twin(block):
    samples = picture(3, 70, 99, 0, 255, np.uint8)
    energies, levels = dct_energy(samples, block)
    expected_energies, expected_levels = naive_dct_energy(samples, block)
    np.testing.assert_allclose(energies, expected_energies, rtol=1e-4)
    np.testing.assert_allclose(levels, expected_levels, rtol=1e-4)


def test_summarise_equals_the_naive_twin():
    (now, levels), (then, _) = (dct_energy(picture(seed, 61, 83, 0, 255, np.uint8), 8) for seed in (4, 5))
    levels[0, 0] = -1e-3  # rounding may leave black a hair below nothing
    means = np.zeros(3)
    summarise(now, then, levels, means)
    assert (means[0] / 90, means[1] / 18, means[2]) == pytest.approx(naive_summary(now, then, levels), rel=1e-6)


@pytest.mark.parametrize("frames", [1, 2, 7, 40])
def test_pool_equals_the_naive_twin(frames):
    rng = np.random.default_rng(frames)
    rows = rng.gamma(2, 3, (frames, len(COMPLEXITY_COLUMNS))).astype(np.float32)
    # what takes turns, and what the film cannot tell
    rows[::2, COMPLEXITY_COLUMNS.index("si")] = np.nan
    rows[:, COMPLEXITY_COLUMNS.index("chroma_texture")] = np.nan
    across = [COMPLEXITY_COLUMNS.index(c) for c in ("temporal", "chroma_temporal", "ti", "inter_cost", "residual")]
    for found, expected in zip(astuple(pool(rows)), naive_pool(rows, across), strict=True):
        assert found == (expected and pytest.approx(expected, rel=1e-9))


def test_what_compares_two_frames_is_not_pooled_across_a_boundary():
    rows = np.ones((3, len(COMPLEXITY_COLUMNS)), np.float32)
    rows[0] = 100
    pooled = pool(rows)
    assert pooled.ti.mean == pooled.inter_cost.mean == 1
    assert pooled.texture.mean == pytest.approx(34)


def test_a_measure_that_no_frame_has_is_none():
    rows = np.ones((1, len(COMPLEXITY_COLUMNS)), np.float32)
    assert pool(rows).ti is None
    assert pool(rows).si.mean == 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("factor", "step"), [(1, 1), (2, 1), (4, 1), (8, 1), (8, 4), (16, 8)])
def test_shrink_equals_the_naive_twin(dtype, factor, step):
    high = 255 if dtype == np.uint8 else 1023
    samples = picture(7, 67, 136, 0, high, dtype)
    shape = (67 // factor, 131 // factor)
    small = np.zeros(shape, np.int16)
    scale = np.float32(16 * step / factor**2 / (1 if high == 255 else 4))
    box_downscale(samples.view(np.uint64), factor, step, high == 255, scale, np.zeros(80, np.uint64), small)
    expected = naive_box_downscale(samples[:, :131] / (1 if high == 255 else 4), factor, step)
    assert np.abs(small - expected).max() <= (0 if factor > 1 or high == 255 else 1)
