"""Laws of the bounded and noisy losses: limits, bounds, minimisers, and the distribution of the noise."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from tests.helpers.loss_oracles import cross_entropy, tempered_softmax
from tests.losses.test_losses import value_and_gradient
from tfp_noise import DistilledClassifier, NoisyLabelClassifier, losses

LABELS = np.arange(60) % 5
ONE_HOT = np.eye(5)[LABELS]
# Logits from nearly equal to far apart; the softmax of the last ones underflows.
LOGITS = np.random.default_rng(0).normal(size=(60, 5)) * np.logspace(-2, 4, 60)[:, None]


def gce(q, num_classes=5):
    return losses.GeneralizedCrossEntropy(num_classes, q, dtype="float64")


def test_gce_goes_from_cross_entropy_to_one_minus_probability():
    np.testing.assert_allclose(gce(1e-9).call(LABELS, LOGITS), cross_entropy(ONE_HOT, LOGITS), rtol=1e-4, atol=1e-12)
    np.testing.assert_allclose(gce(1.0).call(LABELS, LOGITS), 1 - special.softmax(LOGITS, 1)[range(60), LABELS])


@pytest.mark.parametrize("q", [0.1, 0.7, 1.0])
def test_gce_gradient_is_cross_entropys_times_a_power_of_the_probability(q):
    """It holds below 1e-7 too, where the baseline with clipping has no gradient."""
    p = special.softmax(LOGITS, axis=1)
    assert (p[range(60), LABELS] < 1e-7).sum() > 10
    for y_true in (LABELS, ONE_HOT):
        _, gradient = value_and_gradient(gce(q), y_true, LOGITS)
        np.testing.assert_allclose(gradient, p[range(60), LABELS, None] ** q * (p - ONE_HOT), rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("q", [0.1, 0.7, 1.0])
def test_gce_summed_over_all_labels_lies_between_its_bounds(q):
    """The paper derives robustness to symmetric noise from these bounds; at q = 1 the sum is constant."""
    total = sum(np.asarray(gce(q).call(np.full(60, k), LOGITS)) for k in range(5))
    lowest, highest = (5 - 5 ** (1 - q)) / q, 4 / q
    assert (total >= lowest - 1e-9).all()
    assert (total <= highest + 1e-9).all()
    assert np.ptp(total) == pytest.approx(highest - lowest, rel=0.01, abs=1e-9)


@pytest.mark.parametrize("q", [0.1, 0.7])
def test_gce_differs_from_the_clipping_baseline_by_no_more_than_the_docstring_says(q):
    p = special.softmax(LOGITS, axis=1)[range(60), LABELS]
    difference = np.asarray(gce(q).call(LABELS, LOGITS)) - (1 - np.clip(p, 1e-7, 1) ** q) / q
    assert difference.max() == pytest.approx(1e-7**q / q)
    np.testing.assert_allclose(difference[p > 1e-7], 0, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("num_classes", "t2", "steps"),
    [(2, 1.001, 5), (2, 4.0, 5), (14, 1.1, 5), (14, 5.0, 5), (100, 2.0, 5), (1000, 1.1, 5), (1000, 2.0, 5)]
    + [(100, 4.0, 8), (1000, 3.0, 8), (1000, 4.0, 8)],
)
def test_tempered_probabilities_sum_to_one_before_they_are_normalised(num_classes, t2, steps, dtype):
    """Logits on which iterations converge slowly: one or two classes ahead, stairs, one masked class."""
    rng = np.random.default_rng(0)
    spread = np.logspace(-3, 4.5, 40)[:, None]
    ahead = [np.r_[np.zeros(m), -np.ones(num_classes - m)] for m in (1, 2, num_classes - 1)]
    rows = [np.zeros(num_classes), -np.arange(num_classes), *ahead, *rng.normal(size=(5, num_classes))]
    masked = 10 * rng.normal(size=(20, num_classes)) - 1e12 * np.eye(num_classes)[0]
    logits = np.concatenate([*(row * spread for row in rows), masked]).astype(dtype)
    loss = losses.BiTempered(num_classes, 1.0, t2, steps, dtype=dtype)
    sums = np.exp(np.asarray(loss.logits(logits), "float64")).sum(axis=1)
    np.testing.assert_allclose(sums, 1, atol=1e-13 if dtype == "float64" else 2e-6)


@pytest.mark.parametrize(("num_classes", "t2"), [(2, 1.001), (2, 4.0), (14, 1.1), (14, 2.0), (14, 5.0)])
@pytest.mark.daily("2-1.001", "14-5.0")
def test_probabilities_in_the_loss_sum_to_one_although_it_takes_no_needless_steps(num_classes, t2):
    """With t1 = 1 the loss of each class is `-log p`; rows that need many steps stand beside rows that need none."""
    rng = np.random.default_rng(0)
    rows = [-np.arange(num_classes), -np.eye(num_classes)[0], np.eye(num_classes)[1], rng.normal(size=num_classes)]
    logits = np.concatenate([row * np.logspace(-3, 4.5, 40)[:, None] for row in rows])
    for dtype, error in (("float32", 2e-6), ("float64", 1e-13)):
        loss = losses.BiTempered(num_classes, 1.0, t2, dtype=dtype)
        for some in (logits, logits[40:50], logits[150:]):
            total = sum(np.exp(-np.asarray(loss.call(np.full(len(some), k), some))) for k in range(num_classes))
            np.testing.assert_allclose(total, 1, atol=error)


def test_tempered_probabilities_have_their_closed_form_for_two_classes():
    """The equation for t2 = 2 is `1 / u + 1 / (u + gap) = 1`."""
    gap = np.logspace(-3, 6, 30)
    u = (2 - gap + np.hypot(gap, 2)) / 2
    u = np.where(gap > 2, 2 * gap / (gap - 2 + np.hypot(gap, 2)), u)  # the same, without the difference
    probabilities = losses.BiTempered(2, 0.5, 2.0, dtype="float64").probabilities(np.stack([gap, 0 * gap], axis=1))
    np.testing.assert_allclose(probabilities, np.stack([1 / u, 1 / (u + gap)], axis=1), rtol=1e-12)


def test_fewer_iterations_are_less_exact():
    few, default = (losses.BiTempered(5, 0.5, 4.0, n, dtype="float64").logits(LOGITS) for n in (1, 5))
    assert np.abs(np.exp(few).sum(1) - 1).max() > 1e-3
    assert np.abs(np.exp(default).sum(1) - 1).max() < 1e-13


@pytest.mark.parametrize("y_true", [LABELS, ONE_HOT, special.softmax(LOGITS[::-1], axis=1)], ids=["int", "hot", "soft"])
def test_bi_tempered_without_temperatures_is_cross_entropy(y_true):
    value = losses.BiTempered(5, 1.0, 1.0, dtype="float64").call(y_true, LOGITS)
    np.testing.assert_array_equal(value, losses.LabelSmoothing(5, 0.0, dtype="float64").call(y_true, LOGITS))


@pytest.mark.parametrize(("t1", "t2"), [(0.0, 1.0), (0.5, 1.1), (0.5, 2.0), (0.9, 4.0)])
def test_bi_tempered_is_bounded(t1, t2):
    loss = losses.BiTempered(5, t1, t2, dtype="float64")
    for y_true in (LABELS, ONE_HOT):
        values = np.asarray(loss.call(y_true, LOGITS))
        assert values.min() >= -1e-12
        assert values.max() <= 1 / (1 - t1)
    far = loss.call(np.array([1, 0]), 1e200 * np.eye(5)[[0, 0]])
    np.testing.assert_allclose(far, [1 / (1 - t1), 0], rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(("t1", "t2"), [(0.0, 1.5), (0.5, 2.0), (1.0, 4.0)])
def test_bi_tempered_is_least_at_the_labels_own_distribution(t1, t2):
    """The loss is proper: it has its minimum at the logits `log_t2(y)`, whose probabilities are `y`."""
    loss = losses.BiTempered(5, t1, t2, dtype="float64")
    targets = np.random.default_rng(1).dirichlet(np.ones(5), 20)
    optimum = (targets ** (1 - t2) - 1) / (1 - t2)
    np.testing.assert_allclose(loss.probabilities(optimum), targets, rtol=1e-9)
    value, gradient = map(np.asarray, value_and_gradient(loss, targets, optimum))
    np.testing.assert_allclose(gradient, 0, atol=1e-12)
    for seed in range(5):
        elsewhere = optimum + np.random.default_rng(seed).normal(size=optimum.shape)
        assert (np.asarray(loss.call(targets, elsewhere)) > value).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bi_tempered_gradient_is_right_at_logits_of_any_size(dtype):
    """The oracle is `v_j - w_j sum v`, `v = (p - y) p^(t2 - t1)`, with probabilities by bisection and escort `w`."""
    t1, t2 = 0.5, 2.0
    p = tempered_softmax(LOGITS, t2)
    v = (p - ONE_HOT) * p ** (t2 - t1)
    expected = v - p**t2 / (p**t2).sum(1, keepdims=True) * v.sum(1, keepdims=True)
    loss = losses.BiTempered(5, t1, t2, dtype=dtype)
    _, gradient = value_and_gradient(loss, LABELS, LOGITS.astype(dtype))
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-6 if dtype == "float32" else 1e-12)
    assert np.abs(expected[LOGITS.max(1) > 1e3]).max() > 1e-6  # heavy tails still pull there


def classifier(loss):
    keras.utils.set_random_seed(0)
    model = NoisyLabelClassifier(keras.Sequential([keras.Input([6]), keras.layers.Dense(loss.num_outputs)]), loss)
    model.compile(keras.optimizers.Adam(0.05), jit_compile=False)
    return model


FEATURES = np.random.default_rng(0).normal(size=(60, 6)).astype("float32")


def fit(model, epochs):
    return model.fit(FEATURES, LABELS, batch_size=20, epochs=epochs, shuffle=False, verbose=0).history["loss"]


@pytest.mark.thorough
def test_deployed_tempered_probabilities_need_keras_alone(tmp_path):
    model = classifier(losses.BiTempered(5, 0.5, 2.0))
    fit(model, 2)
    model.deployable().save(tmp_path / "plain.keras")
    plain = keras.models.load_model(tmp_path / "plain.keras", custom_objects={})
    assert all(type(operation).__module__.startswith("keras.") for operation in plain.operations)
    expected = tempered_softmax(np.asarray(model(FEATURES), "float64"), 2.0)
    np.testing.assert_allclose(plain.predict(FEATURES, verbose=0), expected, atol=1e-6)


def test_tempered_outputs_teach_but_are_not_divided_by_a_temperature():
    teacher = classifier(losses.BiTempered(5, 0.5, 2.0))
    network = keras.Sequential([keras.Input([6]), keras.layers.Dense(5)])
    student = DistilledClassifier(network, losses.CrossEntropy(5), teacher, temperature=1.0)
    targets = tempered_softmax(np.asarray(teacher(FEATURES), "float64"), 2.0)
    expected = cross_entropy(targets, np.asarray(network(FEATURES), "float64")).mean()
    assert float(student.compute_loss(FEATURES, LABELS, network(FEATURES))) == pytest.approx(expected, rel=1e-5)
    with pytest.raises(ValueError, match="`temperature` must be 1 for BiTempered"):
        DistilledClassifier(network, losses.BiTempered(5, 0.5, 2.0), teacher, temperature=2.0)


def test_label_noise_without_size_is_cross_entropy():
    loss = losses.NoiseAgainstNoise(5, sigma=0, dtype="float64")
    for y_true in (LABELS, ONE_HOT):
        np.testing.assert_allclose(loss.call(y_true, LOGITS), cross_entropy(ONE_HOT, LOGITS), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_label_noise_adds_nothing_on_average_and_the_covariance_it_says(jit_compile):
    """The means over 200,000 equal examples with different noise are tested, within five standard errors."""
    n, sigma, logits = 200_000, 0.5, np.array([1.0, -0.5, 0.3])
    p, y = special.softmax(logits), np.eye(3)[2]
    loss = losses.NoiseAgainstNoise(3, sigma)
    compute = tf.function(functools.partial(value_and_gradient, loss), jit_compile=jit_compile, autograph=False)
    value, gradient = compute(np.full(n, 2), np.tile(logits, (n, 1)).astype("float32"))
    gradient = np.asarray(gradient, "float64")
    error = 5 / np.sqrt(n)
    deviation = sigma * np.linalg.norm(np.log(p))
    assert np.mean(value) == pytest.approx(-np.log(p[2]), abs=error * deviation)
    assert np.std(value) == pytest.approx(deviation, rel=error)
    covariance = sigma**2 * (3 * np.outer(p, p) - p[:, None] - p + np.eye(3))
    np.testing.assert_allclose(gradient.mean(0), p - y, atol=error * np.sqrt(covariance.max()))
    np.testing.assert_allclose(np.cov(gradient.T), covariance, atol=1.5 * error * covariance.max())


def test_label_noise_is_drawn_anew_and_follows_the_seed():
    def draws(seed):
        loss = losses.NoiseAgainstNoise(5, 1.0, seed=seed)
        return [float(loss(LABELS, LOGITS)) for _ in range(3)]

    first = draws(0)
    assert len(set(first)) == 3
    assert draws(0) == first
    assert not set(draws(1)) & set(first)


def test_label_noise_does_not_reach_validation():
    loss = losses.NoiseAgainstNoise(5, 1.0, reduction="sum", dtype="float64")
    weights, before = np.linspace(0, 2, 60), loss.seed_generator.state.numpy()
    expected = weights @ cross_entropy(ONE_HOT, LOGITS)
    for y_true in (LABELS, ONE_HOT):
        assert float(loss.evaluation_loss(y_true, LOGITS, weights)) == pytest.approx(expected)
    np.testing.assert_array_equal(loss.seed_generator.state, before)
    model = classifier(losses.NoiseAgainstNoise(5, 1.0))
    fit(model, 1)
    once, twice = (model.evaluate(FEATURES, LABELS, verbose=0) for _ in range(2))
    assert once == twice
    assert once == pytest.approx(cross_entropy(ONE_HOT, np.asarray(model(FEATURES), "float64")).mean(), rel=1e-5)


@pytest.mark.thorough
def test_label_noise_goes_on_after_save_and_load(tmp_path):
    whole, half = (classifier(losses.NoiseAgainstNoise(5, 1.0)) for _ in range(2))
    expected = fit(whole, 4)
    first = fit(half, 2)
    half.save(tmp_path / "half.keras")
    restored = keras.models.load_model(tmp_path / "half.keras")
    assert first + fit(restored, 2) == expected
    restarted = keras.models.load_model(tmp_path / "half.keras")
    restarted.loss.seed_generator.state.assign([0, 0])
    assert fit(restarted, 1) != expected[2:3]


def test_label_noise_differs_between_replicas(two_replicas):
    with two_replicas.scope():
        loss = losses.NoiseAgainstNoise(5, 1.0)
    value = two_replicas.run(tf.function(lambda: loss.call(LABELS, LOGITS), autograph=False))
    one, other = (np.asarray(part) for part in two_replicas.experimental_local_results(value))
    assert (one != other).all()
