"""Every network: parameters, shapes, saving and cloning by plain Keras, and errors."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

import models
from tests.models import test_pretrained

# name: (input shape, trainable parameters at 10 outputs). The counts are worked out by hand or are the published ones,
# so that a layer too many, a bias or another shortcut shows.
NETWORKS = {
    "digits_cnn": ((8, 8, 1), 160 + 9280 + (3 * 3 * 64 + 1) * 128 + 1290),
    "lenet5": ((28, 28, 1), 61_706),
    "lenet5_same": ((28, 28, 1), 156 + 2416 + 48_120 + 494_004 + 850),
    "mlp": ((2,), 3 * 2000 + 2001 * 2000 + 2001 * 10),
    "alexnet": ((32, 32, 3), 2_472_266),
    "resnet8": ((32, 32, 3), 75_290),
    "resnet20": ((32, 32, 3), 269_722),
    "resnet32": ((32, 32, 3), 464_154),
    "resnet56": ((32, 32, 3), 853_018),
    "resnet74": ((32, 32, 3), 853_018 + 3 * (1 + 4 + 16) * (2 * 9 * 16**2) + 3 * 4 * (16 + 32 + 64)),
    "resnet110": ((32, 32, 3), 1_727_962),
    "resnet29": ((32, 32, 3), 313_114),
    "resnet18": ((32, 32, 3), 11_173_962),
    "resnet18_untrained": ((224, 224, 3), 11_689_512 - 990 * 513),  # 11,689,512 at 1000 outputs, 512 features
    "resnet34": ((32, 32, 3), 21_282_122),
    "resnet50_small": ((32, 32, 3), 23_520_842),
    "resnet101_small": ((32, 32, 3), 44_131_080 - (8192 * 200 + 200) + (2048 * 10 + 10)),
    "resnext29_2x64d": ((32, 32, 3), 9_128_778),
    "resnext29_32x4d": ((32, 32, 3), 4_774_218),
    "resnet50_untrained": ((32, 32, 3), 25_583_592 - 990 * 2049),
    "resnet101_untrained": ((32, 32, 3), 44_601_832 - 990 * 2049),
    "resnet50v2": ((32, 32, 3), 25_568_360 - 990 * 2049),  # 25,568,360 at 1000 outputs, 2048 features
    "wrn28_2": ((32, 32, 3), 1_467_610),
}
FAST = ["alexnet", "digits_cnn", "lenet5", "lenet5_same", "mlp", "resnet8", "resnet29", "wrn28_2"]  # deeper: the same
# More of what resnet20, resnet18 and resnet50 have.
DEEP = ["resnet32", "resnet56", "resnet74", "resnet110", "resnet34", "resnet101_small", "resnet101_untrained"]


@functools.cache
def built(name):
    """One network for all tests that leave it as it is: most of the time is that of building it."""
    return models.build(name, NETWORKS[name][0], 10)


def example(shape, size=3):
    return np.random.default_rng(0).normal(size=(size, *shape)).astype("float32")


def test_every_network_is_under_test():
    assert models.names() == sorted([*NETWORKS, *test_pretrained.SIZES])


@pytest.mark.parametrize(
    ("name", "shape", "parameters"),
    [
        pytest.param(name, *rest, marks=[pytest.mark.torture] if name in DEEP else [], id=name)
        for name, rest in NETWORKS.items()
    ],
)
@pytest.mark.daily(
    "digits_cnn", "lenet5", "lenet5_same", "mlp", "alexnet", "resnet8", "resnet20", "resnet29", "resnet18", "wrn28_2"
)
def test_size_and_shape(name, shape, parameters):
    network = built(name)
    assert sum(int(np.prod(weight.shape)) for weight in network.trainable_weights) == parameters
    assert network.name == name
    assert network.input_shape == (None, *shape)
    assert network.output_shape == (None, 10)


@pytest.mark.parametrize("name", [*FAST, "resnet50v2"])
@pytest.mark.daily(*FAST)
def test_outputs_are_linear(name):
    last = built(name).layers[-1]
    assert isinstance(last, keras.layers.Dense)
    assert last.activation is keras.activations.linear
    assert last.units == 10


@pytest.mark.parametrize("name", FAST)
@pytest.mark.daily("mlp", "resnet29")
def test_saves_and_clones_without_custom_objects(name, tmp_path):
    shape = NETWORKS[name][0]
    network = built(name)
    expected = network(example(shape))
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras", custom_objects={})
    np.testing.assert_array_equal(loaded(example(shape)), expected)
    clone = keras.models.clone_model(network)
    assert np.abs(clone(example(shape)) - expected).max() > 0
    clone.set_weights(network.get_weights())
    np.testing.assert_array_equal(clone(example(shape)), expected)


@pytest.mark.parametrize("name", [*FAST, "resnet50v2"])
@pytest.mark.daily("resnet29", "mlp")
def test_follows_the_global_dtype_policy(name):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = models.build(name, NETWORKS[name][0], 10)
    finally:
        keras.config.set_dtype_policy(before)
    assert network.layers[-1].compute_dtype == "bfloat16"
    assert network.layers[-1].variable_dtype == "float32"
    assert keras.backend.standardize_dtype(network(example(NETWORKS[name][0])).dtype) == "bfloat16"


def test_resnet_shortcut_subsamples_and_pads_with_zeros():
    network = models.build("resnet8", (8, 8, 3), 10)
    adds = [layer for layer in network.layers if isinstance(layer, keras.layers.Add)]
    stage_end, shortcut = adds[0].output, adds[1].input[0]
    # The ReLU between the first stage and the shortcut belongs to the block.
    before, after = keras.Model(network.input, [stage_end, shortcut])(example((8, 8, 3)))
    before, after = np.maximum(before, 0), np.asarray(after)
    np.testing.assert_array_equal(after[..., :16], before[:, ::2, ::2])
    np.testing.assert_array_equal(after[..., 16:], 0)
    assert after.shape[-1] == 32


def test_resnet18_has_the_published_size_at_64_pixels():
    """The trainable parameters that the learnable-smoothing paper gives in Table 9 for 200 classes."""
    network = models.build("resnet18", (64, 64, 3), 200)
    assert sum(int(np.prod(weight.shape)) for weight in network.trainable_weights) == 11_578_632


@pytest.mark.parametrize(("name", "groups"), [("resnext29_2x64d", 2), ("resnext29_32x4d", 32)])
@pytest.mark.daily("resnext29_32x4d-32")
def test_resnext_groups_its_convolutions(name, groups):
    """A change of one input channel changes only the outputs of its group; gradients work on CPUs."""
    network = models.build(name, (8, 8, 3), 10)
    convolution = next(layer for layer in network.layers if getattr(layer, "groups", 1) > 1)
    channels = convolution.input.shape[-1]
    images = np.zeros((2, 8, 8, channels), "float32")
    images[1, ..., 0] = 1
    still, moved = convolution(images).numpy()
    np.testing.assert_array_equal((moved != still).any(axis=(0, 1)), np.arange(channels) < channels // groups)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(convolution(images) ** 2)
    gradient = tape.gradient(loss, convolution.kernel.value)
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() > 0


def test_resnet18_for_large_images_halves_them_five_times():
    """He et al. 2015, Table 1: 112 after the first convolution, 56 after the pooling, 7 at the end."""
    network = models.build("resnet18_untrained", (224, 224, 3), 10)
    kinds = keras.layers.Conv2D, keras.layers.MaxPooling2D
    stem, pooling = (next(layer for layer in network.layers if isinstance(layer, kind)) for kind in kinds)
    assert (stem.kernel.shape, stem.output.shape[1:]) == ((7, 7, 3, 64), (112, 112, 64))
    assert (pooling.pool_size, pooling.output.shape[1:]) == ((3, 3), (56, 56, 64))
    adds = [layer.output.shape[1:] for layer in network.layers if isinstance(layer, keras.layers.Add)]
    assert adds[1::2] == [(56, 56, 64), (28, 28, 128), (14, 14, 256), (7, 7, 512)]


def test_shortcuts_are_projections_only_where_the_shape_changes():
    network = built("resnet29")
    adds = [layer for layer in network.layers if isinstance(layer, keras.layers.Add)]
    projected = [isinstance(layer.input[0]._keras_history.operation, keras.layers.BatchNormalization) for layer in adds]
    assert projected == [True, False, False] * 3
    assert [layer.output.shape[1:] for layer in adds[2::3]] == [(32, 32, 64), (16, 16, 128), (8, 8, 256)]


def test_resnet50v2_has_the_published_size():
    network = models.build("resnet50v2", (224, 224, 3), 1000)
    assert network.count_params() == 25_613_800  # the moving statistics with them


@pytest.mark.thorough
def test_resnet50v2_is_rebuilt_without_custom_objects():
    """The condition for saving and cloning, tested without writing the 94 MB of a network."""
    network = built("resnet50v2")
    rebuilt = keras.models.model_from_json(network.to_json(), custom_objects={})
    rebuilt.set_weights(network.get_weights())
    np.testing.assert_array_equal(rebuilt(example((32, 32, 3))), network(example((32, 32, 3))))


@pytest.mark.thorough
def test_digits_cnn_learns_digits():
    from sklearn.datasets import load_digits

    digits = load_digits()
    images, labels = digits.images[..., None].astype("float32") / 16, digits.target
    order = np.random.default_rng(0).permutation(len(labels))
    train, test = order[:1300], order[1300:]
    keras.utils.set_random_seed(0)
    network = models.build("digits_cnn", (8, 8, 1), 10)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(3e-3), loss, steps_per_execution=20, jit_compile=False)
    network.fit(images[train], labels[train], batch_size=64, epochs=8, verbose=0)
    assert np.mean(network.predict(images[test], verbose=0).argmax(1) == labels[test]) > 0.96


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("resnet33", (32, 32, 3), "Unknown model: 'resnet33'. Did you mean 'resnet34' or 'resnet32'"),
        ("lenet5", (28, 28), r"must be \(height, width, channels\). Received: \(28, 28\). Give the features a channel"),
        ("lenet5", (1, 28, 28, 1), "Leave the batch axis out"),
        ("resnet20", (784,), "use the model 'mlp'"),
        ("resnet18", (24, 28, 3), r"at least 25 high and wide. Received: \(24, 28, 3\)"),
        ("lenet5", (11, 28, 1), r"at least 12 high and wide. Received: \(11, 28, 1\)"),
        ("wrn28_2", (3, 32, 32), "channels come last"),
        ("resnet50v2", (32, 31, 3), r"at least 32 high and wide. Received: \(32, 31, 3\)"),
        ("digits_cnn", (8, 0, 1), r"`input_shape\[1\]` must be at least 1. Received: 0"),
        ("mlp", (), "at least one size"),
        ("mlp", 2, r"must be a tuple: .* Received: 2. For 2 features pass \(2,\)"),
    ],
)
def test_refuses_what_it_cannot_build(name, shape, message):
    with pytest.raises(ValueError, match=message):
        models.build(name, shape, 10)


@pytest.mark.parametrize(
    ("shape", "outputs", "error", "argument"),
    [
        ((2,), 0, ValueError, "`num_outputs`"),
        ((2,), 2.0, TypeError, "`num_outputs`"),
        ((2.0,), 2, TypeError, r"`input_shape\[0\]`"),
    ],
)
def test_refuses_wrong_numbers(shape, outputs, error, argument):
    with pytest.raises(error, match=argument):
        models.build("mlp", shape, outputs)


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("alexnet", 4),
        ("alexnet", 28),
        ("lenet5", 12),
        ("lenet5_same", 4),
        ("digits_cnn", 4),
        ("resnet8", 4),
        ("resnet18", 25),
        ("resnet18_untrained", 32),
        ("resnet29", 4),
        ("resnet50v2", 32),
    ],
)
@pytest.mark.daily(
    "resnet18-25", "resnet29-4", "resnet8-4", "alexnet-4", "alexnet-28", "lenet5-12", "lenet5_same-4", "digits_cnn-4"
)
def test_the_smallest_image_works(name, side):
    assert models.build(name, (side, side, 1), 2)(example((side, side, 1))).shape == (3, 2)
