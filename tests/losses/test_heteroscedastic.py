"""The heteroscedastic family against quadrature and NumPy; its noise, memory and deployed form."""

import resource
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats
from scipy.stats import qmc

from tests.helpers import processes
from tests.helpers.loss_oracles import SameSeed, heteroscedastic_logits, heteroscedastic_noise
from tests.helpers.losses_under_test import LOSSES_UNDER_TEST, examples
from tfp_noise import NoisyLabelClassifier, _random, losses
from tfp_noise.losses import _normal_logits, heteroscedastic

FEATURES = np.random.default_rng(0).normal(size=(48, 6)).astype("float32")
LABELS = np.random.default_rng(1).integers(0, 3, 48)


def same_noise(*args, **kwargs):
    loss = losses.Heteroscedastic(*args, **kwargs)
    loss.seed_generator = SameSeed()
    return loss


def raw(diagonal):
    """The raw outputs that give this diagonal."""
    return np.log(np.expm1(np.asarray(diagonal) - 1e-3))


def classifier(loss):
    keras.utils.set_random_seed(0)
    model = NoisyLabelClassifier(keras.Sequential([keras.Input([6]), keras.layers.Dense(loss.num_outputs)]), loss)
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    return model


def fit(model, epochs):
    return model.fit(FEATURES, LABELS, batch_size=16, epochs=epochs, shuffle=False, verbose=0).history["loss"]


# Two classes: the difference of the logits is normal, so the probability is an integral over one variable.
PAIR = np.concatenate([[0.4, -0.3], raw([0.8, 1.7]), [0.9, -0.2, -0.6, 0.5]])[None]  # rank 2, factor by rows
PAIR_TEMPERATURE = 0.7


def pair_moments():
    """Mean and variance of the first class's probability, by Gauss-Hermite quadrature."""
    factor = PAIR[0, 4:].reshape(2, 2)
    deviation = np.sqrt(0.8**2 + 1.7**2 + np.sum((factor[0] - factor[1]) ** 2))
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    p = special.expit((0.7 + deviation * nodes) / PAIR_TEMPERATURE)
    mean, square = (weights @ np.stack([p, p**2], 1)) / weights.sum()
    return mean, square - mean**2


def test_many_samples_reach_the_integral():
    mean, variance = pair_moments()
    samples = 200_000
    loss = losses.Heteroscedastic(2, PAIR_TEMPERATURE, 2, train_samples=samples, dtype="float64")
    assert np.exp(-loss(np.array([0]), PAIR)) == pytest.approx(mean, abs=4 * np.sqrt(variance / samples))
    assert np.exp(-loss(np.array([1]), PAIR)) == pytest.approx(1 - mean, abs=4 * np.sqrt(variance / samples))


def test_few_samples_are_unbiased_and_the_variance_falls_as_one_over_their_number():
    mean, variance = pair_moments()
    copies = 4000
    for samples in (4, 64):
        loss = losses.Heteroscedastic(2, PAIR_TEMPERATURE, 2, samples, reduction=None, dtype="float64")
        probabilities = np.exp(-loss(np.zeros(copies, int), np.repeat(PAIR, copies, axis=0)))
        assert probabilities.mean() == pytest.approx(mean, abs=4 * np.sqrt(variance / samples / copies))
        # A sample variance's own deviation is sqrt(2 / copies), 2 %, for normal numbers, which means of 4 are not.
        assert probabilities.var() == pytest.approx(variance / samples, rel=0.12)


@pytest.mark.parametrize("points", [1000, 1024])
def test_prediction_is_more_exact_than_as_many_random_samples(points):
    mean, variance = pair_moments()
    loss = losses.Heteroscedastic(2, PAIR_TEMPERATURE, 2, test_samples=points, dtype="float64")
    assert float(loss.probabilities(PAIR)[0, 0]) == pytest.approx(mean, abs=0.2 * np.sqrt(variance / points))


@pytest.mark.parametrize("rank", [0, 2])
def test_prediction_equals_numpys_mean_over_sobol_points(rank):
    loss = losses.Heteroscedastic(10, 0.5, rank, test_samples=300, seed=3, dtype="float64")
    _, _, outputs = examples(loss)
    normal = special.ndtri(qmc.Sobol(10 + rank, seed=3).random_base2(9)[:300])[None]
    logits = heteroscedastic_logits(outputs, np.split(np.repeat(normal, len(outputs), 0), [10], axis=-1))
    expected = special.softmax(logits / 0.5, axis=-1).mean(1)
    # The noise is rounded to 1/256, which is 1e-3 of its deviation.
    np.testing.assert_allclose(loss.probabilities(outputs), expected, atol=1e-3 / np.sqrt(300) * 4)
    np.testing.assert_allclose(loss.logits(outputs), np.log(loss.probabilities(outputs)), rtol=1e-9)


def test_without_noise_it_is_cross_entropy_at_a_temperature():
    loss = losses.Heteroscedastic(10, 0.5, 2, train_samples=50, test_samples=50, reduction=None, dtype="float64")
    labels, soft, outputs = examples(loss)
    outputs[:, 10:20] = -1e3  # a diagonal of 0.001
    outputs[:, 20:] = 0
    log_p = special.log_softmax(outputs[:, :10] / 0.5, axis=1)
    for y_true, targets in [(labels, np.eye(10)[labels]), (soft, soft)]:
        np.testing.assert_allclose(loss(y_true, outputs), -np.sum(targets * log_p, 1), atol=4 * 0.002 / np.sqrt(50))
    np.testing.assert_allclose(loss.probabilities(outputs), np.exp(log_p), atol=1e-4)


def test_classes_may_be_permuted():
    loss = losses.Heteroscedastic(4, rank=1, train_samples=50_000, test_samples=8192, reduction=None)
    _, _, outputs = examples(loss)
    order = np.array([2, 0, 3, 1])
    permuted = outputs.reshape(-1, 3, 4)[..., order].reshape(len(outputs), -1)  # at rank 1 all parts are K wide
    probabilities = np.asarray(loss.probabilities(outputs))[:, order]
    np.testing.assert_allclose(loss.probabilities(permuted), probabilities, atol=2e-3)
    labels = np.arange(len(outputs)) % 4
    np.testing.assert_allclose(np.exp(-loss(labels, permuted)), probabilities[range(6), labels], atol=0.01)


def test_gradient_for_the_mean_is_the_papers():
    """The gradient of Eq. 14, in which samples that agree with the label count more."""
    samples, temperature = 40, 0.5
    loss = same_noise(5, temperature, 2, samples, dtype="float64")
    labels, _, outputs = examples(loss)
    variable = tf.Variable(outputs)
    with tf.GradientTape() as tape:
        value = loss.call(labels, variable)
    logits = heteroscedastic_logits(outputs, heteroscedastic_noise((len(outputs), samples, 5), 2))
    p = special.softmax(logits / temperature, axis=-1)
    of_label = p[np.arange(len(labels)), :, labels]
    expected = -(np.eye(5)[labels] - np.mean(p * (of_label / of_label.mean(1, keepdims=True))[..., None], 1))
    np.testing.assert_allclose(tape.gradient(value, variable)[:, :5], expected / temperature, rtol=1e-9)


@pytest.mark.parametrize("jit_compile", [None, False, True], ids=["eager", "graph", "xla"])
@pytest.mark.daily("graph")
def test_chunks_that_do_not_divide_the_samples(monkeypatch, jit_compile):
    """In chunks of 4, 4 and 2, the loss is the mean over 10 samples, also for a batch of unknown size."""
    monkeypatch.setattr(_normal_logits, "_TRAINING_NUMBERS", 6 * 3 * 4)
    loss = same_noise(3, 0.8, 2, 10, dtype="float64")
    _, soft, outputs = examples(loss)

    def value_and_gradient(targets, outputs):
        with tf.GradientTape() as tape:
            tape.watch(outputs)
            value = loss.call(targets, outputs)
        return value, tape.gradient(value, outputs)

    compute = value_and_gradient
    if jit_compile is not None:
        signature = [tf.TensorSpec([None, width], tf.float64) for width in (3, loss.num_outputs)]
        compute = tf.function(value_and_gradient, input_signature=signature, jit_compile=jit_compile, autograph=False)
    value, gradient = compute(tf.constant(soft), tf.constant(outputs))

    chunks = [heteroscedastic_noise((6, 4, 3), 2, chunk) for chunk in range(3)]
    noise = [np.concatenate(parts, axis=1)[:, :10] for parts in zip(*chunks, strict=True)]

    def oracle(outputs):
        p = special.softmax(heteroscedastic_logits(outputs, noise) / 0.8, axis=-1).mean(1)
        return -np.sum(soft * np.log(p), axis=1)

    np.testing.assert_allclose(value, oracle(outputs), rtol=1e-5)
    steps = 1e-5 * np.eye(loss.num_outputs)
    numeric = np.stack([(oracle(outputs + step) - oracle(outputs - step)) / 2e-5 for step in steps], axis=1)
    np.testing.assert_allclose(gradient, numeric, rtol=1e-4, atol=1e-5)


def test_prediction_in_chunks_is_the_same(monkeypatch):
    loss = losses.Heteroscedastic(10, rank=2, test_samples=100, dtype="float64")
    _, _, outputs = examples(loss)
    whole = loss.probabilities(outputs)
    monkeypatch.setattr(heteroscedastic, "_PREDICTION_NUMBERS", 30 * 10)
    np.testing.assert_allclose(loss.probabilities(outputs), whole, rtol=1e-9)


def test_noise_is_normal_and_the_same_under_xla():
    def draw(seed):
        return _random.standard_normal(seed, [50, 40, 100])

    for seed in ([0, 0], [2**31 - 1, 7]):
        eager = draw(tf.constant(seed)).numpy()
        assert stats.kstest(eager.ravel(), "norm").pvalue > 0.01
        assert np.abs(np.corrcoef(eager.reshape(2000, 100).T) - np.eye(100)).max() < 5 / np.sqrt(2000)
        np.testing.assert_allclose(
            tf.function(draw, jit_compile=True, autograph=False)(tf.constant(seed)), eager, atol=1e-4
        )


def test_folded_seeds_draw_the_same_under_xla():
    """Without a mask, folding gives negative seeds half of the time, which XLA interprets differently."""

    def draw(number):
        return _random.standard_normal(_random.fold_in(_random.fold_in(tf.constant([0, 0]), number), 1), [3])

    compiled = tf.function(draw, jit_compile=True, autograph=False)
    numbers = [tf.constant(i) for i in range(8)]
    eager = np.stack([draw(i) for i in numbers])
    np.testing.assert_allclose(np.stack([compiled(i) for i in numbers]), eager, atol=1e-4)
    assert len(np.unique(eager[:, 0])) == 8


def test_noise_differs_between_steps_and_examples():
    loss = losses.Heteroscedastic(3, rank=1, train_samples=5, reduction=None)
    outputs = np.zeros((4, loss.num_outputs))
    first, second = (np.asarray(loss(np.zeros(4, int), outputs)) for _ in range(2))
    assert len(np.unique(np.concatenate([first, second]))) == 8
    again = losses.Heteroscedastic(3, rank=1, train_samples=5, reduction=None)
    np.testing.assert_array_equal(again(np.zeros(4, int), outputs), first)
    other = losses.Heteroscedastic(3, rank=1, train_samples=5, seed=1, reduction=None)
    assert (np.asarray(other(np.zeros(4, int), outputs)) != first).all()


def test_the_two_noises_are_independent():
    """With V = -diag(d) and the same noise for both, the logits would not vary."""
    outputs = np.concatenate([np.zeros(2), raw([1.0, 1.0]), [-1.0, 0.0, 0.0, -1.0]])[None]
    loss = losses.Heteroscedastic(2, rank=2, train_samples=1, reduction=None, dtype="float64")
    values = np.asarray(loss(np.zeros(2000, int), np.repeat(outputs, 2000, axis=0)))
    difference = np.log(np.expm1(values))  # of the two logits: its variance is 2 (1 + 1)
    assert difference.var() == pytest.approx(4, rel=0.15)


def test_noise_differs_between_replicas(two_replicas):
    with two_replicas.scope():
        loss = losses.Heteroscedastic(3, train_samples=5, reduction=None)

    @tf.function(autograph=False)
    def step():
        return two_replicas.run(lambda: loss(np.zeros(4, int), np.zeros((4, 6), "float32")))

    values = np.concatenate([v for _ in range(2) for v in two_replicas.experimental_local_results(step())])
    assert len(np.unique(values)) == 16


def test_evaluation_repeats_and_leaves_the_generator_alone():
    model = classifier(losses.Heteroscedastic(3, rank=1, train_samples=10, test_samples=200))
    fit(model, 1)
    state = model.loss.seed_generator.state.numpy()
    first, second = (model.evaluate(FEATURES, LABELS, verbose=0) for _ in range(2))
    probabilities = model.predict(FEATURES, verbose=0)
    assert first == second
    assert first == pytest.approx(-np.log(probabilities[np.arange(48), LABELS]).mean(), rel=1e-5)
    weights = np.arange(48.0)
    weighted = model.evaluate(FEATURES, LABELS, sample_weight=weights, verbose=0)
    assert weighted == pytest.approx(np.mean(-np.log(probabilities[np.arange(48), LABELS]) * weights), rel=1e-5)
    np.testing.assert_allclose(model.predict(FEATURES[:7], verbose=0, batch_size=2), probabilities[:7], rtol=1e-5)
    np.testing.assert_array_equal(model.loss.seed_generator.state.numpy(), state)


@pytest.mark.thorough
def test_resumed_training_goes_on_with_the_same_noise(tmp_path):
    whole, half = (classifier(losses.Heteroscedastic(3, rank=1, train_samples=4)) for _ in range(2))
    expected = fit(whole, 4)
    first = fit(half, 2)
    half.save(tmp_path / "half.keras")
    assert first + fit(keras.models.load_model(tmp_path / "half.keras"), 2) == expected
    # ... which other noise would not: the test can fail.
    anew = keras.models.load_model(tmp_path / "half.keras")
    anew.loss.seed_generator.state.assign([0, 0])
    assert first + fit(anew, 2) != expected


@pytest.mark.parametrize("rank", [0, 2])
@pytest.mark.daily("2")
def test_deployed_it_is_plain_keras_of_moderate_size(tmp_path, rank):
    model = classifier(losses.Heteroscedastic(10, 0.5, rank))
    path = tmp_path / "plain.keras"
    model.deployable().save(path)
    assert path.stat().st_size < 100_000
    with zipfile.ZipFile(path) as archive:
        assert b"tfp_noise" not in archive.read("config.json")
    loaded = keras.models.load_model(path)
    expected = model.predict(FEATURES, verbose=0)
    np.testing.assert_allclose(loaded.predict(FEATURES, verbose=0), expected, atol=1e-6)
    loaded.export(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(tmp_path / "served")
    np.testing.assert_allclose(served.serve(FEATURES), expected, atol=1e-6)


def peak_memory(num_classes, batch, **arguments):
    """The peak memory of this process in MiB, after loss, gradient and prediction."""
    loss = losses.Heteroscedastic(num_classes, rank=1, test_samples=500, **arguments)

    @tf.function(autograph=False)
    def compute(outputs):
        with tf.GradientTape() as tape:
            tape.watch(outputs)
            value = loss(tf.zeros([batch], tf.int32), outputs)
        return tape.gradient(value, outputs), loss.probabilities(outputs)

    compute(tf.zeros([batch, loss.num_outputs]))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def check_memory():
    _normal_logits._TRAINING_NUMBERS = 2**18
    heteroscedastic._PREDICTION_NUMBERS = 2**14
    before = peak_memory(3, 2, train_samples=500)
    noise = 500 * 64 * 500 * 4 / 2**20
    assert peak_memory(500, 64, train_points=500) - before < 2 * noise
    assert peak_memory(500, 64, train_samples=500) - before < 2 * noise


@pytest.mark.thorough
def test_memory_does_not_grow_with_the_samples():
    """Loss, gradient and prediction together need less than twice the noise, which is 500 x 64 x 500 floats.

    With all samples at once the gradient takes 5 times the noise, prediction 2.7 times.
    """
    processes.call(check_memory)


def test_as_a_teacher_it_gives_its_probabilities_and_as_a_student_it_takes_no_temperature():
    loss = LOSSES_UNDER_TEST["heteroscedastic_rank2"].build(3)
    _, _, outputs = examples(loss)
    np.testing.assert_allclose(special.softmax(loss.logits(outputs), axis=1), loss.probabilities(outputs), rtol=1e-5)
    assert not loss.reads_logits
    assert loss.num_prediction_outputs == loss.num_outputs == 12


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"temperature": 0}, ValueError, "`temperature` must be finite and above 0. Received: 0"),
        ({"temperature": "1"}, TypeError, "`temperature` must be a number. Received: '1'"),
        ({"rank": -1}, ValueError, "`rank` must be at least 0. Received: -1"),
        ({"rank": 1.0}, TypeError, "`rank` must be an integer. Received: 1.0"),
        ({"train_samples": 0}, ValueError, "`train_samples` must be at least 1. Received: 0"),
        ({"train_points": 0}, ValueError, "`train_points` must be at least 1. Received: 0"),
        ({"train_points": 8, "train_samples": 9}, ValueError, "not both. Received: train_samples=9 and train_points=8"),
        ({"test_samples": 0}, ValueError, "`test_samples` must be at least 1. Received: 0"),
        ({"seed": -1}, ValueError, "`seed` must be at least 0. Received: -1"),
    ],
)
def test_bad_settings(settings, error, message):
    with pytest.raises(error, match=message):
        losses.Heteroscedastic(3, **settings)


def test_one_sample_will_do():
    loss = losses.Heteroscedastic(3, train_samples=1, test_samples=1)
    labels, _, outputs = examples(loss)
    assert np.isfinite(loss(labels, outputs))
    np.testing.assert_allclose(np.sum(loss.probabilities(outputs), axis=1), 1, rtol=1e-5)


@pytest.mark.thorough
def test_more_classes_than_sobol_has_dimensions():
    loss = losses.Heteroscedastic(21_843, train_samples=2, test_samples=4)
    outputs = np.zeros((2, loss.num_outputs), "float32")
    assert np.isfinite(loss(np.array([0, 21_842]), outputs))
    np.testing.assert_allclose(np.sum(loss.probabilities(outputs), axis=1), 1, rtol=1e-4)
