"""ResNet-50 from a file of weights: what it computes of an image, and what it refuses."""

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format  # the format of the published file; nothing public writes it

import models
from models import resnet50

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype("float32")


@pytest.fixture(scope="module")
def reference():
    """Keras's own, without its last layer, in place of the trained one; batch normalisation is not left trivial."""
    keras.utils.set_random_seed(0)
    network = keras.applications.ResNet50(include_top=False, weights=None, input_shape=(32, 32, 3), pooling="avg")
    rng = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1, w.shape) for w in layer.get_weights()])
    return network


@pytest.fixture(scope="module")
def weights(reference, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "resnet50.h5"
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, reference)
    return path


def test_computes_what_keras_does_with_its_own_preprocessing(reference, weights, monkeypatch):
    monkeypatch.setenv(resnet50.WEIGHTS, str(weights))
    network = models.build("resnet50", (32, 32, 3), 7)
    assert network.output_shape == (None, 7)
    assert network.layers[-1].activation is keras.activations.linear
    features = keras.Model(network.input, network.layers[-1].input)
    expected = reference(keras.applications.resnet50.preprocess_input(IMAGES.copy()))
    np.testing.assert_allclose(features(IMAGES / 255), expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
    assert all(layer.trainable for layer in network.layers)


def test_is_found_where_keras_keeps_its_downloads(weights, monkeypatch, tmp_path):
    monkeypatch.delenv(resnet50.WEIGHTS, raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5").symlink_to(weights)
    assert resnet50._weights_path().samefile(weights)


def test_missing_weights_are_refused_before_anything_is_built(monkeypatch, tmp_path):
    monkeypatch.setenv(resnet50.WEIGHTS, str(tmp_path / "none.h5"))
    with pytest.raises(FileNotFoundError, match=r"(?s)Looked for .*none.h5.*set RESNET50_WEIGHTS.*resnet50_untrained"):
        models.build("resnet50", (32, 32, 3), 7)


@pytest.mark.parametrize("content", ["damaged", "other"])
def test_other_files_are_refused(content, monkeypatch, tmp_path):
    path = tmp_path / "weights.h5"
    if content == "damaged":
        path.write_bytes(b"no weights")
    else:
        small = keras.Sequential([keras.Input([2]), keras.layers.Dense(2)])
        with h5py.File(path, "w") as file:
            legacy_h5_format.save_weights_to_hdf5_group(file, small)
    monkeypatch.setenv(resnet50.WEIGHTS, str(path))
    with pytest.raises(ValueError, match="must hold the ImageNet weights of Keras's ResNet50 without its last layer"):
        models.build("resnet50", (32, 32, 3), 7)


def test_grey_images_are_refused():
    with pytest.raises(ValueError, match=r"must have three channels. Received: \(32, 32, 1\)"):
        models.build("resnet50_untrained", (32, 32, 1), 7)


def test_is_rebuilt_without_custom_objects():
    """What saving and cloning rest on, without the 94 MB of a saved network."""
    network = models.build("resnet50_untrained", (32, 32, 3), 7)
    rebuilt = keras.models.model_from_json(network.to_json(), custom_objects={})
    rebuilt.set_weights(network.get_weights())
    np.testing.assert_array_equal(rebuilt(IMAGES / 255), network(IMAGES / 255))
