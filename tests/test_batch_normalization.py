"""Fused batch normalisation beside Keras's own layer, mostly in float64."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import models
from tfp_noise import NoisyLabelClassifier, losses
from tfp_noise._batch_normalization import BatchNormalization

SHAPE = (4, 3, 5, 6)
ARGUMENTS = {"momentum": 0.8, "epsilon": 1e-3}
rng = np.random.default_rng(0)
WEIGHTS = [rng.uniform(0.5, 2.0, 6), rng.normal(size=6), rng.normal(size=6), rng.uniform(0.5, 2.0, 6)]
INPUTS, FACTORS = rng.normal(3.0, 2.0, SHAPE), rng.normal(size=SHAPE)


def made(kind, dtype, inputs=INPUTS, **arguments):
    layer = kind(dtype=dtype, **ARGUMENTS, **arguments)
    layer.build(inputs.shape)
    layer.set_weights(WEIGHTS[: len(layer.weights)])
    return layer


def trained(layer, inputs=INPUTS, compiled=None):
    """Outputs, gradients of inputs and weights, and running averages, after a step in training mode."""

    def step(inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs, training=True)
            value = tf.reduce_sum(tf.cast(outputs, inputs.dtype) * tf.cast(FACTORS, inputs.dtype))
        return outputs, tape.gradient(value, [inputs, *(weight.value for weight in layer.trainable_weights)])

    step = step if compiled is None else tf.function(step, jit_compile=compiled)
    outputs, gradients = step(tf.constant(inputs, layer.variable_dtype))
    found = [outputs, *gradients, *(weight.value for weight in layer.non_trainable_weights)]
    return [np.asarray(tf.cast(one, "float64")) for one in found]


def is_fused(layer, shape=(None, *SHAPE[1:]), dtype="float32"):
    call = tf.function(lambda x: layer(x, training=True)).get_concrete_function(tf.TensorSpec(shape, dtype))
    return "FusedBatchNormV3" in {operation.type for operation in call.graph.get_operations()}


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 2e-5), ("mixed_bfloat16", 0.05), ("mixed_float16", 0.01)])
@pytest.mark.parametrize("compiled", [None, False, True], ids=["eager", "graph", "XLA"])
def test_a_step_is_that_of_keras(dtype, tolerance, compiled):
    found = trained(made(BatchNormalization, dtype), compiled=compiled)
    expected = trained(made(keras.layers.BatchNormalization, "float64"))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance * np.abs(other).max())
    assert is_fused(made(BatchNormalization, dtype))


def test_running_averages_are_those_of_the_biased_variance():
    """NumPy's formula; the operation itself returns the variance over n - 1."""
    layer = made(BatchNormalization, "float32")
    layer(INPUTS, training=True)
    mean, variance = INPUTS.mean((0, 1, 2)), INPUTS.var((0, 1, 2))
    np.testing.assert_allclose(layer.moving_mean, 0.8 * WEIGHTS[2] + 0.2 * mean, rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, 0.8 * WEIGHTS[3] + 0.2 * variance, rtol=1e-5)


def test_one_value_a_channel_has_no_variance():
    inputs = INPUTS[:1, :1, :1]
    layer = made(BatchNormalization, "float32", inputs)
    np.testing.assert_allclose(layer(inputs, training=True), np.broadcast_to(WEIGHTS[1], inputs.shape), rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, 0.8 * WEIGHTS[3], rtol=1e-5)


def test_gradients_have_gradients():
    """Learning to reweight takes them. Keras's are wrong: its variance takes the mean for a constant."""

    def formula(x):
        scale, offset = WEIGHTS[:2]
        mean = tf.reduce_mean(x, [0, 1, 2])
        variance = tf.reduce_mean((x - mean) ** 2, [0, 1, 2])
        return scale * (x - mean) / tf.sqrt(variance + ARGUMENTS["epsilon"]) + offset

    def second(function, dtype):
        inputs, factors = tf.constant(INPUTS, dtype), tf.constant(FACTORS, dtype)
        with tf.GradientTape() as outer:
            outer.watch(inputs)
            with tf.GradientTape() as inner:
                inner.watch(inputs)
                value = tf.reduce_sum(factors * function(inputs) ** 3)
            slope = tf.reduce_sum(factors * inner.gradient(value, inputs))
        return outer.gradient(slope, inputs).numpy()

    layer = made(BatchNormalization, "float32")
    expected = second(formula, "float64")
    found = second(lambda x: layer(x, training=True), "float32")
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_prediction_uses_running_averages_by_keras_own_operation():
    layer, keras_own = made(BatchNormalization, "float32"), made(keras.layers.BatchNormalization, "float32")
    np.testing.assert_array_equal(layer(INPUTS, training=False), keras_own(INPUTS, training=False))
    layer.trainable = keras_own.trainable = False
    np.testing.assert_array_equal(layer(INPUTS, training=True), keras_own(INPUTS, training=True))


@pytest.mark.parametrize(
    ("arguments", "shape", "dtype"),
    [
        ({"axis": 1}, SHAPE, "float32"),
        ({"center": False}, SHAPE, "float32"),
        ({"scale": False}, SHAPE, "float32"),
        ({"renorm": True}, SHAPE, "float32"),
        ({"synchronized": True}, SHAPE, "float32"),
        ({}, (4, 6), "float32"),
        ({}, (4, 5, 6), "float32"),
        ({}, SHAPE, "float64"),
    ],
)
def test_the_operation_is_left_out_where_it_does_not_know_enough(arguments, shape, dtype):
    inputs = INPUTS.ravel()[: np.prod(shape)].reshape(shape).astype(dtype)
    layers = [kind(dtype=dtype, **arguments) for kind in (BatchNormalization, keras.layers.BatchNormalization)]
    outputs = [layer(inputs, training=True) for layer in layers]
    np.testing.assert_array_equal(*outputs)
    assert not is_fused(layers[0], shape, dtype)


def test_a_mask_is_left_to_keras():
    mask = np.arange(60).reshape(SHAPE[:3]) % 3 > 0
    ours, keras_own = made(BatchNormalization, "float32"), made(keras.layers.BatchNormalization, "float32")
    x = INPUTS.astype("float32")
    np.testing.assert_array_equal(ours(x, training=True, mask=mask), keras_own(x, training=True, mask=mask))


def test_names_and_files_of_weights_are_those_of_keras(tmp_path):
    layers = BatchNormalization, keras.layers.BatchNormalization
    networks = [keras.Sequential([keras.Input(SHAPE[1:]), kind(**ARGUMENTS)]) for kind in layers]
    networks[0].layers[0].set_weights(WEIGHTS)
    networks[0].save_weights(tmp_path / "ours.weights.h5")
    networks[1].load_weights(tmp_path / "ours.weights.h5")
    for found, expected in zip(networks[1].get_weights(), WEIGHTS, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert [weight.name for weight in networks[0].weights] == [weight.name for weight in networks[1].weights]


def test_a_deployed_network_has_the_layer_of_keras():
    """Beside an operation, as residual networks have one."""
    inputs = keras.Input(SHAPE[1:])
    normalised = BatchNormalization()(inputs)
    x = keras.layers.Flatten()(keras.ops.pad(normalised, [[0, 0], [0, 0], [1, 1], [0, 0]]))
    classifier = NoisyLabelClassifier(keras.Model(inputs, keras.layers.Dense(3)(x)), losses.CrossEntropy(3))
    classifier.network.layers[1].set_weights(WEIGHTS)
    plain = classifier.deployable()
    np.testing.assert_allclose(plain(INPUTS), classifier.predict(INPUTS, verbose=0), atol=1e-6)
    assert keras.layers.BatchNormalization in map(type, plain.layers)
    assert BatchNormalization not in map(type, plain.layers)


@pytest.mark.parametrize("name", ["resnet8", "wrn28_2", "resnet29"])
def test_networks_train_by_the_operation(name):
    """One network of each file of residual networks."""
    layers = models.build(name, (32, 32, 3), 10).layers
    found = [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert found
    assert all(isinstance(layer, BatchNormalization) for layer in found)
    assert is_fused(found[-1], (None, *found[-1].input.shape[1:]))
