"""Parameters of the Logistic-Normal distribution: every use reads and trains them, whatever their source."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_noise import losses
from tfp_noise.distributions import LogisticNormal

VALUES = {
    "scalar": ([0.1, 0.2, 0.3], 0.7, None, 1.5),
    "scalar and factor": ([0.1, 0.2, 0.3], 0.7, [[0.5], [0.4], [0.3]], 1.5),
    "vector": ([0.1, 0.2, 0.3], [0.7, 0.8, 0.9], None, 1.5),
    "vector and factor": ([0.1, 0.2, 0.3], [0.7, 0.8, 0.9], [[0.5], [0.4], [0.3]], 1.5),
}
USES = {
    "log_prob": lambda d: d.log_prob([0.1, 0.2, 0.3, 0.4]),
    "sample": lambda d: tf.reduce_sum(d.sample(3, seed=[0, 1])[:, 0]),
    "mean": lambda d: d.mean(num_points=16)[0],
    "entropy": lambda d: d.entropy(num_points=16),
    "kl_divergence": lambda d: d.kl_divergence(LogisticNormal(tf.zeros(3))),
    "reverse_kl_divergence": lambda d: LogisticNormal(tf.zeros(3)).kl_divergence(d),
}
MAKERS = {"tensor": tf.constant, "variable": tf.Variable, "keras": lambda v: keras.Variable(np.float32(v))}


def build(loc, scale_diag, *rest):
    factor = rest[0] if len(rest) > 1 else None
    return LogisticNormal(loc, scale_diag, factor, rest[-1])


@functools.cache
def gradient_within(form, use):
    """By parameters that are made after the tape."""
    inner = [tf.constant(value) for value in VALUES[form] if value is not None]
    with tf.GradientTape() as tape:
        tape.watch(inner)
        value = USES[use](build(*inner))
    return tape.gradient(value, inner)


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("form", VALUES)
@pytest.mark.daily(*(f"vector and factor-{make}-{use}" for make in MAKERS for use in USES))
def test_parameters_made_before_the_tape_have_the_gradient_of_those_made_within(form, make, use):
    outer = [MAKERS[make](value) for value in VALUES[form] if value is not None]
    distribution = build(*outer)
    watched = [one.value if isinstance(one, keras.Variable) else one for one in outer]
    with tf.GradientTape() as tape:
        tape.watch(watched)
        value = USES[use](distribution)
    for name, ours, theirs in zip(
        ("loc", "scale_diag", "rest", "rest"), tape.gradient(value, watched), gradient_within(form, use), strict=False
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6, err_msg=name)


def test_a_variable_of_keras_is_tracked_and_seen_to_change():
    loc = keras.Variable(np.zeros(3, "float32"))
    distribution = LogisticNormal(loc)
    before = distribution.log_prob([0.1, 0.2, 0.3, 0.4])
    loc.assign([1.0, 0.0, 0.0])
    assert abs(float(distribution.log_prob([0.1, 0.2, 0.3, 0.4]) - before)) > 0.1
    assert len(distribution.trainable_variables) == 1


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: LogisticNormal(tf.zeros(1)).kl_divergence(LogisticNormal(tf.zeros(3))), "`other` must have the 2"),
        (lambda: LogisticNormal(tf.zeros(3)).kl_divergence(LogisticNormal(tf.zeros(1))), "`other` must have the 4"),
        (lambda: LogisticNormal(tf.zeros(3)).log_prob([0.5, 0.5]), "`value` must end in the 4 classes"),
        (lambda: LogisticNormal(tf.zeros(3)).prob([0.5, 0.5]), "`value` must end in the 4 classes"),
    ],
)
def test_another_number_of_classes_is_refused(act, message):
    with pytest.raises(ValueError, match=message):
        act()


@pytest.mark.parametrize(
    "factor", [None, np.ones((3, 1), "float32"), np.ones((3, 4), "float32")], ids=["none", "1", "4"]
)
@pytest.mark.daily("1")
def test_a_scale_of_any_rank_is_a_scalar_or_a_vector_when_it_comes(factor):
    @tf.function(input_signature=[tf.TensorSpec(None)], autograph=False)
    def traced(scale_diag):
        return statistics(LogisticNormal(tf.zeros([3]), scale_diag, factor))

    def statistics(distribution):
        other = LogisticNormal(tf.zeros([3]))
        sample = distribution.sample(seed=[0, 1])
        return distribution.log_prob(tf.fill([4], 0.25)), sample, distribution.kl_divergence(other)

    for scale_diag in (0.5, [0.5, 0.6, 0.7], [[0.5, 0.6, 0.7], [1.0, 1.0, 1.0]]):
        expected = statistics(LogisticNormal(tf.zeros([3]), scale_diag, factor))
        for ours, theirs in zip(traced(tf.constant(scale_diag)), expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4)


@pytest.mark.parametrize("min_scale", [0.5, 1e-2, 1e-4])
@pytest.mark.parametrize(
    ("num_classes", "rank", "dummy_class"), [(2, 1, False), (2, 2, True), (2, 4, True), (3, 3, True), (10, 10, True)]
)
def test_a_loss_whose_factor_spans_all_directions_keeps_its_digits(num_classes, rank, dummy_class, min_scale):
    def value_and_gradient(dtype, outputs):
        settings = {"min_scale": min_scale, "rank": rank, "dummy_class": dummy_class, "dtype": dtype}
        loss = losses.LogisticNormal(num_classes, **settings, reduction="sum")
        outputs = tf.constant(outputs, dtype)
        with tf.GradientTape() as tape:
            tape.watch(outputs)
            value = loss(np.array([0]), outputs)
        return float(value), tape.gradient(value, outputs).numpy()

    width = losses.LogisticNormal(num_classes, rank=rank, dummy_class=dummy_class).num_outputs
    outputs = np.random.default_rng(0).normal(size=[1, width]).astype("float32")
    outputs[:, width // (rank + 1) :] *= 10
    value, gradient = value_and_gradient("float32", outputs)
    expected, expected_gradient = value_and_gradient("float64", outputs)
    np.testing.assert_allclose(value, expected, rtol=1e-2)
    assert np.abs(gradient - expected_gradient).max() < 2e-2 * np.abs(expected_gradient).max()
