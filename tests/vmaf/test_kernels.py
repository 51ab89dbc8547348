"""The kernels and their reference implementations in tests/naive give equal values."""

import numpy as np
import pytest

from tests.naive import scores
from vmaf.native.distorted import DistortedMeasurement
from vmaf.native.psnr_ssim import psnr, ssim
from vmaf.native.reference import Geometry, Reference, Scratch

SIZES = [(48, 64, 8), (33, 34, 8), (71, 130, 8), (50, 67, 8), (61, 53, 10)]


def textured_pair(textured, worsened, height, width, depth, frames=1):
    reference = textured(height * width, frames, height, width, depth)
    return reference, worsened(reference)


def measure(reference, rendition, depth, limit=100, neg=False):
    geometry = Geometry(reference.shape[1], reference.shape[0], depth)
    scratch = Scratch(geometry)
    prepared = Reference(geometry)
    prepared.fill(reference)
    prepared.prepare(scratch)
    return DistortedMeasurement(geometry, limit, neg=neg).features(prepared, rendition, scratch), prepared


@pytest.mark.parametrize(("height", "width", "depth"), SIZES)
def test_features_equal_reference_implementation_of_vif(textured, worsened, height, width, depth):
    (r, *_), (d, *_) = textured_pair(textured, worsened, height, width, depth)
    features, prepared = measure(r, d, depth)
    pairs = scores.vmaf_vif(r.astype(np.int64), d.astype(np.int64), depth)
    assert prepared.vif_denominators == [float(there) for _, there in pairs]
    assert features[0, 1:].tolist() == [float(kept / there) for kept, there in pairs]


@pytest.mark.parametrize(("height", "width", "depth"), SIZES)
def test_features_equal_reference_implementation_of_adm(textured, worsened, height, width, depth):
    (r, *_), (d, *_) = textured_pair(textured, worsened, height, width, depth)
    features, prepared = measure(r, d, depth)
    pairs = scores.vmaf_adm(r.astype(np.int64), d.astype(np.int64), depth)
    assert prepared.adm_denominators == [there for _, there in pairs]
    assert features[0, 0] == sum(kept for kept, _ in pairs) / sum(there for _, there in pairs)


@pytest.mark.parametrize(("height", "width", "depth"), SIZES)
def test_features_of_neg_equal_reference_implementation_with_gain_limit_1(textured, worsened, height, width, depth):
    (r, *_), _ = textured_pair(textured, worsened, height, width, depth)
    # more contrast than the reference has is what NEG does not pay for
    top = 2**depth - 1
    d = np.clip((r.astype(float) - top / 2) * 1.3 + top / 2, 0, top).astype(r.dtype)
    features, _ = measure(r, d, depth, neg=True)
    wide = [x.astype(np.int64) for x in (r, d)]
    assert features[1, 1:].tolist() == [float(k / t) for k, t in scores.vmaf_vif(*wide, depth, limit=1.0)]
    pairs = scores.vmaf_adm(*wide, depth, limit=1)
    assert features[1, 0] == sum(kept for kept, _ in pairs) / sum(there for _, there in pairs)
    assert features[0, 0] > features[1, 0]


@pytest.mark.parametrize(("height", "width", "depth"), SIZES)
def test_motion_from_equals_reference_implementation(textured, height, width, depth):
    frames = textured(3, 2, height, width, depth)
    geometry = Geometry(width, height, depth)
    scratch = Scratch(geometry)
    before, after = Reference(geometry), Reference(geometry)
    before.fill(frames[0])
    after.fill(frames[1])
    wide = frames.astype(np.int64)
    assert after.motion_from(before, scratch) == scores.vmaf_motion(wide[0], wide[1], depth)


def test_features_do_not_depend_on_the_frame_measured_before(textured, worsened):
    first, second = textured(1, 2, 50, 67)
    geometry = Geometry(67, 50, 8)
    scratch, prepared, comparison = (
        Scratch(geometry),
        Reference(geometry),
        DistortedMeasurement(geometry, 100, neg=False),
    )
    prepared.fill(second)
    prepared.prepare(scratch)
    fresh = comparison.features(prepared, worsened(second[None])[0], scratch).copy()
    prepared.fill(first)
    prepared.prepare(scratch)
    comparison.features(prepared, second, scratch)
    prepared.fill(second)
    prepared.prepare(scratch)
    assert (comparison.features(prepared, worsened(second[None])[0], scratch) == fresh).all()


def test_features_of_flat_frames_are_1():
    flat = np.full((40, 48), 90, np.uint8)
    features, _ = measure(flat, flat, 8)
    assert features.tolist() == [[1.0] * 5]


@pytest.mark.parametrize(("height", "width", "depth"), [*SIZES, (17, 21, 12)])
def test_psnr_and_ssim_equal_reference_implementations(textured, worsened, height, width, depth):
    (r, *_), (d, *_) = textured_pair(textured, worsened, height, width, depth)
    assert psnr(r, d, depth) == pytest.approx(scores.psnr(r, d, depth), rel=1e-12)
    assert ssim(r, d, depth) == pytest.approx(scores.ssim(r, d, depth), abs=1e-6)


def test_psnr_of_equal_planes_is_infinite_and_ssim_1():
    plane = np.arange(400, dtype=np.uint8).reshape(20, 20)
    assert psnr(plane, plane, 8) == np.inf
    assert ssim(plane, plane, 8) == 1.0
