"""Learnable label smoothing: loss and gradients against the paper's formulas in NumPy."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from tfp_noise import NoisyLabelClassifier, losses

K, BATCH, ALPHA = 6, 20, 0.15
TERMS = ("forward_cross_entropy", "reverse_cross_entropy", "prediction_entropy", "target_entropy")
# Table 4, in its order.
ABLATION = {
    "no_fce": TERMS[1:],
    "no_rce": (TERMS[0], *TERMS[2:]),
    "no_prediction_entropy": (*TERMS[:2], TERMS[3]),
    "no_target_entropy": TERMS[:3],
    "fce_only": TERMS[:1],
    "symmetric_ce": TERMS[:2],
    "forward_kl": (TERMS[0], TERMS[3]),
    "reverse_kl": TERMS[1:3],
    "lls": TERMS,
}
RNG = np.random.default_rng(0)
LOGITS = RNG.normal(scale=2.0, size=(BATCH, K))
LABELS = RNG.integers(0, K, BATCH)
SOFT = RNG.dirichlet(np.full(K, 0.5), BATCH)
Q_LOGITS = RNG.normal(size=(K, K)).astype("float32").astype("float64")


def entropies(targets, logits):
    """The four terms for each example."""
    log_p = special.log_softmax(logits, axis=1)
    p, log_t = np.exp(log_p), np.log(targets)
    values = -np.sum(targets * log_p, 1), -np.sum(p * log_t, 1), np.sum(p * log_p, 1), np.sum(targets * log_t, 1)
    return dict(zip(TERMS, values, strict=True))


def oracle(labels, logits, q_logits, terms=TERMS):
    targets = (1 - ALPHA) * labels + ALPHA * labels @ special.softmax(q_logits, axis=1)
    return 0.5 * sum(entropies(targets, logits)[term] for term in terms)


def build(**settings):
    loss = losses.LearnableLabelSmoothing(K, ALPHA, initial_logits=Q_LOGITS, dtype="float64", **settings)
    state = loss.build_state()
    loss.attach_state(state)
    return loss, state


def value_and_gradients(loss, state, labels):
    """Values, and gradients of their sum with respect to the network's logits and those of Q."""
    logits = tf.convert_to_tensor(LOGITS)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = loss.call(labels, logits)
    by_logits, by_q = tape.gradient(value, [logits, state.logits.value])
    return value.numpy(), by_logits.numpy(), tf.convert_to_tensor(by_q).numpy()


@pytest.mark.parametrize("labels", [LABELS, SOFT], ids=["indices", "soft"])
@pytest.mark.parametrize("terms", ABLATION.values(), ids=ABLATION.keys())
def test_every_row_of_the_ablation_is_its_sum_of_terms(terms, labels):
    loss, state = build(terms=terms)
    targets = np.eye(K)[labels] if labels.ndim == 1 else labels
    value, by_logits, by_q = value_and_gradients(loss, state, labels)
    np.testing.assert_allclose(value, oracle(targets, LOGITS, Q_LOGITS, terms), rtol=1e-7)
    step = 1e-6
    numeric = np.empty_like(LOGITS)
    for j in range(K):
        shift = step * np.eye(K)[j]
        numeric[:, j] = oracle(targets, LOGITS + shift, Q_LOGITS, terms) - oracle(
            targets, LOGITS - shift, Q_LOGITS, terms
        )
    np.testing.assert_allclose(by_logits, numeric / (2 * step), rtol=1e-5, atol=1e-7)
    numeric = np.empty_like(Q_LOGITS)
    for i, j in itertools.product(range(K), range(K)):
        shift = np.zeros_like(Q_LOGITS)
        shift[i, j] = step
        upper, lower = (oracle(targets, LOGITS, Q_LOGITS + sign * shift, terms).sum() for sign in (1, -1))
        numeric[i, j] = (upper - lower) / (2 * step)
    np.testing.assert_allclose(by_q, numeric, rtol=1e-5, atol=1e-7)


def test_all_terms_are_both_kullback_leibler_divergences():
    loss, _ = build()
    targets = (1 - ALPHA) * np.eye(K)[LABELS] + ALPHA * special.softmax(Q_LOGITS, axis=1)[LABELS]
    p = special.softmax(LOGITS, axis=1)
    both = special.rel_entr(targets, p).sum(1) + special.rel_entr(p, targets).sum(1)
    np.testing.assert_allclose(loss.call(LABELS, LOGITS), both / 2, rtol=1e-7)


def test_gradients_are_those_of_appendix_b():
    """Eq. 9 and 16 for the forward divergence, 18 for the reverse one; each is halved in the loss."""
    p = special.softmax(LOGITS, axis=1)
    q = special.softmax(Q_LOGITS, axis=1)[LABELS]
    t = (1 - ALPHA) * np.eye(K)[LABELS] + ALPHA * q
    log_ratio, ratio = np.log(p / t), p / t
    forward_by_q = ALPHA * q * (np.sum(q * log_ratio, 1, keepdims=True) - log_ratio)
    reverse_by_q = ALPHA * q * (np.sum(q * ratio, 1, keepdims=True) - ratio)

    def of_rows(each):
        return np.stack([each[y == LABELS].sum(0) for y in range(K)])

    # Q is float32, and its gradients with it.
    _, by_logits, by_q = value_and_gradients(*build(terms=ABLATION["forward_kl"]), LABELS)
    np.testing.assert_allclose(by_logits, (p - t) / 2, atol=1e-8)
    np.testing.assert_allclose(by_q, of_rows(forward_by_q) / 2, atol=1e-6)
    _, _, by_q = value_and_gradients(*build(terms=ABLATION["reverse_kl"]), LABELS)
    np.testing.assert_allclose(by_q, of_rows(reverse_by_q) / 2, atol=1e-6)
    _, _, by_q = value_and_gradients(*build(), LABELS)
    np.testing.assert_allclose(by_q, of_rows(forward_by_q + reverse_by_q) / 2, atol=1e-6)


def test_the_variant_trains_each_side_alone():
    loss, state = build(variant="label_smoothing++")
    off_diagonal = np.where(np.eye(K, dtype=bool), -np.inf, Q_LOGITS)
    q = special.softmax(off_diagonal, axis=1)
    np.testing.assert_allclose(loss.q_matrix, q, atol=1e-7)
    assert loss.q_matrix.diagonal().max() == 0
    p = special.softmax(LOGITS, axis=1)
    t = (1 - ALPHA) * np.eye(K)[LABELS] + ALPHA * q[LABELS]
    value, by_logits, by_q = value_and_gradients(loss, state, LABELS)
    expected = -(np.sum(p * np.log(t + 1e-6), 1) + np.sum(t * np.log(p + 1e-6), 1)) / 2
    np.testing.assert_allclose(value, expected, rtol=1e-7)
    slope = -t / (p + 1e-6) / 2  # of the loss by p, through the network's term alone
    np.testing.assert_allclose(by_logits, p * (slope - np.sum(p * slope, 1, keepdims=True)), atol=1e-8)
    slope = -ALPHA * p / (t + 1e-6) / 2  # by q, through the targets' term alone
    each = q[LABELS] * (slope - np.sum(q[LABELS] * slope, 1, keepdims=True))
    np.testing.assert_allclose(by_q, np.stack([each[y == LABELS].sum(0) for y in range(K)]), atol=1e-8)


def test_only_rows_of_the_batch_have_a_gradient():
    """It is the sum over equal labels, as by one-hot rows, and no slices, which Adam would square one by one."""
    loss, state = build()
    labels = np.array([1, 1, 4])
    gradients = []
    for targets in (labels, np.eye(K, dtype="float32")[labels]):
        with tf.GradientTape() as tape:
            value = loss.call(targets, LOGITS[:3])
        gradients.append(tape.gradient(value, state.logits.value))
    assert not isinstance(gradients[0], tf.IndexedSlices)
    np.testing.assert_allclose(*gradients, atol=1e-6)
    np.testing.assert_array_equal(np.any(gradients[0], axis=1), np.isin(np.arange(K), labels))


def test_alpha_0_leaves_cross_entropy_in_the_forward_terms():
    for terms in (ABLATION["fce_only"], ABLATION["forward_kl"]):
        loss = losses.LearnableLabelSmoothing(K, 0.0, terms=terms)
        cross_entropy = losses.CrossEntropy(K)
        np.testing.assert_allclose(loss(LABELS, LOGITS), 0.5 * cross_entropy(LABELS, LOGITS), rtol=1e-5)
    p_of_others = 1 - special.softmax(LOGITS, axis=1)[np.arange(BATCH), LABELS]
    reverse = losses.LearnableLabelSmoothing(K, 0.0, terms=["reverse_cross_entropy"])
    np.testing.assert_allclose(reverse(LABELS, LOGITS), 0.5 * 30 * np.log(10) * p_of_others.mean(), rtol=1e-5)


def train(loss, optimizer, features=None, epochs=1):
    keras.utils.set_random_seed(0)
    network = keras.Sequential([keras.Input([K]), keras.layers.Dense(K)])
    model = NoisyLabelClassifier(network, loss)
    model.compile(optimizer, jit_compile=False)
    features = LOGITS if features is None else features
    model.fit(features.astype("float32"), LABELS, batch_size=10, epochs=epochs, verbose=0, shuffle=False)
    return model


def test_weight_decay_of_q_is_an_option_and_the_users_exclusions_stay():
    """With a zero gradient only the decay acts, in Keras a multiple of the learning rate: one step of size 1e-3."""
    for weight_decay in (True, False):
        optimizer = keras.optimizers.SGD(1e-3, weight_decay=100.0)
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        loss = losses.LearnableLabelSmoothing(K, 0.0, initial_logits=Q_LOGITS, weight_decay=weight_decay)
        model = train(loss, optimizer)
        shrunk = 0.9**2 if weight_decay else 1.0
        np.testing.assert_allclose(loss.state().logits, shrunk * Q_LOGITS, rtol=1e-5)
        assert not optimizer._use_weight_decay(model.network.layers[0].bias)
        assert optimizer._use_weight_decay(model.network.layers[0].kernel)
        model.compile(optimizer)  # once more


def test_options_of_q_reach_the_optimizer_inside_of_one_that_scales_the_loss():
    inner = keras.optimizers.SGD(1e-3, weight_decay=100.0)
    loss = losses.LearnableLabelSmoothing(K, 0.0, initial_logits=Q_LOGITS, weight_decay=False)
    train(loss, keras.optimizers.LossScaleOptimizer(inner))
    np.testing.assert_allclose(loss.state().logits, Q_LOGITS, rtol=1e-5)
    scaled, plain = (losses.LearnableLabelSmoothing(K, learning_rate=1.0) for _ in range(2))
    model = train(scaled, keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.01), initial_scale=8.0))
    train(plain, keras.optimizers.SGD(0.01))
    np.testing.assert_allclose(scaled.q_matrix, plain.q_matrix, rtol=1e-5)
    model.compile(model.optimizer)  # once more


def test_callbacks_of_the_learning_rate_set_both():
    model = train(losses.LearnableLabelSmoothing(K, learning_rate=1.0), keras.optimizers.SGD(0.01))
    before = model.get_weights()
    still = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.0)
    model.fit(LOGITS, LABELS, batch_size=10, verbose=0, callbacks=[still])
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_a_learning_rate_of_its_own_moves_q_alone(tmp_path):
    plain = train(losses.LearnableLabelSmoothing(K), keras.optimizers.SGD(0.01))
    faster = train(losses.LearnableLabelSmoothing(K, learning_rate=1.0), keras.optimizers.SGD(0.01))
    start = np.full([K, K], 1 / K)
    slow, fast = (np.abs(model.loss.q_matrix - start).max() for model in (plain, faster))
    assert fast > 30 * slow
    kernels = [model.network.layers[0].kernel.numpy() for model in (plain, faster)]
    np.testing.assert_allclose(*kernels, atol=1e-3)
    faster.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for model in (faster, loaded):
        model.fit(LOGITS, LABELS, batch_size=10, verbose=0, shuffle=False)
    np.testing.assert_array_equal(loaded.loss.q_matrix, faster.loss.q_matrix)


@pytest.mark.thorough
def test_q_learns_what_labels_look_like_and_not_the_labels_themselves():
    """Examples of class 1 resemble those of class 2: row 1 finds class 2, and its own entry is the smallest."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, K, 600)
    centres = 3 * np.eye(K)
    centres[1] = 0.5 * centres[1] + 0.5 * centres[2]
    features = (centres[labels] + rng.normal(size=(600, K))).astype("float32")
    keras.utils.set_random_seed(0)
    loss = losses.LearnableLabelSmoothing(K, learning_rate=1.0)
    model = NoisyLabelClassifier(keras.Sequential([keras.Input([K]), keras.layers.Dense(K)]), loss)
    model.compile(keras.optimizers.SGD(0.1), jit_compile=False)
    model.fit(features, labels, batch_size=50, epochs=30, verbose=0)
    q = loss.q_matrix
    assert q[1].argmax() == 2
    assert q[2].argmax() == 1
    assert (q.argmin(axis=1) == np.arange(K)).all()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"alpha": 1.5}, ValueError, "`alpha` must be.* at most 1. Received: 1.5"),
        ({"alpha": -1}, ValueError, "`alpha` must be.* at least 0.* Received: -1"),
        ({"top": K}, ValueError, "`top` must be at most 5, one less than the 6 classes. Received: 6"),
        ({"terms": ["forward"]}, ValueError, "Unknown term: 'forward'"),
        ({"terms": 3}, ValueError, "`terms` must be some of.*Received: 3"),
        ({"terms": []}, ValueError, "`terms` must be some of"),
        ({"terms": "target_entropy"}, ValueError, "`terms` must be some of"),
        ({"variant": "ls++"}, ValueError, r"Unknown variant: 'ls\+\+'"),
        ({"variant": "label_smoothing++", "top": 2}, ValueError, "`terms` and `top` belong to variant='paper'"),
        ({"variant": "label_smoothing++", "terms": TERMS[:1]}, ValueError, "`terms` and `top` belong to"),
        ({"initial_logits": np.zeros([3, 3])}, ValueError, r"`initial_logits` must be \[6, 6\].*shape \(3, 3\)"),
        ({"initial_logits": "q.npz"}, TypeError, "`initial_logits` must hold real numbers.*'q.npz'"),
        ({"initial_logits": Q_LOGITS, "top": 2}, ValueError, "`initial_logits` must be left out with `top`"),
        ({"weight_decay": 0}, TypeError, "`weight_decay` must be True or False"),
        ({"learning_rate": 0}, ValueError, "`learning_rate` must be.* above 0. Received: 0"),
    ],
)
def test_bad_settings(arguments, error, message):
    with pytest.raises(error, match=message):
        losses.LearnableLabelSmoothing(K, **arguments)


def test_alpha_1_is_warned_of():
    with pytest.warns(UserWarning, match="`alpha` should be below 1"):
        losses.LearnableLabelSmoothing(K, 1.0)
