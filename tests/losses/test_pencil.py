"""PENCIL: phases against a loop in NumPy whose label logits follow finite differences, and what is learned."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from tfp_noise import NoisyLabelClassifier, losses

N, K, ALPHA, BETA, RATE, START = 12, 3, 0.3, 0.2, 1.5, 4.0
RNG = np.random.default_rng(0)
LABELS, SOFT = RNG.integers(0, K, N), RNG.dirichlet(np.ones(K), N)


def build(**arguments):
    arguments = {"backbone_epochs": 1, "joint_epochs": 2, "initial_logit": START} | arguments
    return losses.PENCIL(K, N, ALPHA, BETA, RATE, **arguments)


def loss_of_numpy(epoch, y, label_logits, logits):
    """The loss of one example in an epoch."""
    p, d = special.softmax(logits), special.softmax(label_logits)
    if epoch == 0:
        return -np.sum(y * np.log(p))
    value = np.mean(special.rel_entr(p, d))
    if epoch > 2:
        return value
    return value - ALPHA * np.sum(y * np.log(special.softmax(d))) + BETA * stats.entropy(p) / K


def slope(function, at):
    moved = 1e-6 * np.eye(K)
    return np.array([(function(at + one) - function(at - one)) / 2e-6 for one in moved])


@pytest.mark.parametrize("kind", ["indices", "soft"])
def test_phases_are_those_of_a_loop(kind):
    loss = build(dtype="float64", reduction=None)
    targets = np.eye(K)[LABELS] if kind == "indices" else SOFT
    given, label_logits = LABELS if kind == "indices" else SOFT, START * targets

    @tf.function(autograph=False)
    def step(labels, ids, logits):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = loss({"labels": labels, "ids": ids}, logits)
        loss.update_state({"labels": labels, "ids": ids}, logits)
        return value, tape.gradient(value, logits)

    for epoch in range(5):
        before = label_logits.copy()
        for ids in np.split(RNG.permutation(N), 2):
            logits = 2 * RNG.normal(size=(len(ids), K))
            value, gradient = step(tf.constant(given[ids]), tf.constant(ids), tf.constant(logits))
            for i, z, ours, by_logits in zip(ids, logits, value, gradient, strict=True):
                y, at = targets[i], label_logits[i].copy()
                assert float(ours) == pytest.approx(loss_of_numpy(epoch, y, at, z), rel=1e-5, abs=1e-6)
                expected = slope(lambda z, epoch=epoch, y=y, at=at: loss_of_numpy(epoch, y, at, z), z)
                np.testing.assert_allclose(by_logits, expected, rtol=1e-4, atol=1e-6)
                if epoch in (1, 2):
                    label_logits[i] -= RATE * slope(lambda a, y=y, z=z: loss_of_numpy(1, y, a, z), at)
        loss.state().end_epoch()
        assert np.any(label_logits != before) == (epoch in (1, 2))
        np.testing.assert_allclose(loss.memory, label_logits - START * targets, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(loss.label_distributions(given), special.softmax(label_logits, axis=1), atol=1e-5)


def test_the_first_phase_is_cross_entropy_to_the_last_bit():
    loss, plain = build(), losses.CrossEntropy(K)
    logits = tf.constant(RNG.normal(size=(N, K)) * 5, tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        ours, theirs = loss({"labels": LABELS, "ids": np.arange(N)}, logits), plain(LABELS, logits)
    assert float(ours) == float(theirs)
    np.testing.assert_array_equal(tape.gradient(ours, logits), tape.gradient(theirs, logits))


def test_a_label_turns_to_what_is_predicted_and_training_goes_on_bit_for_bit(tmp_path):
    """The points are the corners of a square, ten times each; one of them has a wrong label once."""
    corners = np.array([[0, 0], [0, 4], [4, 0], [4, 4]], "float32")
    x, y = np.tile(corners, [10, 1]), np.tile([0, 1, 2, 2], 10)
    wrong = y.copy()
    wrong[5] = 0

    def classifier():
        keras.utils.set_random_seed(0)
        loss = losses.PENCIL(3, 40, alpha=0.1, label_rate=60.0, backbone_epochs=5, joint_epochs=7)
        model = NoisyLabelClassifier(keras.Sequential([keras.Input([2]), keras.layers.Dense(3)]), loss)
        model.compile(keras.optimizers.Adam(0.3), run_eagerly=True)
        return model

    class SaveHalfWay(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 7:
                self.model.save(tmp_path / "half.keras")

    whole = classifier()
    whole.fit(x, wrong, batch_size=40, epochs=16, shuffle=False, verbose=0, callbacks=[SaveHalfWay()])
    np.testing.assert_array_equal(whole.loss.label_distributions(wrong).argmax(axis=1), y)
    restored = keras.models.load_model(tmp_path / "half.keras")
    restored.run_eagerly = True
    restored.fit(x, wrong, batch_size=40, epochs=8, shuffle=False, verbose=0)
    assert int(restored.loss_state.epochs) == 16
    for ours, theirs in zip(restored.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (LABELS[:5], ValueError, "`labels` must be those of all 12 training examples. Received: 5"),
        (LABELS + 1, ValueError, r"`labels` must lie in \[0, 3\)"),
        (LABELS / 2, TypeError, "`labels` must be integer class indices"),
    ],
)
def test_labels_of_other_examples_are_refused(labels, error, message):
    with pytest.raises(error, match=message):
        build().label_distributions(labels)


def test_labels_that_are_ignored_later_are_no_others():
    loss = build(ignore_class=-1)
    loss.update_state({"labels": LABELS, "ids": np.arange(N)}, tf.zeros([N, K]))
    partly = np.where(np.arange(N) < 4, -1, LABELS)
    np.testing.assert_array_equal(loss.label_distributions(partly)[4:].argmax(axis=1), LABELS[4:])


def test_labels_in_another_order_than_ids_are_refused_and_the_cure_helps():
    """Rows are found by id: beside labels in another order, each would be added to the logits of another example."""
    ids, loss = np.arange(N)[::-1], build()
    loss.update_state({"labels": LABELS, "ids": ids}, tf.zeros([N, K]))
    with pytest.raises(ValueError, match=r"in the order of ids.*another label for \d+ of 12 ids.*`labels\[np.argsort"):
        loss.label_distributions(LABELS)
    found = loss.label_distributions(LABELS[np.argsort(ids)])
    np.testing.assert_array_equal(found.argmax(axis=1)[ids], LABELS)
