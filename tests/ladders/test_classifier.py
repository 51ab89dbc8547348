"""Shot classifiers: models on disk, their feature names, and the scores of the models that ship."""

import hashlib

import numpy as np
import pytest

from ladders.shots.classifier import BUNDLED_MODELS, Classifier, ModelError, model_digest
from ladders.shots.cuts import CUT_FEATURES
from ladders.shots.gradual.gradual_features import GRADUAL_FEATURES
from ladders.shots.scan import ShotParameters, scan
from shotladder_runtime.errors import ShotladderError
from tests.ladders.test_shots import scene, write_film

FEATURES = {"cut": CUT_FEATURES, "gradual": GRADUAL_FEATURES}


def make_classifier(names: tuple[str, ...] = ("a", "b"), units: int = 3) -> Classifier:
    rng = np.random.default_rng(1)
    count = len(names)
    centre, scale = rng.normal(size=count), rng.uniform(1, 2, count)
    return Classifier(names, centre, scale, rng.normal(size=(units, count + 1)), rng.normal(size=units + 1))


def test_score_equals_the_formula_of_the_network():
    classifier = make_classifier()
    x = (np.array([0.3, -0.7]) - classifier.centre) / classifier.scale
    hidden = [np.tanh(row[:2] @ x + row[2]) for row in classifier.hidden]
    logit = sum(w * h for w, h in zip(classifier.output[:-1], hidden, strict=True)) + classifier.output[-1]
    assert classifier.score({"b": -0.7, "a": 0.3}) == pytest.approx(1 / (1 + np.exp(-logit)))


def test_score_clips_features_to_six_standard_deviations():
    classifier = make_classifier(("a",))
    far, farther = (float(classifier.centre[0] + k * classifier.scale[0]) for k in (6.0, 600.0))
    assert classifier.score({"a": farther}) == pytest.approx(classifier.score({"a": far}), abs=1e-12)


@pytest.mark.parametrize("name", BUNDLED_MODELS)
def test_load_accepts_the_models_that_ship(name):
    classifier = Classifier.load(name, FEATURES[name])
    assert classifier.feature_names == FEATURES[name]
    assert len(classifier.hidden) == 5 * 24
    assert all(array.dtype == np.float64 for array in (classifier.hidden, classifier.output))


@pytest.mark.parametrize(
    ("name", "digest"),
    [("cut", "e2d9ba20811f052b"), ("gradual", "3b550c49028ddc5e")],
)
def test_load_returns_the_recorded_weights_to_the_last_bit(name, digest):
    # recorded when the weights were Python source; only a new training may change it
    classifier = Classifier.load(name, FEATURES[name])
    weights = np.concatenate([classifier.centre, classifier.scale, classifier.hidden.ravel(), classifier.output])
    assert hashlib.sha256(weights.tobytes()).hexdigest()[:16] == digest


def test_load_reads_what_save_wrote(tmp_path):
    classifier = make_classifier()
    classifier.save(tmp_path / "model.npz")
    loaded = Classifier.load(tmp_path / "model.npz", ("a", "b"))
    features = {"a": 0.1, "b": 0.2}
    assert loaded.score(features) == classifier.score(features)


def test_load_refuses_features_in_another_order(tmp_path):
    make_classifier(("b", "a")).save(tmp_path / "model.npz")
    with pytest.raises(ModelError, match=r"model\.npz: feature 0 is 'b', this version computes 'a'") as caught:
        Classifier.load(tmp_path / "model.npz", ("a", "b"))
    assert isinstance(caught.value, ShotladderError)


def test_load_refuses_another_number_of_features(tmp_path):
    make_classifier(("a",)).save(tmp_path / "model.npz")
    with pytest.raises(ModelError, match="1 features, this version computes 2"):
        Classifier.load(tmp_path / "model.npz", ("a", "b"))


def test_load_refuses_arrays_that_do_not_fit_together(tmp_path):
    arrays = dict.fromkeys(("centre", "scale", "hidden", "output"), np.zeros(2))
    np.savez(tmp_path / "model.npz", **arrays, feature_names=np.array(["a", "b"]))
    with pytest.raises(ModelError, match="hidden"):
        Classifier.load(tmp_path / "model.npz", ("a", "b"))


@pytest.mark.parametrize("content", [b"", b"no model", b"PK\x03\x04 broken"])
def test_load_refuses_a_file_that_is_no_model(tmp_path, content):
    (tmp_path / "model.npz").write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.npz: cannot be read"):
        Classifier.load(tmp_path / "model.npz", ("a", "b"))


def test_load_refuses_a_file_without_an_array(tmp_path):
    np.savez(tmp_path / "model.npz", centre=np.zeros(2))
    with pytest.raises(ModelError, match="no array 'scale'"):
        Classifier.load(tmp_path / "model.npz", ("a", "b"))


def test_load_and_model_digest_name_a_path_that_does_not_exist(tmp_path):
    for read in (lambda path: Classifier.load(path, ("a", "b")), model_digest):
        with pytest.raises(ModelError, match=r"gone\.npz"):
            read(tmp_path / "gone.npz")


def test_scan_uses_the_model_of_the_parameters(tmp_path):
    source = write_film(tmp_path / "source.mkv", np.concatenate([scene(1, 20), scene(2, 20)]))
    shipped = Classifier.load("cut", CUT_FEATURES)
    blind = Classifier(shipped.feature_names, shipped.centre, shipped.scale, shipped.hidden * 0, shipped.output * 0 - 9)
    blind.save(tmp_path / "blind.npz")
    assert [t.start for t in scan(source).transitions if t.score > 0.5] == [20]
    assert scan(source, parameters=ShotParameters(cut_model=tmp_path / "blind.npz")).transitions == ()
