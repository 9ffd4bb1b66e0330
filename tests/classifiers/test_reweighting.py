"""Learned weights of examples: the naive construction, NumPy, a uniform clean set, and what is kept."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from tests.helpers.losses_under_test import LOSSES_UNDER_TEST
from tests.helpers.small_classifier import FEATURES, LABELS, fit
from tfp_noise import LearningToReweight, NoisyLabelClassifier, losses

K = 3
# A trace costs more than these few steps.
EAGER, GRAPH = {"run_eagerly": True}, {"jit_compile": False}
CLEAN = FEATURES[:20] + 0.1, LABELS[:20]


def linear(width=K):
    return keras.Sequential([keras.Input([6]), keras.layers.Dense(width)])


def normalised(width=K):
    hidden = [keras.layers.Dense(8, activation="tanh"), keras.layers.BatchNormalization()]
    return keras.Sequential([keras.Input([6]), *hidden, keras.layers.Dense(width)])


def classifier(build=linear, loss=None, clean=CLEAN, **arguments):
    keras.utils.set_random_seed(0)
    loss = loss or losses.CrossEntropy(K)
    model = LearningToReweight(build(loss.num_outputs), loss, clean, **arguments)
    model.compile(keras.optimizers.SGD(0.5), **EAGER)
    return model


def naive_weights(model, x, y):
    """Equations 4 to 8 of the paper: second derivatives through a step of gradient descent from weights of 0."""
    net, loss = model.network, model.loss
    others = [variable.value for variable in net.non_trainable_variables]

    def each(weights, x, y):
        outputs, _ = net.stateless_call(weights, others, x, training=True)
        return loss.call(y, outputs)

    start = [tf.constant(variable.numpy()) for variable in net.trainable_variables]
    with tf.GradientTape() as outer:
        epsilon = tf.zeros([len(y)])
        outer.watch(epsilon)
        with tf.GradientTape() as inner:
            inner.watch(start)
            weighted = tf.reduce_sum(epsilon * each(start, x, y))
        moved = [value - 0.1 * slope for value, slope in zip(start, inner.gradient(weighted, start), strict=True)]
        clean = tf.reduce_mean(each(moved, *CLEAN))
    helpful = np.maximum(-outer.gradient(clean, epsilon).numpy(), 0)
    return helpful / helpful.sum()


@pytest.mark.parametrize("build", [linear, normalised])
@pytest.mark.parametrize("name", ["smoothing", "forward", "generalized_cross_entropy", "logistic_normal"])
def test_weights_are_those_of_the_naive_construction(name, build):
    """Second derivatives, batch statistics that depend on the weights, and gradients that losses write by hand."""
    model = classifier(build, LOSSES_UNDER_TEST[name].build(K))
    before = [variable.numpy() for variable in model.variables]
    found = np.asarray(model._weights(FEATURES, LABELS))
    np.testing.assert_allclose(found, naive_weights(model, FEATURES, LABELS), rtol=1e-3, atol=1e-6)
    assert 5 < np.sum(found > 0) < 43
    for value, variable in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(variable, value)


def gradients(parameters, x, y):
    """The gradients of each example's cross-entropy for a linear network, `[n, 7, 3]`."""
    inputs = np.concatenate([x, np.ones([len(x), 1])], axis=1)
    error = special.softmax(inputs @ parameters, axis=1) - np.eye(K)[y]
    return inputs[:, :, None] * error[:, None, :]


def test_two_epochs_are_those_of_a_numpy_loop():
    model = classifier()
    parameters = np.concatenate([weight.reshape(-1, K) for weight in model.network.get_weights()]).astype(float)
    fit(model, epochs=2)
    for rows in [*np.split(np.arange(48), 3)] * 2:
        each = gradients(parameters, FEATURES[rows], LABELS[rows])
        clean = gradients(parameters, *CLEAN).mean(0)
        helpful = np.maximum(np.einsum("nij,ij->n", each, clean), 0)
        parameters = parameters - 0.5 * np.einsum("n,nij->ij", helpful / helpful.sum(), each)
    found = np.concatenate([weight.reshape(-1, K) for weight in model.network.get_weights()])
    np.testing.assert_allclose(found, parameters, rtol=1e-3, atol=1e-5)


def test_examples_that_all_help_alike_are_trained_on_as_by_a_plain_classifier():
    """One example a class, symmetric at first and after each step."""
    x, y = np.eye(K, dtype="float32"), np.arange(K)

    def build():
        return keras.Sequential([keras.Input([K]), keras.layers.Dense(K, kernel_initializer="zeros")])

    plain = NoisyLabelClassifier(build(), losses.CrossEntropy(K))
    weighted = LearningToReweight(build(), losses.CrossEntropy(K), (x, y))
    histories = []
    for model in plain, weighted:
        model.compile(keras.optimizers.SGD(0.5), **EAGER)
        histories.append(model.fit(x, y, batch_size=K, epochs=5, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(*histories, rtol=1e-6)
    for one, other in zip(weighted.network.get_weights(), plain.network.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def test_a_batch_that_does_not_help_is_left_out():
    x, y = FEATURES[:1], LABELS[:1]
    model = classifier(clean=(x, (y + 1) % K))
    model.network.set_weights([0 * weight for weight in model.network.get_weights()])
    np.testing.assert_array_equal(model._weights(x, y), [0.0])
    assert float(model.compute_loss(x, y, model(x), training=True)) == 0


def test_weights_of_examples_masks_and_positions():
    """`sample_weight` multiplies a loss wherever it stands; ignored examples have no weight; positions are examples."""
    model = classifier()
    factors = np.linspace(0, 2, 48).astype("float32")
    each = np.asarray(model.loss.call(LABELS, model(FEATURES)))
    helpful = naive_weights(model, FEATURES, LABELS) * factors
    expected = np.sum(helpful / helpful.sum() * factors * each)
    found = model.compute_loss(FEATURES, LABELS, model(FEATURES), factors, training=True)
    assert float(found) == pytest.approx(expected, rel=1e-4)

    ignoring = classifier(loss=losses.CrossEntropy(K, ignore_class=-1))
    known = np.arange(48) % 3 > 0
    weights = np.asarray(ignoring._weights(FEATURES, np.where(known, LABELS, -1)))
    assert not weights[~known].any()
    np.testing.assert_allclose(weights[known], ignoring._weights(FEATURES[known], LABELS[known]), rtol=1e-5)

    dense = LearningToReweight(
        keras.Sequential([keras.Input([4, 6]), keras.layers.Dense(K)]),
        losses.CrossEntropy(K),
        (CLEAN[0].reshape(5, 4, 6), CLEAN[1].reshape(5, 4)),
    )
    dense.network.set_weights(model.network.get_weights())
    found = dense._weights(FEATURES.reshape(12, 4, 6), LABELS.reshape(12, 4))
    np.testing.assert_allclose(np.ravel(found), model._weights(FEATURES, LABELS), rtol=1e-4, atol=1e-6)


def test_activity_regularisers_of_the_training_pass_count():
    def build(width):
        hidden = keras.layers.Dense(4, activity_regularizer=keras.regularizers.L2(0.1))
        return keras.Sequential([keras.Input([6]), hidden, keras.layers.Dense(width)])

    model = classifier(build)
    hidden = np.asarray(model.network.layers[0](FEATURES))
    outputs = model(FEATURES)
    without = model.data_loss(FEATURES, LABELS, outputs, None, training=True)
    outputs = model(FEATURES)
    found = model.compute_loss(FEATURES, LABELS, outputs, training=True)
    assert float(found) == pytest.approx(float(without) + 0.1 * np.sum(hidden**2) / 48, rel=1e-5)


def test_clean_batches_are_a_function_of_seed_and_step():
    model = classifier(clean_batch_size=8)
    rows = []
    for step in (0, 1, 1):
        x, y = map(np.asarray, model.clean_set.batch(step))
        drawn = [np.flatnonzero((CLEAN[0] == one).all(1)).item() for one in x]
        assert len(set(drawn)) == 8
        np.testing.assert_array_equal(y, CLEAN[1][drawn])
        rows.append(drawn)
    assert rows[0] != rows[1] == rows[2]
    other = classifier(clean_batch_size=8, seed=1)
    assert not np.array_equal(other.clean_set.batch(1)[0], model.clean_set.batch(1)[0])
    x, y = model.clean_set.batch(model.loss.count_updates())
    fit(model)
    assert not np.array_equal(model.clean_set.batch(model.loss.count_updates())[0], x)


def test_clean_set_of_named_inputs_and_distributions_is_saved(tmp_path):
    inputs = {"a": keras.Input([6], name="a"), "b": keras.Input([2], dtype="int32", name="b")}
    joined = keras.layers.Concatenate()(
        [inputs["a"], keras.layers.Flatten()(keras.layers.Embedding(5, 2)(inputs["b"]))]
    )
    net = keras.Model(inputs, keras.layers.Dense(K)(joined))
    x = {"a": FEATURES[:5], "b": np.arange(10).reshape(5, 2) % 5}
    model = LearningToReweight(net, losses.CrossEntropy(K), (x, np.full([5, K], 1 / K)))
    model.compile("sgd", **EAGER)
    model.fit(x, LABELS[:5], verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    kept, labels = loaded.clean_set.batch(0)
    np.testing.assert_array_equal(kept["a"], x["a"])
    np.testing.assert_array_equal(kept["b"], x["b"])
    np.testing.assert_allclose(labels, 1 / K, rtol=1e-6)
    loaded.fit(x, LABELS[:5], verbose=0)


def test_clone_has_no_clean_set_and_says_so():
    model = classifier()
    clone = keras.models.clone_model(model)
    clone.compile("sgd", **EAGER)
    with pytest.raises(ValueError, match=r"`clean` must hold examples\. This model was made from a configuration"):
        fit(clone)


@pytest.mark.thorough
def test_recurrent_network_trains():
    """Its loop has no forward-mode derivative in a graph of TensorFlow."""
    x = FEATURES.reshape(48, 3, 2)
    net = keras.Sequential([keras.Input([3, 2]), keras.layers.SimpleRNN(3), keras.layers.Dense(K)])
    model = LearningToReweight(net, losses.CrossEntropy(K), (x[:8], LABELS[:8]))
    model.compile("sgd", **GRAPH)
    model.fit(x, LABELS, verbose=0)
    assert float(np.sum(model._weights(x, LABELS))) == pytest.approx(1)


def test_loss_in_float64_trains_as_in_float32():
    histories = [fit(classifier(loss=losses.CrossEntropy(K, dtype=dtype)))["loss"] for dtype in ("float64", "float32")]
    np.testing.assert_allclose(*histories, rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"clean": None}, TypeError, r"`clean` must be a pair \(x, y\).* Received: None. Pass a few hundred examples"),
        ({"clean": (FEATURES, None)}, TypeError, r"`clean` must be a pair \(x, y\) of arrays"),
        ({"clean": (FEATURES[:0], LABELS[:0])}, ValueError, "`clean` must hold at least one example"),
        (
            {"clean": (FEATURES[:3], [-1] * 3), "loss": losses.CrossEntropy(K, ignore_class=-1)},
            ValueError,
            "`clean` must hold labels. Received: only the loss's `ignore_class`, -1",
        ),
        ({"clean": (FEATURES[:3], [0, 1, 3])}, ValueError, r"`clean` must lie in \[0, 3\)"),
        ({"clean": (FEATURES[:3], LABELS[:2])}, ValueError, "`clean` must hold 2 examples.* Received: 3"),
        ({"clean": (FEATURES[:3, :4], LABELS[:3])}, ValueError, "`clean` must hold inputs of `network`. Received"),
        ({"clean": (FEATURES[:3] * np.nan, LABELS[:3])}, ValueError, "`clean` must be finite"),
        ({"clean": (np.array([["a"], ["b"]]), LABELS[:2])}, TypeError, "`clean` must hold numbers.* dtype <U1"),
        ({"clean_batch_size": 0}, ValueError, "`clean_batch_size` must be at least 1. Received: 0"),
        ({"seed": -1}, ValueError, "`seed` must be at least 0"),
        ({"loss": losses.OnlineLabelSmoothing(K)}, ValueError, "`loss` must keep nothing between steps for Learning"),
    ],
)
def test_bad_input(change, error, message):
    arguments = {"loss": losses.CrossEntropy(K), "clean": CLEAN, **change}
    with pytest.raises(error, match=message):
        LearningToReweight(linear(), **arguments)
