"""Models come out of ffmpeg as libvmaf has them."""

import json

import numpy as np
import pytest

import vmaf
from vmaf import models
from vmaf.native import regression


def test_models_carry_the_digest_of_libvmafs_own_files():
    # sha256 of model/vmaf_v0.6.1.json in Netflix/vmaf since its version 2
    assert models.load("v0.6.1").digest == "5950d61fa1f861bd"


@pytest.mark.parametrize(
    ("name", "vectors", "limit", "rho"),
    [
        ("v0.6.1", 211, 100, -1.33133),
        ("neg", 211, 1, -1.33133),
        ("4k", 262, 100, -2.30449),
        ("4k-neg", 262, 1, -2.30449),
    ],
)
def test_models_are_recognised(name, vectors, limit, rho):
    model = models.load(name)
    assert len(model.members[0].weights) == vectors
    assert model.gain_limit == limit
    assert model.members[0].rho == pytest.approx(rho, abs=1e-5)


def test_bootstrap_model_has_twenty_companions():
    assert len(models.load("bootstrap").members) == 21


def test_first_version_models_are_there_for_libvmaf_only():
    for name in ("v1", "v1-phone", "v1-tv-4k"):
        assert models.load(name).version == models.aliases()[name]
        assert not models.load(name).is_native


@pytest.mark.parametrize(
    ("model", "device", "rows", "rate", "name"),
    [
        (None, None, 1080, 25, "vmaf_v0.6.1"),
        (None, None, 2160, 60, "vmaf_4k_v0.6.1"),
        (None, "phone", 2160, 25, "vmaf_v0.6.1:phone"),
        ("neg", None, 2160, 25, "neg"),
        ("neg", "tv-4k", 2160, 25, "vmaf_4k_v0.6.1neg"),
        ("v1", None, 1080, 25, "vmaf_v1.0.16_3d0h"),
        ("v1", None, 2160, 30, "vmaf_v1.0.16_1d5h_2160"),
        ("v1", "phone", 1080, 24, "vmaf_v1.0.16_5d0h"),
        ("v1", "tv-4k", 2160, 59.94, "vmaf_v1.0.16_hfr_1d5h_2160"),
        ("v1-tv-4k-3h", None, 2160, 60, "v1-tv-4k-3h"),
    ],
)
def test_model_is_chosen_by_screen_and_rate(model, device, rows, rate, name):
    assert models.choose(rows, model, device, rate) == name
    assert models.load(name)


def test_models_for_one_screen_take_no_device():
    with pytest.raises(vmaf.ModelError, match="one kind of screen"):
        models.choose(1080, "4k", "phone")
    with pytest.raises(vmaf.ModelError, match="unknown device"):
        models.choose(1080, None, "watch")


def test_unknown_model_is_refused_with_the_known_ones():
    with pytest.raises(vmaf.ModelError, match=r"v0\.6\.9.*known: .*4k"):
        models.load("v0.6.9")


def test_file_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "not.json").write_text(json.dumps({"model_dict": {"feature_names": []}}))
    for name in ("not.json", "missing.json"):
        with pytest.raises(vmaf.ModelError):
            models.load(str(tmp_path / name))


def test_four_k_model_has_no_phone_transform():
    with pytest.raises(vmaf.ModelError, match="no phone transform"):
        models.load("vmaf_4k_v0.6.1:phone")


def test_phone_never_scores_below_the_screen():
    rng = np.random.default_rng(0)
    features = np.column_stack([rng.uniform(0.5, 1, 50), rng.uniform(0, 20, 50), *rng.uniform(0.1, 1, (4, 50))])
    plain = regression.predict(models.load("v0.6.1"), features)
    assert (regression.predict(models.load("phone"), features) >= plain).all()


def test_score_of_a_frame_does_not_depend_on_its_company():
    rng = np.random.default_rng(1)
    features = rng.uniform(0.2, 1, (40, 6))
    together = regression.predict(models.load("v0.6.1"), features)
    alone = [regression.predict(models.load("v0.6.1"), row[None])[0] for row in features]
    assert together.tolist() == alone
