"""Files, subsets and substitute teachers made of class similarities, against softmaxes computed in the test."""

import os

import keras
import numpy as np
import pytest
from scipy import optimize, special

from tests.helpers.top_rows import spread, top_of
from tfp_noise import losses
from tfp_noise.similarities import ClassSimilarities

NAMES = ("airplane", "automobile", "bird", "cat", "deer")


def learned_logits(size=5, seed=0):
    """Logits like those of Q after training: the diagonal is far below the other entries."""
    logits = np.random.default_rng(seed).normal(size=(size, size))
    return logits - 8 * np.eye(size)


Q = special.softmax(learned_logits(), axis=1)


@pytest.mark.parametrize("rows", [Q, top_of(Q, 2)], ids=["square", "top"])
def test_a_file_brings_back_every_bit(rows, tmp_path):
    written = ClassSimilarities(rows, NAMES)
    written.save(tmp_path / "q.npz")
    read = ClassSimilarities.load(tmp_path / "q.npz")
    assert type(read.rows) is type(written.rows)
    for one, other in zip(read.rows, written.rows, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(read.matrix, written.matrix)
    assert read.class_names == NAMES
    assert os.listdir(tmp_path) == ["q.npz"]


def test_an_interrupted_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "q.npz"
    ClassSimilarities(Q, NAMES).save(path)

    def fail(file, **arrays):
        file.write_bytes(b"half of it")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez_compressed", fail)
    with pytest.raises(OSError, match="disk full"):
        ClassSimilarities(np.eye(5), NAMES).save(path)
    np.testing.assert_array_equal(ClassSimilarities.load(path).matrix, Q)
    assert os.listdir(tmp_path) == ["q.npz"]


def test_what_is_no_file_of_ours_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"`path` must end in .npz. Received: .*q.json"):
        ClassSimilarities(Q, NAMES).save(tmp_path / "q.json")
    with pytest.raises(FileNotFoundError):
        ClassSimilarities.load(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("hello")
    (tmp_path / "empty.npz").write_bytes(b"")
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04 and no more")
    np.save(tmp_path / "array.npy", Q)
    np.savez(tmp_path / "objects.npz", class_names=np.array([None, "a"]), matrix=Q)
    for name in ("text.npz", "empty.npz", "cut.npz", "array.npy", "objects.npz"):
        with pytest.raises(ValueError, match=f"{name} is not a file of `ClassSimilarities.save`"):
            ClassSimilarities.load(tmp_path / name)
    np.savez(tmp_path / "other.npz", class_names=np.array(NAMES), test_labels=np.arange(5))
    with pytest.raises(ValueError, match=r"is not a file .* besides class names it holds test_labels"):
        ClassSimilarities.load(tmp_path / "other.npz")
    np.savez(tmp_path / "nameless.npz", matrix=Q)
    with pytest.raises(ValueError, match=r"is not a file .* it holds matrix"):
        ClassSimilarities.load(tmp_path / "nameless.npz")
    np.savez(tmp_path / "wrong.npz", class_names=np.array(NAMES), matrix=2 * Q)
    with pytest.raises(ValueError, match="`rows` must be at least 0, with rows that sum to 1"):
        ClassSimilarities.load(tmp_path / "wrong.npz")


@pytest.mark.parametrize("classes", [["cat", "airplane", "bird"], [3, 0, 2], [np.int64(3), "airplane", 2]])
def test_a_subset_is_the_softmax_of_the_chosen_logits(classes):
    cut = ClassSimilarities(Q, NAMES).subset(classes)
    expected = special.softmax(learned_logits()[np.ix_([3, 0, 2], [3, 0, 2])], axis=1)
    np.testing.assert_allclose(cut.matrix, expected, rtol=1e-12)
    assert cut.class_names == ("cat", "airplane", "bird")
    assert cut.num_classes == 3


@pytest.mark.parametrize("kept", [1, 2, 4])
def test_top_rows_mean_a_square(kept):
    square = spread(Q, kept)
    similar = ClassSimilarities(top_of(Q, kept), NAMES)
    np.testing.assert_allclose(similar.matrix, square, rtol=1e-9, atol=1e-15)
    chosen = [4, 1, 3]
    part = square[np.ix_(chosen, chosen)]
    np.testing.assert_allclose(
        similar.subset(chosen).matrix, part / part.sum(axis=1, keepdims=True), rtol=1e-9, atol=1e-15
    )
    np.testing.assert_allclose(
        similar.substitute_teacher(5, alpha=0.3).matrix, 0.7 * np.eye(5) + 0.3 * square, rtol=1e-9, atol=1e-15
    )


def test_two_classes_may_share_a_name_but_not_be_chosen_by_it():
    similar = ClassSimilarities(Q, ("crane", "cat", "crane", "dog", "fox"))
    with pytest.raises(ValueError, match=r"Received: 'crane', the name of 2 classes. Pass indices"):
        similar.subset(["crane", "cat"])
    assert similar.subset([2, "cat"]).class_names == ("crane", "cat")


@pytest.mark.parametrize(
    ("classes", "error", "message"),
    [
        (["cat", "birb"], ValueError, r"Unknown class: 'birb'. Did you mean 'bird'\?"),
        (["cat", 5], ValueError, r"`classes` must lie in \[0, 5\). Received: 5"),
        (["cat", -1], ValueError, "`classes` must be at least 0. Received: -1"),
        (["cat", 1.0], TypeError, "`classes` must be an integer. Received: 1.0"),
        (["cat", 3], ValueError, r"at least two different classes. Received: \['cat', 3\]"),
        (["cat"], ValueError, r"at least two different classes. Received: \['cat'\]"),
        ("cat", TypeError, "`classes` must be a sequence of names or indices. Received: 'cat'"),
        (3, TypeError, "`classes` must be a sequence of names or indices. Received: 3"),
    ],
)
def test_wrong_classes_are_named(classes, error, message):
    with pytest.raises(error, match=message):
        ClassSimilarities(Q, NAMES).subset(classes)


def test_a_row_without_the_chosen_classes_cannot_be_cut():
    rows = [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.5, 0.5, 0.0]]
    with pytest.raises(ValueError, match=r"Received: \[0, 2\], and the row of 'cat' is 0 for all of them"):
        ClassSimilarities(rows, ("cat", "dog", "fox")).subset([0, 2])


TOP = top_of(Q, 2)


@pytest.mark.parametrize(
    ("rows", "names", "error", "message"),
    [
        (Q, NAMES[:4], ValueError, "`class_names` must name 5 classes. Received: 4 names"),
        (TOP, [*NAMES, "dog"], ValueError, "`class_names` must name 5 classes. Received: 6 names"),
        (Q, range(5), TypeError, r"`class_names` must be a sequence of strings.* Received: range\(0, 5\)"),
        (Q, "abcde", TypeError, "`class_names` must be a sequence of strings.* Received: 'abcde'"),
        (1.1 * Q, NAMES, ValueError, r"row 0 has the minimum .* and the sum 1.1. Pass the `class_rows` of a loss"),
        (np.zeros([5, 5]), NAMES, ValueError, "row 0 has the minimum 0 and the sum 0"),
        (learned_logits(), NAMES, ValueError, "`rows` must be at least 0, with rows that sum to 1"),
        (Q[:4], NAMES, ValueError, r"`rows` must be square.* Received shape \(4, 5\)"),
        (np.full([5, 5], np.nan), NAMES, ValueError, "`rows` must be finite"),
        (TOP._replace(values=TOP.values[:4]), NAMES, ValueError, r"`rows` must have `indices` \[K, N\]"),
        (TOP._replace(remainder=TOP.values), NAMES, ValueError, r"and `remainder` \[K\]. Received shapes"),
        (TOP._replace(remainder=2 * TOP.remainder), NAMES, ValueError, "`rows` must be at least 0, with rows that sum"),
        (TOP._replace(indices=TOP.indices + 5), NAMES, ValueError, r"`rows.indices` must lie in \[0, 5\)"),
        (TOP._replace(indices=TOP.indices * 0), NAMES, ValueError, "Received: a class twice in row 0"),
        (top_of(Q, 5), NAMES, ValueError, "and not all of them. Received: all 5 classes"),
        (TOP._replace(indices=TOP.indices * 1.0), NAMES, TypeError, "`rows.indices` must be integer"),
    ],
)
def test_what_is_no_similarity_is_refused(rows, names, error, message):
    with pytest.raises(error, match=message):
        ClassSimilarities(rows, names)


def test_logits_have_the_rows_as_their_softmax():
    similar = ClassSimilarities(Q, NAMES)
    np.testing.assert_allclose(special.softmax(similar.logits, axis=1), Q, rtol=1e-12)
    np.testing.assert_allclose(similar.logits.sum(axis=1), 0, atol=1e-12)
    sparse = ClassSimilarities(np.roll(np.eye(5), 1, axis=1), NAMES)  # zeros, which have no logarithm
    np.testing.assert_allclose(special.softmax(sparse.logits, axis=1), sparse.matrix, atol=5e-7)


def minimizer(loss, label):
    """Prediction with the smallest loss for a label, by a general-purpose optimiser in float64."""

    def value(logits):
        return float(keras.ops.convert_to_numpy(loss.call(np.array([label]), logits[None]))[0])

    return special.softmax(optimize.minimize(value, np.zeros(5), method="BFGS").x)


def test_a_substitute_teacher_needs_the_labels_too():
    similar = ClassSimilarities(Q, NAMES)
    for label in (0, 3):
        teacher = similar.substitute_teacher(5, alpha=0.1)
        best = minimizer(losses.LabelSmearing(5, teacher.matrix, dtype="float64"), label)
        np.testing.assert_allclose(best, 0.9 * np.eye(5)[label] + 0.1 * Q[label], atol=1e-4)
        assert best.argmax() == label
        # A student of the rows alone would predict the label last of all classes.
        rows_alone = losses.LabelSmearing(5, similar.substitute_teacher(5, alpha=1.0).matrix, dtype="float64")
        assert minimizer(rows_alone, label).argmin() == label


def test_a_substitute_teacher_of_uniform_rows_is_label_smoothing():
    uniform = ClassSimilarities(np.full([5, 5], 0.2), NAMES).substitute_teacher(5, alpha=0.3)
    logits = np.random.default_rng(1).normal(size=(8, 5)).astype(np.float32)
    labels = np.arange(8) % 5
    smoothing = losses.LabelSmoothing(5, alpha=0.3)
    np.testing.assert_allclose(uniform.call(labels, logits), smoothing.call(labels, logits), rtol=1e-5)


def test_a_substitute_teacher_for_other_classes_is_refused():
    similar = ClassSimilarities(Q, NAMES)
    with pytest.raises(ValueError, match=r"`num_classes` must be 5, .* Received: 10. .* Take the `subset`"):
        similar.substitute_teacher(10)
    with pytest.raises(ValueError, match=r"`alpha` must be finite and at least 0 and at most 1\. Received: 1\.5"):
        similar.substitute_teacher(5, alpha=1.5)
    with pytest.raises(TypeError, match="`num_classes` must be an integer"):
        similar.substitute_teacher(5.0)
