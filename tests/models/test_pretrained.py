"""Networks with weights from files: their outputs for an image, and errors."""

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format  # the format of the published files; nothing public writes it

import models
from models import pretrained

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype("float32")
APPLICATIONS = {
    "resnet50": (keras.applications.ResNet50, keras.applications.resnet50.preprocess_input),
    "mobilenet_v2": (keras.applications.MobileNetV2, keras.applications.mobilenet_v2.preprocess_input),
}
# Keras's published sizes, less their last layers of 1000 classes.
SIZES = {
    "resnet50": 25_636_712 - 2049 * 1000,
    "resnet101": 44_707_176 - 2049 * 1000,
    "mobilenet_v2": 3_538_984 - 1281 * 1000,
    "efficientnet_b7": 66_658_687 - 2561 * 1000,
}


@pytest.fixture(scope="module", params=APPLICATIONS)
def pretrained_file(request, tmp_path_factory):
    """A network's name, Keras's own one without its last layer in place of the trained one, and a file of its weights.

    Batch normalisation is not left trivial.
    """
    keras.utils.set_random_seed(0)
    build, _ = APPLICATIONS[request.param]
    reference = build(include_top=False, weights=None, input_shape=(32, 32, 3), pooling="avg")
    rng = np.random.default_rng(0)
    for layer in reference.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1, w.shape) for w in layer.get_weights()])
    path = tmp_path_factory.mktemp("weights") / f"{request.param}.h5"
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, reference)
    return request.param, reference, path


@pytest.mark.daily("mobilenet_v2")
def test_computes_what_keras_does_with_its_own_preprocessing(pretrained_file, monkeypatch):
    name, reference, path = pretrained_file
    monkeypatch.setenv(f"{name.upper()}_WEIGHTS", str(path))
    network = models.build(name, (32, 32, 3), 7)
    assert network.name == name
    assert network.output_shape == (None, 7)
    assert network.layers[-1].activation is keras.activations.linear
    features = keras.Model(network.input, network.layers[-1].input)
    expected = reference(APPLICATIONS[name][1](IMAGES.copy()))
    np.testing.assert_allclose(features(IMAGES / 255), expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
    assert all(layer.trainable for layer in network.layers)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.torture] * (name == "resnet101"))
        for name in sorted(SIZES.keys() - {"efficientnet_b7"})  # see the next test
    ],
)
@pytest.mark.daily("mobilenet_v2")
def test_has_the_published_size(name):
    inputs, features = pretrained._features(name, (32, 32, 3))
    assert features.count_params() == SIZES[name]
    assert inputs.shape == (None, 32, 32, 3)


@pytest.mark.thorough
def test_efficientnet_normalises_images_as_its_authors_do():
    """The numbers are those of the published file, which has deviations in place of variances."""
    inputs, features = pretrained._features("efficientnet_b7", (32, 32, 3))
    assert features.count_params() == SIZES["efficientnet_b7"]
    means, deviations = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    # By its type: its name counts the layers of this kind that the process has made.
    normalization = next(layer for layer in features.layers if isinstance(layer, keras.layers.Normalization))
    normalization.set_weights([means, deviations, np.array(0)])
    normalization.finalize_state()
    first = keras.Model(inputs, normalization.output)
    np.testing.assert_allclose(first(IMAGES / 255), (IMAGES / 255 - means) / deviations, atol=1e-5)
    assert features.get_layer("stem_conv_pad").input is normalization.output


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.daily("mobilenet_v2", "efficientnet_b7")
def test_is_found_where_keras_keeps_its_downloads(name, monkeypatch, tmp_path):
    """Names and folders must be those in Keras's source, which may change between versions."""
    asked = {}

    def get_file(fname, origin, **kwargs):
        asked.update(file=fname, url=origin)
        raise InterruptedError

    monkeypatch.setattr(keras.src.utils.file_utils, "get_file", get_file)
    application = pretrained._APPLICATIONS[name]
    monkeypatch.setattr(keras.src.models.Functional, "load_weights", lambda *args: None)
    if name != "efficientnet_b7":  # dear to build; its file is asked for by the same rule
        with pytest.raises(InterruptedError):
            application.build(include_top=False, weights="imagenet", input_shape=(224, 224, 3))
        assert asked == {"file": application.file, "url": application.folder + application.file}
    monkeypatch.delenv(f"{name.upper()}_WEIGHTS", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / application.file).touch()
    assert pretrained._weights_path(name) == tmp_path / "models" / application.file


@pytest.mark.parametrize("name", SIZES)
def test_missing_weights_are_refused_before_anything_is_built(name, monkeypatch, tmp_path):
    variable = f"{name.upper()}_WEIGHTS"
    monkeypatch.setenv(variable, str(tmp_path / "none.h5"))
    with pytest.raises(FileNotFoundError, match=rf"(?s)Looked for .*none.h5.*set {variable} to.*resnet50_untrained"):
        models.build(name, (32, 32, 3), 7)


@pytest.mark.parametrize("content", ["damaged", "other"])
def test_other_files_are_refused(content, monkeypatch, tmp_path):
    path = tmp_path / "weights.h5"
    if content == "damaged":
        path.write_bytes(b"no weights")
    else:
        small = keras.Sequential([keras.Input([2]), keras.layers.Dense(2)])
        with h5py.File(path, "w") as file:
            legacy_h5_format.save_weights_to_hdf5_group(file, small)
    monkeypatch.setenv("RESNET50_WEIGHTS", str(path))
    with pytest.raises(ValueError, match="must hold the ImageNet weights of Keras's ResNet50 without its last layer"):
        models.build("resnet50", (32, 32, 3), 7)


def test_grey_images_are_refused():
    with pytest.raises(ValueError, match=r"'resnet50' must have three channels. Received: \(32, 32, 1\)"):
        models.build("resnet50_untrained", (32, 32, 1), 7)


@pytest.mark.thorough
def test_is_rebuilt_without_custom_objects():
    """The condition for saving and cloning, tested without writing the 94 MB of a network."""
    network = models.build("resnet50_untrained", (32, 32, 3), 7)
    rebuilt = keras.models.model_from_json(network.to_json(), custom_objects={})
    rebuilt.set_weights(network.get_weights())
    np.testing.assert_array_equal(rebuilt(IMAGES / 255), network(IMAGES / 255))
