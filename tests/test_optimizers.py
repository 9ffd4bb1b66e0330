"""LARS against its published rule in float64 NumPy, its laws, and its use by Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_noise import NoisyLabelClassifier, losses
from tfp_noise.optimizers import LARS

SHAPES = [(3, 3, 2, 4), (5, 4), (4,), ()]
FEATURES = np.random.default_rng(0).normal(size=(48, 6)).astype("float32")
LABELS = np.random.default_rng(1).integers(0, 3, 48)


def published(weights, gradients, learning_rates, *, momentum=0.9, trust=0.001, decay=0.0, adapted):
    """You et al., Algorithm 1, for one variable: its value after every gradient."""
    velocity, trajectory = np.zeros_like(weights), []
    for gradient, learning_rate in zip(gradients, learning_rates, strict=True):
        rate, penalty = 1.0, 0.0
        if adapted:
            norm, penalty = np.sqrt(np.sum(weights**2)), decay
            rate = trust * norm / (np.sqrt(np.sum(gradient**2)) + penalty * norm)
        velocity = momentum * velocity + learning_rate * rate * (gradient + penalty * weights)
        weights = weights - velocity
        trajectory.append(weights)
    return np.stack(trajectory)


def problem(steps=5, shapes=SHAPES):
    """Values and `steps` gradients of variables of all ranks."""
    rng = np.random.default_rng(2)
    return [rng.normal(size=shape) for shape in shapes], [rng.normal(size=(steps, *shape)) for shape in shapes]


def trajectories(optimizer, weights, gradients, dtype="float64"):
    """Value of each variable after every gradient."""
    variables = [keras.Variable(value, dtype=dtype) for value in weights]
    steps = []
    for step in zip(*gradients, strict=True):
        optimizer.apply([tf.constant(gradient, dtype) for gradient in step], variables)
        steps.append([variable.numpy().astype("float64") for variable in variables])
    return [np.stack(trajectory) for trajectory in zip(*steps, strict=True)]


def network():
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(8, "relu"), keras.layers.BatchNormalization(), keras.layers.Dense(3)]
    return keras.Sequential([keras.Input([6]), *layers])


def trained(optimizer, epochs, jit_compile=False):
    model = NoisyLabelClassifier(network(), losses.LabelSmoothing(3))
    model.compile(optimizer, jit_compile=jit_compile)
    model.fit(FEATURES, LABELS, batch_size=16, epochs=epochs, shuffle=False, verbose=0)
    return model


@pytest.mark.parametrize("adapt_vectors", [False, True])
@pytest.mark.parametrize(("momentum", "decay"), [(0.9, 0.0), (0.75, 0.01), (0.0, 0.5)])
def test_follows_the_published_rule(adapt_vectors, momentum, decay):
    weights, gradients = problem()
    optimizer = LARS(0.5, momentum, trust_coefficient=0.02, weight_decay=decay, adapt_vectors=adapt_vectors)
    found = trajectories(optimizer, weights, gradients)
    for value, gradient, trajectory in zip(weights, gradients, found, strict=True):
        settings = {"momentum": momentum, "decay": decay, "adapted": adapt_vectors or value.ndim > 1}
        np.testing.assert_allclose(trajectory, published(value, gradient, [0.5] * 5, trust=0.02, **settings), 1e-12)


def test_follows_a_schedule():
    weights, gradients = problem()
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([1, 3], [2.0, 0.5, 0.25])
    found = trajectories(LARS(schedule), weights, gradients)
    for value, gradient, trajectory in zip(weights, gradients, found, strict=True):
        expected = published(value, gradient, [2.0, 2.0, 0.5, 0.5, 0.25], adapted=value.ndim > 1)
        np.testing.assert_allclose(trajectory, expected, rtol=1e-12)


def test_keras_exclusion_takes_the_decay_and_leaves_the_adaptation():
    (kept, excluded), gradients = problem(shapes=[(5, 4), (5, 4)])
    variables = [keras.Variable(value, dtype="float64") for value in (kept, excluded)]
    optimizer = LARS(0.5, weight_decay=0.1)
    optimizer.exclude_from_weight_decay([variables[1]])
    for step in zip(*gradients, strict=True):
        optimizer.apply([tf.constant(gradient) for gradient in step], variables)
    for variable, value, gradient, decay in zip(variables, (kept, excluded), gradients, (0.1, 0.0), strict=True):
        expected = published(value, gradient, [0.5] * 5, decay=decay, adapted=True)[-1]
        np.testing.assert_allclose(variable, expected, rtol=1e-12)


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1e5, 1e12])
def test_scale_of_the_gradient_does_not_matter(scale):
    weights, gradients = problem(shapes=[(5, 4)])
    (plain,) = trajectories(LARS(1.0), weights, gradients, "float32")
    (scaled,) = trajectories(LARS(1.0), weights, [scale * gradients[0]], "float32")
    np.testing.assert_allclose(scaled, plain, rtol=1e-5, atol=1e-7)
    assert np.abs(plain[-1] - weights[0]).max() > 1e-3


def test_step_is_as_long_as_rate_and_trust_say():
    weights, gradients = problem(steps=1, shapes=[(3, 3, 2, 4)])
    ((moved,),) = trajectories(LARS(4.0, trust_coefficient=0.01), weights, gradients)
    assert np.linalg.norm(moved - weights[0]) == pytest.approx(0.04 * np.linalg.norm(weights[0]), rel=1e-12)


@pytest.mark.parametrize(
    ("weight", "gradient", "expected"),
    [
        (0.0, 3.0, -1.5),  # like SGD: 0 - 0.5 * 3
        (2.0, 0.0, 1.75),  # only the decay, like SGD: 2 - 0.5 * 0.25 * 2
        (0.0, 0.0, 0.0),
    ],
)
def test_zero_norms_make_the_local_rate_one(weight, gradient, expected):
    ((moved,),) = trajectories(LARS(0.5, weight_decay=0.25), [np.full((2, 3), weight)], [np.full((1, 2, 3), gradient)])
    np.testing.assert_array_equal(moved, np.full((2, 3), expected))


def test_zero_gradient_without_decay_leaves_only_the_momentum():
    weights = [np.full((2, 2), 3.0)]
    gradients = [np.stack([np.ones((2, 2)), np.zeros((2, 2))])]
    (trajectory,) = trajectories(LARS(1.0, 0.5, trust_coefficient=0.5), weights, gradients)
    np.testing.assert_allclose(trajectory[:, 0, 0], [1.5, 0.75])  # a step of 0.5 * 3, then half of it


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_norms_beyond_half_precision(dtype):
    """The norm is 1024, whose square overflows in float16; the step does not."""
    ((moved,),) = trajectories(
        LARS(1.0, trust_coefficient=0.25), [np.full((64, 64), 16.0)], [np.ones((1, 64, 64))], dtype
    )
    np.testing.assert_array_equal(moved, np.full((64, 64), 12.0))


def test_accumulated_gradients_act_as_their_mean():
    weights, (gradients,) = problem(steps=4, shapes=[(5, 4)])
    (found,) = trajectories(LARS(1.0, gradient_accumulation_steps=2), weights, [gradients])
    expected = published(weights[0], gradients.reshape(2, 2, 5, 4).mean(axis=1), [1.0, 1.0], adapted=True)
    np.testing.assert_allclose(found[[1, 3]], expected, rtol=1e-12)


def test_sparse_gradients_act_as_dense_ones():
    """Row 1 is looked up twice, so that the norm is that of the sum of its gradients."""
    table = np.random.default_rng(3).normal(size=(4, 2))
    variable = keras.Variable(table, dtype="float64")
    rows = tf.constant([[1.0, 2.0], [3.0, -1.0], [0.5, 0.5]], "float64")
    LARS(1.0).apply([tf.IndexedSlices(rows, tf.constant([1, 3, 1]), tf.constant([4, 2]))], [variable])
    dense = np.array([[0, 0], [1.5, 2.5], [0, 0], [3, -1.0]])
    np.testing.assert_allclose(variable, published(table, [dense], [1.0], adapted=True)[0], rtol=1e-12)


def test_training_goes_on_after_save_and_load(tmp_path):
    def optimizer():
        return LARS(keras.optimizers.schedules.CosineDecay(5.0, 20), trust_coefficient=0.01, weight_decay=1e-3)

    whole = trained(optimizer(), epochs=4)
    trained(optimizer(), epochs=2).save(tmp_path / "half.keras")
    half = keras.models.load_model(tmp_path / "half.keras")
    assert isinstance(half.optimizer, LARS)
    half.fit(FEATURES, LABELS, batch_size=16, epochs=2, shuffle=False, verbose=0)
    for expected, found in zip(whole.get_weights(), half.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_config_round_trip():
    optimizer = LARS(3, 0.5, 0.02, 0.1, adapt_vectors=True, clipnorm=2.0, name="large_batches")
    config = optimizer.get_config()
    assert {key: config[key] for key in ("learning_rate", "momentum", "trust_coefficient", "weight_decay")} == {
        "learning_rate": 3.0,
        "momentum": 0.5,
        "trust_coefficient": 0.02,
        "weight_decay": 0.1,
    }
    assert (config["adapt_vectors"], config["clipnorm"], config["name"]) == (True, 2.0, "large_batches")
    serialized = keras.optimizers.serialize(optimizer)
    assert serialized["registered_name"] == "tfp_noise>LARS"
    assert keras.optimizers.deserialize(serialized).get_config() == config


@pytest.mark.thorough
def test_xla_trains_as_the_graph_does():
    settings = {"learning_rate": 5.0, "trust_coefficient": 0.01, "weight_decay": 1e-3}
    graph, xla = (trained(LARS(**settings), 2, jit_compile) for jit_compile in (False, True))
    start = network().get_weights()
    for expected, found, before in zip(graph.get_weights(), xla.get_weights(), start, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
        assert np.abs(expected - before).max() > 1e-2


def test_two_replicas_train_as_one_device_does(two_replicas):
    settings = {"learning_rate": 5.0, "trust_coefficient": 0.01, "weight_decay": 1e-3}
    one = LARS(**settings)
    alone = [keras.Variable(value) for value in problem()[0]]
    with two_replicas.scope():
        both = LARS(**settings)
        mirrored = [keras.Variable(value) for value in problem()[0]]
        both.build(mirrored)

    @tf.function(autograph=False)
    def replica_step(gradients):
        # Keras sums gradients over replicas, because the loss is divided by their number.
        two_replicas.run(lambda: both.apply([gradient / 2 for gradient in gradients], mirrored))

    for step in zip(*problem()[1], strict=True):
        gradients = [tf.constant(gradient, "float32") for gradient in step]
        one.apply(gradients, alone)
        replica_step(gradients)
    for expected, found in zip(alone, mirrored, strict=True):
        for local in two_replicas.experimental_local_results(found.value):
            np.testing.assert_allclose(local, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"learning_rate": -0.1}, ValueError, "`learning_rate` must be finite and at least 0. Received: -0.1"),
        ({"learning_rate": "fast"}, TypeError, "`learning_rate` must be a number. Received: 'fast'"),
        ({"momentum": 1.0}, ValueError, "`momentum` must be .*below 1. Received: 1"),
        ({"trust_coefficient": 0.0}, ValueError, "`trust_coefficient` must be finite and above 0. Received: 0"),
        ({"weight_decay": -1e-4}, ValueError, "`weight_decay` must be finite and at least 0. Received: -0.0001"),
        ({"weight_decay": None}, TypeError, "`weight_decay` must be a number. Received: None"),
        ({"nesterov": True}, ValueError, "nesterov"),
    ],
)
def test_refuses_wrong_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        LARS(**arguments)
