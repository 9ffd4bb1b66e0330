"""Rows by their largest entries: the search for them, the loss and its gradients."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from tests.losses.test_online import BATCH, EPOCHS, STEPS, train
from tfp_noise import NoisyLabelClassifier, losses

K = 9


def batches(seed=0):
    """Logits and labels `[epochs, steps, batch, ...]`; each class has its own two neighbours, two thirds are right."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, K, (EPOCHS, STEPS, BATCH))
    near = np.roll(np.eye(K), 2, axis=1) * 3 + np.roll(np.eye(K), 5, axis=1) * 2 + 4 * np.eye(K)
    logits = (near[true] + rng.normal(size=(*true.shape, K))).astype("float32")
    return logits, np.where(rng.random(true.shape) < 2 / 3, logits.argmax(-1), true).astype("int32")


def followed_one_by_one(logits, labels, top, per_epoch):
    """Entries `{class: value}` of each row after all epochs, found with dicts, in float64."""
    kept = [{(y + n) % K: 1 / K for n in range(top)} for y in range(K)]
    count_candidates = min(top, K - top)
    for epoch_logits, epoch_labels in zip(logits, labels, strict=True):
        sums = [dict.fromkeys(row, 0.0) for row in kept]
        counts = np.zeros(K)
        for outputs, classes in zip(epoch_logits, epoch_labels, strict=True):
            p = special.softmax(outputs.astype("float64"), axis=-1)
            right = [i for i, y in enumerate(classes) if not per_epoch or p[i].argmax() == y]
            for y in {classes[i] for i in right}:
                if counts[y] == 0:
                    last = p[max(i for i in right if classes[i] == y)]
                    others = sorted((k for k in range(K) if k not in kept[y]), key=lambda k, p=last: -p[k])
                    sums[y] |= dict.fromkeys(others[:count_candidates], 0.0)
            for i in right:
                for k in sums[classes[i]]:
                    sums[classes[i]][k] += p[i, k]
                counts[classes[i]] += 1
        for y in range(K):
            if counts[y]:
                best = sorted(sums[y], key=lambda k, y=y: -sums[y][k])[:top]
                kept[y] = {k: sums[y][k] / counts[y] for k in best}
            else:
                kept[y] = dict.fromkeys(kept[y], 1 / K)
    return kept


def dense(rows):
    matrix = np.repeat((rows.remainder / (K - rows.values.shape[1]))[:, None], K, axis=1)
    np.put_along_axis(matrix, rows.indices, rows.values, axis=1)
    return matrix


@pytest.mark.parametrize(
    ("top", "jit_compile"),
    [(1, True), (3, False), (6, True), (K - 1, False)]
    + [pytest.param(*rest, marks=pytest.mark.torture) for rest in [(1, False), (3, True), (6, False), (K - 1, True)]],
)
@pytest.mark.daily("3-False")
def test_online_keeps_the_entries_with_the_largest_means(top, jit_compile):
    logits, labels = batches()
    loss = losses.OnlineLabelSmoothing(K, top=top)
    train(loss, logits, labels, jit_compile=jit_compile)
    rows = loss.soft_labels
    for y, expected in enumerate(followed_one_by_one(logits, labels, top, per_epoch=True)):
        found = dict(zip(rows.indices[y].tolist(), rows.values[y], strict=True))
        assert found.keys() == expected.keys()
        np.testing.assert_allclose([found[k] for k in expected], list(expected.values()), atol=1e-6)
    np.testing.assert_allclose(rows.values.sum(1) + rows.remainder, 1, atol=1e-6)


def test_all_but_one_entry_is_the_whole_row():
    logits, labels = batches()
    whole, top = losses.OnlineLabelSmoothing(K), losses.OnlineLabelSmoothing(K, top=K - 1)
    models = [train(loss, logits, labels) for loss in (whole, top)]
    np.testing.assert_allclose(dense(top.soft_labels), whole.soft_labels, atol=1e-6)
    soft = np.random.default_rng(1).dirichlet(np.ones(K), BATCH).astype("float32")
    for y_true in (labels[0, 0], soft):
        ours, theirs = (model.loss.call(y_true, logits[0, 0]) for model in models)
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


@pytest.mark.parametrize("loss_class", [losses.OnlineLabelSmoothing, losses.LearnableLabelSmoothing])
def test_the_loss_is_that_of_the_rows_written_out(loss_class):
    """Hard and soft labels, with entries of any value, against a dense loss with the same matrix."""
    logits, labels = batches()
    alpha, soft = 0.3, np.random.default_rng(1).dirichlet(np.ones(K), BATCH)
    loss = loss_class(K, alpha, top=3, dtype="float64")
    train(loss, logits, labels)
    weight = 1 - alpha if loss_class is losses.OnlineLabelSmoothing else alpha
    for y_true, rows in ((labels[0, 0], np.eye(K)[labels[0, 0]]), (soft, soft)):
        outputs = logits[0, 0].astype("float64")
        targets = (1 - weight) * rows + weight * rows @ dense(loss.class_rows).astype("float64")
        log_p = special.log_softmax(outputs, axis=1)
        if loss_class is losses.OnlineLabelSmoothing:
            expected = -np.sum(targets * log_p, axis=1)
        else:
            expected = np.sum((targets - np.exp(log_p)) * (np.log(targets) - log_p), axis=1) / 2
        np.testing.assert_allclose(loss.call(y_true, outputs), expected, rtol=1e-6)


@pytest.mark.parametrize("soft", [False, True])
def test_gradients_reach_the_entries_and_the_shared_logit(soft):
    """The oracle is finite differences of the dense loss with the logits written out."""
    logits, labels = batches()
    loss = losses.LearnableLabelSmoothing(K, 0.3, top=3, dtype="float64")
    state = loss.build_state()
    loss.attach_state(state)
    rng = np.random.default_rng(0)
    state.logits.assign(rng.normal(size=(K, 3)))
    state.shared_logits.assign(rng.normal(size=K))
    y_true = rng.dirichlet(np.ones(K), BATCH) if soft else labels[0, 0]
    outputs = logits[0, 0].astype("float64")
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(loss.call(y_true, outputs))
    gradients = tape.gradient(value, [state.logits.value, state.shared_logits.value])
    entries, shared = state.logits.numpy().astype("float64"), state.shared_logits.numpy().astype("float64")
    indices = state.entries.indices.numpy()[:, :3]

    def written_out(entries, shared):
        matrix = np.repeat(shared[:, None], K, axis=1)
        np.put_along_axis(matrix, indices, entries, axis=1)
        rows = y_true if soft else np.eye(K)[y_true]
        targets = 0.7 * rows + 0.3 * rows @ special.softmax(matrix, axis=1)
        log_p = special.log_softmax(outputs, axis=1)
        return np.sum((targets - np.exp(log_p)) * (np.log(targets) - log_p)) / 2

    assert float(value) == pytest.approx(written_out(entries, shared), rel=1e-6)
    step = 1e-6
    for position in np.ndindex(K, 3):
        shift = np.zeros_like(entries)
        shift[position] = step
        numeric = (written_out(entries + shift, shared) - written_out(entries - shift, shared)) / (2 * step)
        assert tf.convert_to_tensor(gradients[0]).numpy()[position] == pytest.approx(numeric, abs=1e-5)
    for y in range(K):
        shift = step * np.eye(K)[y]
        numeric = (written_out(entries, shared + shift) - written_out(entries, shared - shift)) / (2 * step)
        assert tf.convert_to_tensor(gradients[1]).numpy()[y] == pytest.approx(numeric, abs=1e-5)


def test_an_entry_that_comes_in_changes_nothing_but_its_place():
    """A new entry starts at the shared logit, one that leaves shares it, and entries that stay keep logit and place."""
    logits, labels = batches()
    loss = losses.LearnableLabelSmoothing(K, top=3)
    state = loss.build_state()
    loss.attach_state(state)
    rng = np.random.default_rng(0)
    state.logits.assign(rng.normal(size=(K, 3)))
    state.shared_logits.assign(rng.normal(size=K))
    for step_labels, step_logits in zip(labels[0], logits[0], strict=True):
        loss.update_state(step_labels, step_logits)
    before, old_logits = state.entries.indices.numpy()[:, :3], state.logits.numpy()
    state.end_epoch()
    after, new_logits = state.entries.indices.numpy()[:, :3], state.logits.numpy()
    changed = before != after
    assert 0 < changed.sum() < changed.size
    np.testing.assert_array_equal(new_logits[~changed], old_logits[~changed])
    expected = np.broadcast_to(state.shared_logits.numpy()[:, None], changed.shape)
    np.testing.assert_array_equal(new_logits[changed], expected[changed])
    expected = followed_one_by_one(logits[:1], labels[:1], 3, per_epoch=False)
    assert [set(row) for row in after.tolist()] == [set(row) for row in expected]
    assert all(len(set(row)) == 3 for row in after.tolist())


@pytest.mark.thorough
def test_learnable_finds_the_neighbours_and_agrees_with_whole_rows():
    """Trained on a problem where each class looks like two others."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, K, 1200)
    centres = 2 * np.eye(K) + np.roll(np.eye(K), 1, axis=1) + np.roll(np.eye(K), 4, axis=1)
    features = (centres[labels] + 0.7 * rng.normal(size=(1200, K))).astype("float32")

    def learned(top):
        keras.utils.set_random_seed(0)
        loss = losses.LearnableLabelSmoothing(K, top=top, learning_rate=1.0)
        model = NoisyLabelClassifier(keras.Sequential([keras.Input([K]), keras.layers.Dense(K)]), loss)
        model.compile(keras.optimizers.SGD(0.2), metrics=["accuracy"], jit_compile=False)
        history = model.fit(features, labels, batch_size=50, epochs=15, verbose=0, shuffle=False).history
        return loss.q_matrix, history["accuracy"][-1]

    whole, accuracy = learned(None)
    rows, accuracy_of_top = learned(4)
    apart = np.ones([K, K])
    np.put_along_axis(apart, rows.indices, 0.0, axis=1)
    shared = np.where(apart, np.sum(apart * whole, 1, keepdims=True) / np.sum(apart, 1, keepdims=True), whole)
    np.testing.assert_allclose(dense(rows), shared, atol=0.03)
    assert accuracy_of_top == pytest.approx(accuracy, abs=0.01)
    for y in range(K):
        likeliest = set(np.argsort(-whole[y])[:2].tolist())
        assert likeliest <= set(rows.indices[y].tolist())


@pytest.mark.parametrize("soft", [False, True], ids=["indices", "soft"])
@pytest.mark.parametrize("loss_class", [losses.OnlineLabelSmoothing, losses.LearnableLabelSmoothing])
@pytest.mark.daily("OnlineLabelSmoothing-soft")
def test_no_square_array_exists_at_any_time(loss_class, soft):
    """The compiled programs of a step and of the end of an epoch hold no array with K^2 elements."""
    num_classes, batch = 1009, 8
    loss = loss_class(num_classes, top=4)
    state = loss.build_state()
    loss.attach_state(state)
    labels = tf.zeros([batch, num_classes]) if soft else tf.zeros([batch], tf.int32)

    @tf.function(autograph=False, jit_compile=True)
    def step(labels, outputs):
        with tf.GradientTape() as tape:
            tape.watch(outputs)
            value = loss(labels, outputs)
        loss.update_state(labels, outputs)
        return tape.gradient(value, [outputs, *(variable.value for variable in state.trainable_variables)])

    programs = [(step, (labels, tf.zeros([batch, num_classes])))]
    if not soft:  # the end of an epoch does not depend on labels
        programs.append((tf.function(state.end_epoch, jit_compile=True, autograph=False), ()))
    for function, arguments in programs:
        program = function.experimental_get_compiler_ir(*arguments)(stage="optimized_hlo")
        shapes = re.findall(r"\[(\d+(?:,\d+)*)\]", program)
        sizes = [np.prod([int(size) for size in shape.split(",")]) for shape in shapes]
        assert max(sizes) >= num_classes  # else the program was not read
        assert max(sizes) < 5 * batch * num_classes
