"""Uses of learned targets: rows in a history and a file, a start for another training, a teacher."""

import keras
import numpy as np
import pytest
from scipy import special

from tfp_noise import DistilledClassifier, NoisyLabelClassifier, callbacks, losses
from tfp_noise.similarities import ClassSimilarities

NAMES = ("zero", "one", "two", "three")
K = len(NAMES)


def examples(n=512, seed=0):
    """Examples of four classes, 0 and 1 similar, 2 and 3 similar."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, K, n)
    centers = np.array([[2.0, 0.5], [2.0, -0.5], [-2.0, 0.5], [-2.0, -0.5]])
    return (centers[labels] + 0.7 * rng.normal(size=(n, 2))).astype("float32"), labels


def classifier(loss, seed=0):
    keras.utils.set_random_seed(seed)
    network = keras.Sequential([keras.Input([2]), keras.layers.Dense(8, "tanh"), keras.layers.Dense(K)])
    model = NoisyLabelClassifier(network, loss)
    model.compile(keras.optimizers.Adam(0.05), jit_compile=False)
    return model


@pytest.fixture(scope="module")
def teacher():
    """A classifier with learned targets; no test may train it further."""
    model = classifier(losses.LearnableLabelSmoothing(K))
    model.fit(*examples(), epochs=8, verbose=0)
    return model


def rows_of(loss):
    """The square matrix, from the loss's public properties."""
    rows = loss.class_rows
    if isinstance(rows, np.ndarray):
        return rows
    square = np.empty([K, K])
    for row, (indices, values, remainder) in enumerate(zip(*rows, strict=True)):
        square[row] = remainder / (K - len(indices))
        square[row, indices] = values
    return square


@pytest.mark.parametrize("top", [None, 2])
@pytest.mark.parametrize("build", [losses.OnlineLabelSmoothing, losses.LearnableLabelSmoothing])
@pytest.mark.daily("LearnableLabelSmoothing-2")
def test_rows_go_from_training_to_a_file(build, top, tmp_path):
    history = callbacks.ClassRowsHistory(every=2, log_dir=tmp_path / "logs", class_names=NAMES)
    model = classifier(build(K, top=top))
    model.fit(*examples(), epochs=4, batch_size=128, callbacks=[history], verbose=0)
    assert history.epochs == [2, 4]
    for one, last in zip(history.rows[-1], model.loss.class_rows, strict=True):
        np.testing.assert_array_equal(one, last)
    assert any(np.any(one != last) for one, last in zip(history.rows[0], history.rows[-1], strict=True))
    ClassSimilarities(model.loss.class_rows, NAMES).save(tmp_path / "rows.npz")
    read = ClassSimilarities.load(tmp_path / "rows.npz")
    np.testing.assert_allclose(read.matrix, rows_of(model.loss), rtol=1e-6)
    if top is None:
        np.testing.assert_array_equal(read.matrix, model.loss.class_rows)


@pytest.mark.thorough
def test_learning_goes_on_from_the_rows_of_another_training(teacher):
    learned = ClassSimilarities(teacher.loss.q_matrix, NAMES)
    loss = losses.LearnableLabelSmoothing(K, initial_logits=learned.logits)
    np.testing.assert_allclose(loss.q_matrix, teacher.loss.q_matrix, rtol=1e-5)
    second = classifier(loss, seed=1)
    second.fit(*examples(), epochs=1, verbose=0)
    assert np.abs(loss.q_matrix - teacher.loss.q_matrix).max() > 1e-4
    half = losses.LearnableLabelSmoothing(2, initial_logits=learned.subset(["two", "one"]).logits)
    chosen = np.asarray(teacher.loss_state.logits)[np.ix_([2, 1], [2, 1])]
    np.testing.assert_allclose(half.q_matrix, special.softmax(chosen, axis=1), rtol=1e-5)


def test_learned_rows_leave_the_label_out_and_find_its_neighbour(teacher):
    q = teacher.loss.q_matrix
    assert np.diag(q).max() < 1 / K
    assert q.argmax(axis=1).tolist() == [1, 0, 3, 2]


def test_a_student_learns_from_the_rows_in_the_place_of_a_teacher(teacher):
    q = teacher.loss.q_matrix
    student = classifier(ClassSimilarities(q, NAMES).substitute_teacher(K, alpha=0.1), seed=1)
    x, labels = examples(seed=1)
    logits = np.asarray(student(x), np.float64)
    targets = 0.9 * np.eye(K)[labels] + 0.1 * q[labels].astype(np.float64)
    expected = -np.mean(np.sum(targets * special.log_softmax(logits, axis=1), axis=1))
    assert student.evaluate(x, labels, verbose=0) == pytest.approx(expected, rel=1e-5)
    student.fit(x, labels, epochs=2, verbose=0)
    assert np.mean(student.predict(x, verbose=0).argmax(axis=1) == labels) > 0.6


def test_a_student_learns_from_a_teacher_that_learned_its_targets(teacher):
    """Eq. 6 with beta = 0 and T = 1: the cross-entropy of the student to the teacher's probabilities, and no label."""
    x, _ = examples()
    before = [np.array(weight) for weight in teacher.weights]
    keras.utils.set_random_seed(1)
    network = keras.Sequential([keras.Input([2]), keras.layers.Dense(K)])
    student = DistilledClassifier(network, losses.CrossEntropy(K), teacher, temperature=1.0)
    student.compile(keras.optimizers.SGD(0.5), jit_compile=False)
    t = special.softmax(np.asarray(teacher(x), np.float64), axis=1)
    start = special.log_softmax(np.asarray(network(x), np.float64), axis=1)
    cross_entropy = -np.mean(np.sum(t * start, axis=1))
    history = student.fit(x, epochs=1, batch_size=len(x), verbose=0)
    assert history.history["loss"][0] == pytest.approx(cross_entropy, rel=1e-5)
    student.fit(x, epochs=2, verbose=0)
    end = special.log_softmax(np.asarray(network(x), np.float64), axis=1)
    assert -np.mean(np.sum(t * end, axis=1)) < 0.9 * cross_entropy
    for old, weight in zip(before, teacher.weights, strict=True):
        np.testing.assert_array_equal(old, weight)
