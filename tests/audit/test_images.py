"""Audits of images: a list of files and labels, and features by a backbone."""

import csv
import io
import json

import keras
import numpy as np
import pytest

from tfp_noise.audit import backbones, command, comparison, data
from tfp_noise.audit.progress import Progress
from tfp_noise.audit.settings import Settings

COUNT = 12


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Dark and bright images in one folder, and a list of them."""
    path, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    with open(path / "index.csv", "w", newline="") as stream:
        rows = csv.writer(stream, delimiter=";")
        rows.writerow(["photo", "light"])
        for i in range(2 * COUNT):
            pixels = rng.integers(0, 80, [32, 32, 3]) + 170 * (i % 2)
            keras.utils.save_img(path / f"{i}.png", pixels, scale=False)
            rows.writerow([f"{i}.png", ["dark", "bright"][i % 2]])
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file of random weights of the smallest backbone."""
    path = tmp_path_factory.mktemp("weights") / "random.weights.h5"
    keras.utils.set_random_seed(0)
    keras.applications.MobileNet(include_top=False, weights=None, input_shape=(64, 64, 3)).save_weights(path)
    return path


@pytest.fixture(scope="module")
def backbone(weights):
    return backbones.load("MobileNet", str(weights))


def settings(photos, **others):
    index = {"csv": str(photos / "index.csv"), "file": "photo", "label": "light"}
    return Settings(images=str(photos), folds=2, epochs=2, **index | others)


def test_a_list_of_files_and_labels(photos):
    found = data.load(settings(photos))
    assert (found.class_names, found.features.shape) == (("bright", "dark"), (24, 32, 32, 3))
    assert found.title == f"{photos}, labelled by {photos / 'index.csv'}"
    means = {name: found.features[found.labels == k].mean() for k, name in enumerate(found.class_names)}
    assert means["dark"] < 0.25
    assert means["bright"] > 0.6
    assert found.ids[:2].tolist() == ["0.png", "1.png"]


def test_weights_that_keras_passes_over_are_missed(monkeypatch):
    """Keras warns only of layers in containers that a file of an earlier version does not have."""
    network = keras.Sequential([keras.Input([2]), keras.layers.Dense(3)])
    monkeypatch.setattr(network, "load_weights", lambda _: network.weights[0].assign(np.ones([2, 3])))
    with pytest.raises(ValueError, match=r"1 of 2 weights are not in it, such as '.*dense.*bias'"):
        backbones._load_weights(network, "old.weights.h5")


def test_the_backbones_own_preprocessing_is_applied(photos, weights, backbone):
    """The oracle is Keras's function on pixels from 0 to 255, and the network of `keras.applications` itself."""
    images = data.load(settings(photos, backbone="MobileNet", weights=str(weights))).features
    assert images.dtype == np.uint8
    network = keras.applications.MobileNet(include_top=False, weights=None, input_shape=(32, 32, 3), pooling="avg")
    network.load_weights(weights)
    expected = network(keras.applications.mobilenet.preprocess_input(images.astype(np.float32)), training=False)
    found = backbone.network(images.astype(np.float32) / 255)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_features_are_made_once(backbone, tmp_path, monkeypatch):
    monkeypatch.setattr(backbones, "_IMAGES_A_FILE", 16)
    images = np.random.default_rng(0).integers(0, 256, [20, 32, 32, 3]).astype(np.uint8)
    found = backbones.features(backbone.network, images, tmp_path, ())
    np.testing.assert_allclose(found, backbone.network(images / np.float32(255)), rtol=1e-4, atol=1e-5)
    (tmp_path / "16.npy").unlink()  # as after an interruption
    np.save(tmp_path / "0.npy", np.zeros_like(found[:16]))
    again = backbones.features(backbone.network, images, tmp_path, ())
    np.testing.assert_array_equal(again, np.concatenate([0 * found[:16], found[16:]]))


def test_the_model_takes_images(backbone, tmp_path):
    head = keras.Sequential([keras.Input([1024]), keras.layers.Dense(2, activation="softmax")])
    backbones.joined(backbone.network, head, (32, 32, 3)).save(tmp_path / "model.keras")
    images = np.random.default_rng(0).uniform(size=[2, 32, 32, 3])
    found = keras.models.load_model(tmp_path / "model.keras")(images)
    np.testing.assert_allclose(found, head(backbone.network(images)), rtol=1e-4)


@pytest.mark.torture
def test_an_audit_on_a_backbone(photos, weights, tmp_path, monkeypatch):
    for name in set(comparison.LOSSES) - {"CrossEntropy"}:
        monkeypatch.delitem(comparison.LOSSES, name)
    shown = io.StringIO()
    chosen = settings(photos, backbone="MobileNet", weights=str(weights))
    command.run(chosen, tmp_path / "out", Progress(shown, steps=7))
    assert "[2/7] features of each image by MobileNet" in shown.getvalue()
    assert "100% of all images" in shown.getvalue()
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["backbone"]["name"] == "MobileNet"
    assert summary["model"]["input_shape"] == [32, 32, 3]
    model = keras.models.load_model(tmp_path / "out" / "model.keras")
    images = data.load(settings(photos)).features
    assert model.predict(images, verbose=0).shape == (24, 2)


def test_tables_and_grey_images_have_no_backbone(photos, weights):
    examples = data.load(settings(photos))
    backbones.check_images(examples)
    for features in (examples.features[:, 0, 0], examples.features[..., :1]):
        with pytest.raises(ValueError, match=r"`--backbone` is for images in colour.*Received examples of shape"):
            backbones.check_images(data.AuditedData("x", features, examples.labels, examples.ids, ("a", "b")))
