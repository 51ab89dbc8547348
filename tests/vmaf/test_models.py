"""Models: found in ffmpeg, chosen for a display, read from files."""

import json

import numpy as np
import pytest

import vmaf
from shotladder_runtime.tools import ffmpeg_path
from vmaf import models
from vmaf.native import regression


def test_load_gives_the_digest_of_libvmafs_own_file():
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
def test_load_recognises_models_in_ffmpeg(name, vectors, limit, rho):
    model = models.load(name)
    assert len(model.members[0].weights) == vectors
    assert model.gain_limit == limit
    assert model.members[0].rho == pytest.approx(rho, abs=1e-5)


def test_load_gives_bootstrap_model_twenty_further_members():
    assert len(models.load("bootstrap").members) == 21


def test_load_marks_version_1_models_as_not_native():
    for name in ("v1", "v1-phone", "v1-tv-4k"):
        assert models.load(name).version == models.model_aliases()[name]
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
def test_choose_model_selects_by_device_and_frame_rate(model, device, rows, rate, name):
    assert models.choose_model(rows, model, device, rate) == name
    assert models.load(name)


def test_choose_model_rejects_device_with_model_for_one_screen():
    with pytest.raises(vmaf.ModelError, match="one kind of screen"):
        models.choose_model(1080, "4k", "phone")
    with pytest.raises(vmaf.ModelError, match="unknown device"):
        models.choose_model(1080, None, "watch")


def test_load_rejects_unknown_model_and_lists_known_ones():
    with pytest.raises(vmaf.ModelError, match=r"v0\.6\.9.*known: .*4k"):
        models.load("v0.6.9")


def test_load_rejects_file_that_is_no_model(tmp_path):
    for name, text in {"empty.json": "", "list.json": "[]", "bag.json": '{"0": {}}'}.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(vmaf.ModelFileError, match=name):
            models.load(str(tmp_path / name))
    for name in ("missing.json",):
        with pytest.raises(vmaf.ModelError):
            models.load(str(tmp_path / name))


@pytest.mark.parametrize(
    ("change", "location", "problem"),
    [
        (lambda d: d.pop("norm_type"), r"\$\.model_dict", "missing required field `norm_type`"),
        (lambda d: d.update(feature_names=[]), r"\$\.model_dict\.feature_names", "length >= 1"),
        (lambda d: d["slopes"].pop(), r"\$\.model_dict\.slopes", "expected 7 numbers, found 6"),
        (lambda d: d["intercepts"].__setitem__(0, float("nan")), r"\$\.model_dict\.intercepts", "finite"),
        (lambda d: d["slopes"].__setitem__(2, "x"), r"\$\.model_dict\.slopes\[2\]", "expected `float`, got `str`"),
        (lambda d: d.update(model="SV\n1 1:0.5"), r"\$\.model_dict\.model", "not a regression of libsvm: 'gamma'"),
        (
            lambda d: d.update(model=d["model"].replace(" 1:", " 9:")),
            r"\$\.model_dict\.model",
            "support vector 0 has a feature 9",
        ),
    ],
)
def test_load_names_file_and_location_of_a_fault(tmp_path, change, location, problem):
    document = json.loads(models.embedded_models(ffmpeg_path())["vmaf_v0.6.1"])
    change(document["model_dict"])
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(document))
    with pytest.raises(vmaf.ModelFileError, match=f"changed.json: {location}: .*{problem}"):
        models.load(str(path))


def test_load_names_a_member_that_a_bagged_model_lacks(tmp_path):
    member = json.loads(models.embedded_models(ffmpeg_path())["vmaf_v0.6.1"])
    path = tmp_path / "bag.json"
    path.write_text(json.dumps({"0": member, "2": member}))
    with pytest.raises(vmaf.ModelFileError, match=r"bag\.json: .*member 1 of the bagged model is missing"):
        models.load(str(path))


def test_load_reads_a_copy_of_a_model_from_a_file(tmp_path):
    path = tmp_path / "copy.json"
    path.write_text(models.embedded_models(ffmpeg_path())["vmaf_v0.6.1"])
    assert models.load(str(path)).digest == models.load("v0.6.1").digest


def test_load_rejects_file_above_the_size_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(models, "MAX_FILE_SIZE", 10)
    (tmp_path / "large.json").write_text("{}" + " " * 9)
    with pytest.raises(vmaf.ModelFileError, match="has 11 bytes; a VMAF model has at most 10"):
        models.load(str(tmp_path / "large.json"))


def test_load_rejects_phone_transform_of_4k_model():
    with pytest.raises(vmaf.ModelError, match="no phone transform"):
        models.load("vmaf_4k_v0.6.1:phone")


def test_predict_with_phone_transform_is_never_below_plain_score():
    rng = np.random.default_rng(0)
    features = np.column_stack([rng.uniform(0.5, 1, 50), rng.uniform(0, 20, 50), *rng.uniform(0.1, 1, (4, 50))])
    plain = regression.predict(models.load("v0.6.1"), features)
    assert (regression.predict(models.load("phone"), features) >= plain).all()


def test_predict_does_not_depend_on_the_other_frames():
    rng = np.random.default_rng(1)
    features = rng.uniform(0.2, 1, (40, 6))
    together = regression.predict(models.load("v0.6.1"), features)
    alone = [regression.predict(models.load("v0.6.1"), row[None])[0] for row in features]
    assert together.tolist() == alone
