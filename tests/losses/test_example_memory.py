"""Parts of a memory of examples: the last of a batch, the class of each label, and how much fits into RAM."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_noise import PrototypeCorrection, losses
from tfp_noise._validation import memory
from tfp_noise.losses import _state

N, K = 30, 4
RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, K, N)
BUILDS = {"EarlyLearning": losses.EarlyLearning, "PENCIL": functools.partial(losses.PENCIL, backbone_epochs=0)}
MODES = {"eager": None, "graph": False, "xla": True}


def in_mode(function, mode):
    return function if mode == "eager" else tf.function(function, autograph=False, jit_compile=MODES[mode])


def stepper(loss, mode):
    """A function of labels, ids and weights that gives the losses of a training step."""

    def step(labels, ids, weights):
        y_true, logits = {"labels": labels, "ids": ids}, tf.zeros([ids.shape[0], K])
        values = loss(y_true, logits)
        loss.update_state(y_true, logits, weights)
        return values

    function = in_mode(step, mode)
    return lambda labels, ids, weights: np.asarray(
        function(tf.constant(labels), tf.constant(ids), tf.constant(weights, "float32"))
    )


@pytest.mark.parametrize("mode", MODES)
def test_the_last_example_of_a_label_is_that_of_a_loop(mode):
    find = in_mode(_state.is_last, mode)
    batches = [(RNG.integers(0, 9, 20), RNG.integers(0, 2, 20)) for _ in range(5)]
    for labels, weights in [*batches, (np.full(20, 3), np.ones(20)), (np.full(20, 2**24 - 1), np.zeros(20))]:
        last = {label: i for i, (label, weight) in enumerate(zip(labels, weights, strict=True)) if weight > 0}
        found = find(tf.constant(labels, tf.int32), tf.constant(weights, tf.float32))
        np.testing.assert_array_equal(np.flatnonzero(found), sorted(last.values()))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS.keys())
def test_an_id_with_another_label_than_before_has_the_loss_nan_and_changes_nothing(build, mode):
    loss = build(K, N, reduction=None)
    step, ids, ones = stepper(loss, mode), np.arange(10), np.ones(10)
    assert (loss.state().classes.numpy() == -1).all()
    assert np.isfinite(step(LABELS[:10], ids, ones)).all()
    np.testing.assert_array_equal(loss.state().classes.numpy()[:11], [*LABELS[:10], -1])
    assert np.isfinite(step(LABELS[5:15], ids + 5, ones)).all()
    before, other = loss.memory, LABELS[:10].copy()
    other[[3, 8]] = (other[[3, 8]] + 1) % K
    np.testing.assert_array_equal(np.isnan(step(other, ids, np.where(ids % 5 == 3, 1, 0))), ids % 5 == 3)
    np.testing.assert_array_equal(loss.memory, before)
    np.testing.assert_array_equal(loss.state().classes.numpy(), np.where(np.arange(N) < 15, LABELS, -1))
    assert np.isfinite(step(LABELS[:10], ids, ones)).all()


@pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS.keys())
def test_labels_that_do_not_count_are_neither_kept_nor_compared(build):
    loss = build(K, N, reduction=None, ignore_class=-1)
    step, ids = stepper(loss, "eager"), np.arange(10)
    weights, unknown = ids % 3 > 0, ids % 2 == 0
    assert np.isfinite(step(np.where(unknown, -1, LABELS[:10]), ids, weights)).all()
    np.testing.assert_array_equal(loss.state().classes.numpy()[:10], np.where(weights & ~unknown, LABELS[:10], -1))
    assert np.isfinite(step(np.where(unknown, LABELS[:10], -1), ids, np.ones(10))).all()


def test_of_an_id_that_is_twice_in_a_batch_the_other_label_is_noticed_in_the_next_step():
    loss = losses.EarlyLearning(K, N, reduction=None)
    step, ids = stepper(loss, "eager"), np.array([3, 7, 3])
    for unnoticed in (False, True):
        np.testing.assert_array_equal(np.isnan(step([0, 1, 2], ids, np.ones(3))), [unnoticed, False, False])
    assert loss.state().classes.numpy()[[3, 7]].tolist() == [2, 1]


def test_a_soft_label_is_its_largest_entry_whatever_holds_it():
    """The last row's two entries are equal in float32, and the second one is larger in float64."""
    loss = losses.EarlyLearning(K, N, reduction=None, dtype="float64")
    soft = np.array([[0.1, 0.2, 0.7, 0.0], [0.4, 0.3, 0.2, 0.1], [0.5 - 1e-12, 0.5 + 1e-12, 0.0, 0.0]])
    spellings = [
        soft,
        soft.astype("float32"),
        np.array([2, 0, 0]),
        np.array([[2.0], [0.0], [0.0]]),
        np.eye(K)[[2, 0, 0]],
    ]
    for labels in spellings:
        assert np.isfinite(stepper(loss, "eager")(labels, np.arange(3), np.ones(3))).all()
    assert loss.state().classes.numpy()[:4].tolist() == [2, 0, 0, -1]


def test_the_memory_of_this_machine_is_known():
    assert 2**27 < memory.ram() < 2**50


def test_the_limit_of_a_container_counts_if_there_is_one(tmp_path, monkeypatch):
    machine, limits = memory.ram(), [tmp_path / "memory.max", tmp_path / "memory.limit_in_bytes"]
    monkeypatch.setattr(memory, "_LIMITS_OF_CONTAINER", limits)
    limits[0].write_text("max\n")
    limits[1].write_text(f"{2**63 - 4096}\n")
    assert machine <= memory.ram() < 2**50
    for limit in limits:
        limit.write_text("1000000\n")
        assert memory.ram() == 1_000_000
        limit.unlink()


def test_samples_of_prototypes_that_do_not_fit_into_memory_are_refused(monkeypatch):
    monkeypatch.setattr(memory, "ram", lambda: 2 * 4 * 3 * 100 * 8)

    def build(num_samples):
        layers = [keras.layers.Dense(8), keras.layers.Dense(3)]
        network = keras.Sequential([keras.Input([4]), *layers])
        return PrototypeCorrection(network, losses.CrossEntropy(3), warm_up=1, num_samples=num_samples)

    assert build(100).num_samples == 100
    with pytest.raises(ValueError, match=r"`num_samples` must be so small that .* Received: 101, .* Keep fewer"):
        build(101)
