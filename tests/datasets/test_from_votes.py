"""Votes of several annotators as a data set: counts, majority, soft labels, agreement, and what is refused."""

import collections
import re

import keras
import numpy as np
import pytest

from tfp_noise import NoisyLabelClassifier, datasets, losses

N, K = 40, 3
FEATURES = np.random.default_rng(0).normal(size=(N, 2)).astype(np.float32)
NAMES = ("cat", "dog", "emu")
RNG = np.random.default_rng(1)
# Each example is seen by five annotators, most of whom say its number modulo 3.
LABELS = {
    (item, who): NAMES[item % K] if RNG.random() < 0.7 else NAMES[RNG.integers(K)]
    for item in range(N)
    for who in ("ann", "bob", "cyd", "dan", "eve")
}
COUNTS = np.array(
    [[sum(LABELS[item, w] == name for i, w in LABELS if i == item) for name in NAMES] for item in range(N)]
)


def table():
    """All votes as columns, in a mixed order."""
    order = np.random.default_rng(2).permutation(len(LABELS))
    votes = [(*key, label) for key, label in LABELS.items()]
    columns = zip(*(votes[i] for i in order), strict=True)
    return dict(zip(("item", "annotator", "label"), map(list, columns), strict=True))


def everything(data):
    """The fields of training and validation examples together, in the order of the ids."""
    order = np.argsort(np.concatenate([data.train.ids, data.validation.ids]))
    fields = ("features", "observed", "votes", "soft_labels", "agreement")
    return {
        field: np.concatenate([getattr(data.train, field), getattr(data.validation, field)])[order] for field in fields
    }


@pytest.mark.parametrize(
    "votes", [COUNTS, COUNTS.astype(float), COUNTS.tolist(), table()], ids=lambda v: type(v).__name__
)
def test_counts_soft_labels_and_agreement_stay_with_their_examples(votes):
    data = datasets.from_votes(FEATURES, votes, validation_share=0.2)
    found = everything(data)
    np.testing.assert_array_equal(found["features"], FEATURES)
    np.testing.assert_array_equal(found["votes"], COUNTS)
    np.testing.assert_allclose(found["soft_labels"], COUNTS / 5, rtol=1e-6)
    assert found["agreement"].tolist() == [max(row) / 5 for row in COUNTS.tolist()]
    assert all(row[label] == max(row) for row, label in zip(COUNTS.tolist(), found["observed"], strict=True))
    assert (data.name, data.train.labels, len(data.validation)) == ("votes", None, 8)
    assert data.class_names == (NAMES if isinstance(votes, dict) else ("0", "1", "2"))


def test_columns_of_pandas():
    pandas = pytest.importorskip("pandas")
    data = datasets.from_votes(FEATURES, pandas.DataFrame(table()), class_names=["emu", "dog", "cat"])
    np.testing.assert_array_equal(everything(data)["votes"], COUNTS[:, ::-1])
    assert data.class_names == ("emu", "dog", "cat")


def test_examples_may_have_different_numbers_of_votes():
    votes = {"item": [0, 1, 1, 1, 2, 3], "annotator": [0, 0, 1, 2, 0, 0], "label": [7, 5, 5, 7, 7, 5]}
    train = datasets.from_votes(FEATURES[:4], votes, validation_share=0).train
    np.testing.assert_allclose(train.soft_labels, [[0, 1], [2 / 3, 1 / 3], [0, 1], [1, 0]], rtol=1e-6)
    np.testing.assert_allclose(train.agreement, [1, 2 / 3, 1, 1])


def test_ties_are_broken_by_the_seed_and_favour_no_class():
    """Each of three classes gets a third of 3,000 ties between two of them, within five standard deviations."""
    counts = np.array([[2, 2, 0], [0, 2, 2], [2, 0, 2]] * 1000)
    data = datasets.from_votes(np.zeros([3000, 1]), counts, validation_share=0)
    assert (counts[np.arange(3000), data.train.observed] == 2).all()
    sizes = collections.Counter(data.train.observed.tolist())
    assert max(abs(sizes[label] - 1000) for label in range(3)) < 5 * np.sqrt(2000 / 4)
    again, other = (datasets.from_votes(np.zeros([3000, 1]), counts, validation_share=0, seed=s) for s in (0, 1))
    np.testing.assert_array_equal(again.train.observed, data.train.observed)
    assert (other.train.observed != data.train.observed).any()


def test_true_labels_and_a_test_split():
    true = [NAMES[i % K] for i in range(N)]
    data = datasets.from_votes(FEATURES, table(), true_labels=true, test=(FEATURES, true))
    assert data.test.labels.tolist() == [i % K for i in range(N)]
    wrong = [data.train.observed[p] != i % K for p, i in enumerate(data.train.ids)]
    assert data.effective_rate == np.mean(wrong)
    assert data.test.votes is None


def test_soft_labels_train():
    data = datasets.from_votes(FEATURES, COUNTS, validation_share=0)
    model = NoisyLabelClassifier(
        keras.Sequential([keras.Input([2]), keras.layers.Dense(K)]), losses.LabelSmoothing(K, 0)
    )
    model.compile("sgd", metrics=["accuracy"])
    probabilities = model.predict(data.train.inputs, verbose=0)
    expected = -np.mean(np.sum(COUNTS / 5 * np.log(probabilities), axis=1))
    found = model.evaluate(data.train.inputs, data.train.soft_labels, verbose=0, return_dict=True)["loss"]
    assert found == pytest.approx(expected, rel=1e-5)


def test_parts_keep_their_votes():
    examples = datasets.Examples(FEATURES, None, np.arange(N), COUNTS.argmax(1), COUNTS)
    np.testing.assert_array_equal(examples.take(np.array([7, 3])).votes, COUNTS[[7, 3]])
    for name in ("soft_labels", "agreement"):
        with pytest.raises(ValueError, match=r"`votes` must be there for .* Make the data by `datasets.from_votes`"):
            getattr(datasets.Examples(FEATURES, COUNTS.argmax(1), np.arange(N)), name)


def changed(**columns):
    return {**table(), **columns}


LENGTH = len(LABELS)
REFUSED = {
    "negative": (-COUNTS, "`votes` must be counts: 0, 1, 2 and so on. Received: -"),
    "fractions": (COUNTS / 5, "Multiply fractions by the number of annotators"),
    "no votes": (COUNTS * (np.arange(N) != 7)[:, None], "1 example without any, the first at position 7"),
    "NaN": (np.where(COUNTS == 0, np.nan, COUNTS), "`votes` must be finite"),
    "a list of labels": (np.arange(N), r"counts \[n, num_classes\], .* Received shape \(40,\)"),
    "rows of votes as an array": (
        COUNTS[1:],
        "`votes` must have a row for each of the 40 rows of `features`. Received: 39 rows. Pass single",
    ),
    "another table": (
        {"item": [1], "who": ["a"], "label": [1]},
        "columns 'item', 'annotator', 'label'. Received: 'item', 'who'",
    ),
    "columns of other lengths": (
        changed(annotator=["ann"]),
        "columns of one length. Received: {'item': 200, 'annotator': 1",
    ),
    "items that are names": (
        changed(item=["a"] * LENGTH),
        "`votes` must name items by their positions .* Received: 'a'\\. Number",
    ),
    "items that are not there": (changed(item=[*table()["item"][1:], N]), "from 0 to 39. Received: 0 to 40"),
    "items below 0": (changed(item=[*table()["item"][1:], -1]), "Received: -1 to 39"),
    "two votes": (changed(annotator=["ann"] * LENGTH), r"one vote of an annotator .* two of 'ann' on item \d+\. Leave"),
    "a missing label": (
        changed(label=[None, *table()["label"][1:]]),
        "`votes` must give every example a label. Received: 1",
    ),
    "an item without a vote": (
        changed(item=[max(i, 1) for i in table()["item"]], annotator=list(range(LENGTH))),
        "at position 0",
    ),
    "one class": (np.eye(K, dtype=int)[np.zeros(N, int)], "`votes` must be of two classes or more"),
    "a class of one": (np.eye(K, dtype=int)[np.r_[2, np.arange(N - 1) % 2]], "one example of '2'"),
    "case only": (
        changed(label=[label.upper() if i else label for i, label in enumerate(table()["label"])]),
        "spell each",
    ),
}


@pytest.mark.parametrize(("votes", "message"), REFUSED.values(), ids=REFUSED)
def test_refused_votes(votes, message):
    with pytest.raises(ValueError, match=message):
        datasets.from_votes(FEATURES, votes)


# A label of each of three annotators, two of whom agree, at least; the third says -1 or NaN where they saw nothing.
MATRIX = np.stack([np.arange(N) % K, np.arange(N) % K, np.arange(N) * 7 % 11 % K], axis=1)
UNSEEN = (np.arange(N)[:, None] % 2 == 0) & (np.arange(3) == 2)


@pytest.mark.parametrize(
    ("votes", "message"),
    [
        (MATRIX, "must hold a vote for every example"),
        (np.where(UNSEEN, -1, MATRIX), "must be counts: 0, 1, 2 and so on. Received: -1"),
        (np.where(UNSEEN, np.nan, MATRIX), "must be finite"),
        (MATRIX + 1, "should be counts, a column a class. .* with sums from 3 to 9"),
    ],
    ids=["from 0", "-1", "NaN", "from 1"],
)
def test_labels_of_each_annotator_are_no_counts(votes, message):
    kind, error = (pytest.warns, UserWarning) if votes.min() > 0 else (pytest.raises, ValueError)
    with kind(error, match=f"`votes` {message}.* Are these one label of each annotator") as caught:
        datasets.from_votes(FEATURES, votes)
    said = str(caught[0].message if error is UserWarning else caught.value)
    names = {"np": np, "datasets": datasets, "features": FEATURES, "votes": votes}
    assignment, call = re.findall(r"`([^`]*\(.*?\))`", said)[-2:]
    exec(assignment, names)  # the cure
    found = everything(eval(call, names))["votes"]
    values = sorted(set(votes[votes >= 0].tolist()))
    np.testing.assert_array_equal(found, [[np.sum(row == value) for value in values] for row in votes])


@pytest.mark.parametrize("counts", [[[1, 1, 0], [0, 2, 0], [2, 1, 0], [0, 0, 3]], [[1, 1], [2, 0], [0, 1], [1, 1]]])
def test_counts_of_different_sums_are_counts(counts):
    found = datasets.from_votes(FEATURES, np.tile(np.array(counts), [N // 4, 1]), validation_share=0)
    assert found.train.votes[:4].tolist() == counts


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"class_names": NAMES[:2]}, "`class_names` must name 3 classes. Received: 2"),
        ({"seed": -1}, "`seed` must be at least 0"),
        ({"validation_share": 0.01}, "`validation_share` must leave an example of each class"),
        ({"true_labels": [3] * N}, "`true_labels` must be labels of the known classes, 0, 1, 2. Received: 3"),
        ({"test": FEATURES}, "`test` must be a pair"),
    ],
)
def test_refused_arguments(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        datasets.from_votes(FEATURES, COUNTS, **arguments)
