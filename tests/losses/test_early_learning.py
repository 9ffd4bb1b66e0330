"""Early-learning regularisation: steps against a loop in NumPy, what is remembered, and identities."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from tfp_noise import NoisyLabelClassifier, losses
from tfp_noise._validation import memory as memory_check

N, K, BETA, WEIGHT = 30, 4, 0.6, 2.0
RNG = np.random.default_rng(0)
LABELS, SOFT = RNG.integers(0, K, N), RNG.dirichlet(np.ones(K), N)


def step_of_numpy(memory, ids, targets, logits, counted=None):
    """Losses of a batch and their gradient at the logits, example by example; changes the memory in place."""
    losses_, gradients = [], []
    for position, (i, y, z) in enumerate(zip(ids, targets, logits, strict=True)):
        p = special.softmax(z)
        inside = (p > 1e-4) & (p < 1 - 1e-4)
        c = np.clip(p, 1e-4, 1 - 1e-4)
        new = BETA * memory[i] + (1 - BETA) * c / c.sum()
        if counted is None or counted[position]:
            memory[i] = new
        losses_.append(-np.sum(y * np.log(p)) + WEIGHT * np.log(1 - c @ new))
        by_p = -WEIGHT * new * inside / (1 - c @ new)
        gradients.append(p - y + p * (by_p - p @ by_p))
    return np.array(losses_), np.array(gradients)


@pytest.mark.parametrize("kind", ["indices", "soft"])
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.daily("True-indices", "False-soft")
def test_steps_are_those_of_a_loop(kind, compiled):
    loss, memory = losses.EarlyLearning(K, N, BETA, WEIGHT, dtype="float64", reduction=None), np.zeros([N, K])

    @tf.function(autograph=False, jit_compile=compiled)
    def step(labels, ids, logits):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = loss({"labels": labels, "ids": ids}, logits)
        loss.update_state({"labels": labels, "ids": ids}, logits)
        return value, tape.gradient(value, logits)

    for scale in (1.0, 3.0, 12.0, 1.0):  # the third beyond the clipping
        for ids in np.split(RNG.permutation(N), 3):
            logits = scale * RNG.normal(size=(10, K))
            labels = LABELS[ids] if kind == "indices" else SOFT[ids]
            value, gradient = step(tf.constant(labels), tf.constant(ids), tf.constant(logits))
            targets = np.eye(K)[labels] if kind == "indices" else labels
            expected, slope = step_of_numpy(memory, ids, targets, logits)
            np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)  # what is remembered is float32
            np.testing.assert_allclose(gradient, slope, rtol=1e-4, atol=1e-6)
    assert memory.any(axis=1).all()
    np.testing.assert_allclose(loss.memory, memory, rtol=1e-5, atol=1e-6)


def test_examples_that_do_not_count_are_not_remembered():
    loss, memory = losses.EarlyLearning(K, N, BETA, WEIGHT, ignore_class=-1), np.zeros([N, K])
    ids, logits, weights = np.arange(N)[::-1], RNG.normal(size=(N, K)).astype("float32"), RNG.integers(0, 3, N)
    labels = np.where(np.arange(N) % 4 == 0, -1, LABELS)
    outputs = tf.constant(logits)
    outputs._keras_mask = tf.constant(np.arange(N) % 5 > 0)
    counted = (weights > 0) & (labels >= 0) & (np.arange(N) % 5 > 0)
    step_of_numpy(memory, ids, np.eye(K)[LABELS], logits, counted)
    loss.update_state({"labels": labels, "ids": ids}, outputs, weights)
    assert (np.abs(loss.memory).sum(1) == 0).sum() == N - counted.sum()
    np.testing.assert_allclose(loss.memory, memory, rtol=1e-5, atol=1e-6)


def test_of_an_id_that_is_twice_in_a_batch_the_last_one_that_counts_is_remembered():
    loss, memory = losses.EarlyLearning(K, N, BETA, WEIGHT), np.zeros([N, K])
    ids, logits = np.array([3, 7, 3, 3, 7]), RNG.normal(size=(5, K)).astype("float32")
    labels, weights = {"labels": LABELS[:5], "ids": ids}, np.array([1.0, 1.0, 1.0, 0.0, 1.0])
    loss.update_state(labels, logits, weights)
    step_of_numpy(memory, ids[[2, 4]], np.eye(K)[:2], logits[[2, 4]])
    np.testing.assert_allclose(loss.memory, memory, rtol=1e-5, atol=1e-6)


def test_weight_zero_is_cross_entropy_to_the_last_bit():
    plain = losses.CrossEntropy(K)
    logits = tf.constant(RNG.normal(size=(N, K)) * 5, tf.float32)
    for labels in (LABELS, SOFT.astype("float32")):
        loss = losses.EarlyLearning(K, N, weight=0.0)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(logits)
            ours, theirs = loss({"labels": labels, "ids": np.arange(N)}, logits), plain(labels, logits)
        assert float(ours) == float(theirs)
        np.testing.assert_array_equal(tape.gradient(ours, logits), tape.gradient(theirs, logits))
        loss.update_state({"labels": labels, "ids": np.arange(N)}, logits)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_ids_of_no_example_have_the_loss_nan_and_change_nothing(jit_compile):
    loss = losses.EarlyLearning(K, N, reduction=None)
    ids, logits = tf.constant([0, -1, N, 2**32, 2**40 + 1, N - 1], tf.int64), tf.zeros([6, K])
    unknown = [False, True, True, True, True, False]

    @tf.function(autograph=False, jit_compile=jit_compile)
    def step(ids):
        labels = {"labels": tf.zeros([6], tf.int32), "ids": ids}
        loss.update_state(labels, logits)
        return loss(labels, logits), loss.call(labels, logits)

    for value in step(ids):
        np.testing.assert_array_equal(np.isnan(value), unknown)
    np.testing.assert_array_equal(np.flatnonzero(loss.memory.any(1)), [0, N - 1])


def test_a_wrong_label_is_not_learned_once_the_right_one_was():
    """The gradient at the logits of a remembered class points to it in spite of the label."""
    loss = losses.EarlyLearning(K, 1, beta=0.9, weight=3.0)
    sure = tf.constant([[4.0, 0.0, 0.0, 0.0]])
    for _ in range(30):
        loss.update_state({"labels": [0], "ids": [0]}, sure)
    logits = tf.constant([[1.0, 0.5, 0.0, 0.0]])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        ours, plain = loss({"labels": [1], "ids": [0]}, logits), losses.CrossEntropy(K)([1], logits)
    ours, plain = tape.gradient(ours, logits)[0], tape.gradient(plain, logits)[0]
    assert plain[0] > 0 > ours[0] - plain[0]
    assert ours[0] < 0.5 * plain[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"beta": 1.0}, "`beta` must be.* at least 0 and below 1. Received: 1.0"),
        ({"weight": -1}, "`weight` must be.* at least 0. Received: -1"),
        ({"num_examples": 0}, "`num_examples` must be at least 1. Received: 0"),
        ({"num_examples": 2**24 + 1}, r"`num_examples` must be at most 2\^24.* Received: 16777217"),
    ],
)
def test_numbers_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        losses.EarlyLearning(K, **{"num_examples": N, **arguments})


def test_a_memory_of_more_than_half_of_ram_is_refused_before_it_is_made(monkeypatch):
    monkeypatch.setattr(memory_check, "ram", lambda: 9600)
    assert losses.EarlyLearning(10, 100).num_examples == 100
    with pytest.raises(ValueError, match=r"into half of this machine's RAM, .* 4,800 bytes. Received: 101,.* 4,848 by"):
        losses.EarlyLearning(10, 101)


@pytest.mark.parametrize(
    ("y_true", "error", "message"),
    [
        (
            LABELS,
            ValueError,
            r'`y_true` must be \{"labels": labels, "ids": ids\} for EarlyLearning.* Received: ndarray',
        ),
        ({"labels": LABELS, "id": LABELS}, ValueError, r'`y_true` must be \{"labels": labels, "ids": ids\}'),
        ({"labels": LABELS, "ids": LABELS / 2}, TypeError, r'`y_true\["ids"\]` must be integers. Received dtype float'),
        ({"labels": LABELS, "ids": LABELS[:, None]}, ValueError, r'`y_true\["ids"\]` must have shape \[batch\]'),
    ],
)
def test_labels_without_right_ids_are_refused(y_true, error, message):
    with pytest.raises(error, match=message):
        losses.EarlyLearning(K, N)(y_true, np.zeros([N, K]))


def test_evaluation_is_cross_entropy_and_needs_no_ids():
    loss, logits = losses.EarlyLearning(K, N), RNG.normal(size=(N, K))
    expected = losses.CrossEntropy(K)(LABELS, logits)
    for labels in (LABELS, {"labels": LABELS, "ids": np.arange(N)}):
        np.testing.assert_allclose(loss.evaluation_loss(labels, logits), expected, rtol=1e-6)


def test_memory_of_another_number_of_examples_is_refused(tmp_path):
    def build(num_examples):
        network = keras.Sequential([keras.Input([2]), keras.layers.Dense(K)])
        return NoisyLabelClassifier(network, losses.EarlyLearning(K, num_examples))

    build(5).save_weights(tmp_path / "model.weights.h5")
    with pytest.raises(ValueError, match=r"EarlyLearning\(4, num_examples=7\)\. Received.*num_examples=5\)"):
        build(7).load_weights(tmp_path / "model.weights.h5")


@pytest.mark.parametrize("build", [losses.EarlyLearning, lambda k, n: losses.PENCIL(k, n, backbone_epochs=0)])
def test_a_compiled_step_does_not_copy_what_is_remembered(build):
    """It would take most of the step's time for many examples."""
    loss = build(K, 1001)
    loss.state()
    logits = tf.zeros([6, K])

    @tf.function(autograph=False, jit_compile=True)
    def step(labels, ids):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = loss({"labels": labels, "ids": ids}, logits)
        loss.update_state({"labels": labels, "ids": ids}, logits)
        return tape.gradient(value, logits)

    program = step.experimental_get_compiler_ir(tf.zeros([6], tf.int32), tf.range(6, dtype=tf.int64))("optimized_hlo")
    of_all = re.findall(r"= (\w+\[1001\S*)\{\S* ([\w-]+)\(", program)
    assert {shape for shape, _ in of_all} == {f"f32[1001,{K}]", "s64[1001]"}  # the memory's two variables and no others
    operations = {operation for _, operation in of_all}
    assert "parameter" in operations
    assert "copy" not in operations
