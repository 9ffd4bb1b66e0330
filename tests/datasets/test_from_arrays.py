"""A user's own arrays as a data set: labels as people write them, splits, and everything that is refused."""

import collections

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_noise import datasets, pipeline

N = 60
FEATURES = np.random.default_rng(0).normal(size=(N, 3))
NAMES = ["cat", "dog", "emu"]
GIVEN = [NAMES[i % 3] for i in range(N)]


def labels_by_position(data):
    """`{position: name of the given label}` of training and validation examples."""
    splits = [data.train, data.validation]
    return {int(i): data.class_names[label] for s in splits for i, label in zip(s.ids, s.observed, strict=True)}


def test_every_example_is_once_in_one_split_with_its_features_and_label():
    data = datasets.from_arrays(FEATURES, GIVEN, validation_share=0.25)
    assert (len(data.train), len(data.validation), len(data.test)) == (45, 15, 0)
    assert labels_by_position(data) == dict(enumerate(GIVEN))
    for split in (data.train, data.validation):
        np.testing.assert_array_equal(split.features, FEATURES[split.ids].astype(np.float32))
        assert split.labels is None
        assert (split.features.dtype, split.observed.dtype) == ("float32", "int32")
        assert list(split.ids) == sorted(split.ids)
    assert (data.name, data.class_names, data.transition) == ("arrays", ("cat", "dog", "emu"), None)


def test_validation_has_the_classes_in_the_given_proportions():
    given = ["a"] * 100 + ["b"] * 40 + ["c"] * 10
    data = datasets.from_arrays(np.zeros([150, 1]), given, validation_share=0.1, seed=3)
    assert collections.Counter(data.validation.observed) == {0: 10, 1: 4, 2: 1}


def test_what_is_held_out_is_a_function_of_the_seed():
    first, again, other = (datasets.from_arrays(FEATURES, GIVEN, seed=seed).validation.ids for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert set(first) != set(other)


def test_nothing_is_held_out_if_asked():
    data = datasets.from_arrays(FEATURES, GIVEN, validation_share=0)
    assert (len(data.train), len(data.validation)) == (N, 0)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ([10, 2, 7] * 20, ("2", "7", "10")),  # by number, not as text
        ([True, False] * 30, ("False", "True")),
        (np.array(["b", "a"] * 30), ("a", "b")),
        (np.array(["b", "a"] * 30, object), ("a", "b")),
        (np.array(["b", "a"] * 30)[:, None], ("a", "b")),
        (np.array([3, 5] * 30, np.uint8), ("3", "5")),
        (tf.constant([3, 5] * 30), ("3", "5")),
        ([[3], [5]] * 30, ("3", "5")),
        (tuple(np.array([3, 5] * 30)), ("3", "5")),
        (["Straße", "Zürich"] * 30, ("Straße", "Zürich")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_labels_as_people_write_them(labels, names):
    data = datasets.from_arrays(FEATURES, labels)
    assert data.class_names == names
    assert labels_by_position(data) == {i: str(v) for i, v in enumerate(np.asarray(labels).reshape(-1).tolist())}


def test_class_names_order_the_classes_and_may_name_more():
    data = datasets.from_arrays(FEATURES, GIVEN, class_names=["emu", "yak", "dog", "cat"])
    assert data.class_names == ("emu", "yak", "dog", "cat")
    assert labels_by_position(data) == dict(enumerate(GIVEN))


def test_integers_are_positions_in_class_names():
    data = datasets.from_arrays(FEATURES, [i % 3 for i in range(N)], class_names=NAMES)
    assert labels_by_position(data) == dict(enumerate(GIVEN))


def test_class_names_may_differ_in_case_only_where_they_are_listed():
    given = ["a", "A"] * 30
    assert datasets.from_arrays(FEATURES, given, class_names=["A", "a"]).class_names == ("A", "a")
    with pytest.raises(
        ValueError, match=r"one way. .* case or spaces only: 'a' \(30 times\) and 'A' \(30 times\)\. If"
    ):
        datasets.from_arrays(FEATURES, given)


def test_true_labels_are_kept_beside_the_given_ones_and_counted():
    true = ["cat"] * 30 + ["dog"] * 20 + ["emu"] * 10
    data = datasets.from_arrays(FEATURES, GIVEN, true_labels=true)
    for split in (data.train, data.validation):
        assert [data.class_names[label] for label in split.labels] == [true[i] for i in split.ids]
        np.testing.assert_array_equal(split.mislabelled, [true[i] != GIVEN[i] for i in split.ids])
    assert data.effective_rate == np.mean([true[i] != GIVEN[i] for i in data.train.ids])
    expected = [[np.mean([GIVEN[i] == b for i in range(N) if true[i] == a]) for b in NAMES] for a in NAMES]
    np.testing.assert_allclose(data.transition, expected)


def test_a_test_split_has_true_labels():
    data = datasets.from_arrays(FEATURES, GIVEN, test=(FEATURES[:2] + 1, ["emu", "cat"]))
    np.testing.assert_array_equal(data.test.features, (FEATURES[:2] + 1).astype(np.float32))
    assert (data.test.labels.tolist(), data.test.observed) == ([2, 0], None)


def test_images_stay_bytes_and_paths_stay_text():
    images = np.full([N, 4, 4, 3], 255, np.uint8)
    assert datasets.from_arrays(images, GIVEN).train.features.dtype == np.uint8
    assert datasets.from_arrays([f"{i}.jpg" for i in range(N)], GIVEN).train.features[7].endswith(".jpg")


def test_text_is_no_floats_and_the_cure_is_the_text():
    words = np.array(["grün", "rot", "rot"] * (N // 3))
    data = datasets.from_arrays(words, GIVEN)
    with pytest.raises(TypeError, match=r"`features` must be numbers. Received text, first .*`examples.features`"):
        data.train.inputs  # noqa: B018 (a property)
    with pytest.raises(TypeError, match=r"`features` must be numbers. Received text.*`examples.features`"):
        pipeline.batches(data, 4)
    lookup = keras.layers.StringLookup(vocabulary=["rot", "grün"], num_oov_indices=0)
    assert set(np.asarray(lookup(data.train.features))) == {0, 1}


def test_columns_of_pandas():
    pandas = pytest.importorskip("pandas")
    order = np.random.default_rng(1).permutation(N)  # `[]` of a column goes by this index
    table = pandas.DataFrame({"age": np.arange(N), "smoker": [True, False] * 30}, index=order)
    labels = pandas.Series(GIVEN, index=order)
    data = datasets.from_arrays(table, labels, test=(table[:5], labels[:5]))
    assert labels_by_position(data) == dict(enumerate(GIVEN))
    assert data.feature_names == ("age", "smoker")
    np.testing.assert_array_equal(data.train.features[:, 0], data.train.ids)
    for one in (labels.astype("category"), labels.astype("string"), pandas.Categorical(labels)):
        assert labels_by_position(datasets.from_arrays(table, one)) == dict(enumerate(GIVEN))
    ordered = pandas.Categorical(labels, categories=["emu", "cat", "dog"])
    assert datasets.from_arrays(table, ordered).class_names == ("emu", "cat", "dog")
    numbers = pandas.Series([1, 2, 3] * 20, dtype="Int64", index=order)
    assert datasets.from_arrays(table, numbers).class_names == ("1", "2", "3")
    with pytest.raises(ValueError, match=r"`test` must have the columns of `features`.* \('smoker', 'age'\)"):
        datasets.from_arrays(table, labels, test=(table[["smoker", "age"]], labels))


def test_columns_that_were_shuffled_apart_are_refused():
    pandas = pytest.importorskip("pandas")
    table, labels = pandas.DataFrame(FEATURES), pandas.Series(GIVEN)
    shuffled = table.sample(frac=1, random_state=0)
    with pytest.raises(
        ValueError, match=r"`labels` must be in the order of `features`.* `labels\.loc\[features\.index\]`"
    ):
        datasets.from_arrays(shuffled, labels)
    with pytest.raises(ValueError, match="`true_labels` must be in the order"):
        datasets.from_arrays(shuffled, GIVEN, true_labels=labels)
    data = datasets.from_arrays(shuffled, labels.loc[shuffled.index])
    assert labels_by_position(data) == {i: GIVEN[row] for i, row in enumerate(shuffled.index)}
    for other in (
        GIVEN,
        labels.to_numpy(),
        labels.set_axis(np.arange(N) + 1),
    ):  # nothing says that these belong elsewhere
        assert labels_by_position(datasets.from_arrays(shuffled, other)) == dict(enumerate(GIVEN))


def test_columns_of_pandas_that_are_refused():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"age": np.arange(float(N)), "city": ["x"] * N, "height": np.ones(N)})
    with pytest.raises(TypeError, match=r"`features` must be columns of numbers.* others in 'city' \(\w+\)\. Encode"):
        datasets.from_arrays(table, GIVEN)
    table.loc[3:5, "age"], table.loc[7, "height"] = None, None
    with pytest.raises(ValueError, match=r"Received missing values in 'age' \(3\), 'height' \(1\)\. Leave out"):
        datasets.from_arrays(table.drop(columns="city"), GIVEN)
    for missing in (None, pandas.NA, pandas.NaT, np.nan):
        column = pandas.Series([missing, *GIVEN[1:]], dtype=object)
        for one in (column, column.astype("category")):
            with pytest.raises(ValueError, match=r"1 of 60 missing, at 0\. Leave"):
                datasets.from_arrays(FEATURES, one)


REFUSED = {
    "one class": (["a"] * N, ValueError, "`labels` must be of two classes or more. Received: 60 labels, all 'a'"),
    "a class of one": (["a"] * 30 + ["b"] * 29 + ["c"], ValueError, "one example of 'c'. Is the name misspelt"),
    "a continuous target": (np.linspace(0, 1, N), TypeError, "Is it a continuous target"),
    "a target in whole numbers": (np.arange(N), ValueError, "60 different labels of 60 .* Is it a continuous target"),
    "half of the examples and one": (
        [*range(31), *range(29)],
        ValueError,
        "31 different labels of 60 examples",
    ),
    "case and spaces": (
        ["cat", "Cat", "dog", " dog", "d  og"] * 12,
        ValueError,
        r"'cat' \(12 times\) and 'Cat' \(12 times\); 'dog' \(12 times\) and ' dog' \(12 times\)\.",
    ),
    "NaN": (np.where(np.arange(N) < 2, np.nan, 1), ValueError, "2 of 60 missing, at 0, 1"),
    "None": ([*GIVEN[1:], None], ValueError, "1 of 60 missing, at 59"),
    "blank": ([*GIVEN[1:], " "], ValueError, "1 of 60 missing, at 59"),
    "many missing": ([None] * N, ValueError, "60 of 60 missing, at 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 50 more"),
    "masked": (np.ma.masked_array(np.arange(N) % 2, np.arange(N) == 4), ValueError, "1 of 60 missing, at 4"),
    "mixed": ([1, "a"] * 30, TypeError, r"Received several: str \('a'\), int \(1\)\. Make"),
    "bools and integers": ([1, True] * 30, TypeError, "Received several: bool .*, int"),
    "bytes": ([b"a", b"b"] * 30, TypeError, r"b'a' of type bytes. Decode"),
    "dates": (np.array(["2020-01-01", "2020-01-02"] * 30, "M8[D]"), TypeError, "of type date"),
    "one-hot": (np.eye(3)[np.arange(N) % 3], ValueError, r"of shape \[n\] or \[n, 1\]. Received shape \(60, 3\)"),
    "none": ([], ValueError, r"Received shape \(0,\)"),
    "a single one": ("a", ValueError, r"Received shape \(\)"),
    "too few": (GIVEN[1:], ValueError, "`features` and `labels` must have one length.* 60 features, 59 labels"),
}


@pytest.mark.parametrize(("labels", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_refused_labels(labels, error, message):
    with pytest.raises(error, match=message) as caught:
        datasets.from_arrays(FEATURES, labels)
    assert "`labels`" in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"class_names": ["cat", "dog", "cow"]}, ValueError, "Unknown class: 'emu'. Known: cat, cow, dog. Received as"),
        ({"class_names": ["cat", "dog", "emus"]}, ValueError, "Unknown class: 'emu'. Did you mean 'emus'"),
        ({"class_names": ["cat", "dog", "emu", "cat"]}, ValueError, "every class once. Received: 'cat' more than"),
        ({"class_names": ["cat"]}, ValueError, "`class_names` must name at least 2"),
        ({"labels": [1, 2, 3] * 20, "class_names": NAMES}, ValueError, "classes, 0, 1, 2. Received: 3 at position 2"),
        ({"true_labels": ["cow"] * N}, ValueError, "Unknown class: 'cow'. .* Received as `true_labels`"),
        (
            {"true_labels": [0] * N},
            ValueError,
            "`true_labels` must be labels of the known classes, 'cat', .* Received: 0",
        ),
        ({"true_labels": ["cat"]}, ValueError, "60 features, 60 labels, 1 true_labels"),
        ({"test": FEATURES}, TypeError, r"`test` must be a pair, \(features, true labels\)"),
        ({"test": (FEATURES, GIVEN[1:])}, ValueError, "`test` must have a label an example. Received: 60 and 59"),
        ({"test": (FEATURES, ["cow"] * N)}, ValueError, "Unknown class: 'cow'. .* Received as `test`"),
        (
            {"test": (FEATURES[:, :2], GIVEN)},
            ValueError,
            r"`test` must have features of shape \[3\] .* Received: \[2\]",
        ),
        (
            {"validation_share": 0.04},
            ValueError,
            "`validation_share` must leave .* at least 0.05, at most 0.95, .* 0.04",
        ),
        ({"validation_share": 0.99}, ValueError, "`validation_share` must leave an example of each class"),
        ({"validation_share": 1}, ValueError, "`validation_share` must be finite and at least 0 and below 1"),
        ({"seed": -1}, ValueError, "`seed` must be at least 0"),
        ({"features": {"age": FEATURES[:, 0]}}, TypeError, "`features` must be one array .* a dict of 'age'. Stack"),
        ({"features": FEATURES[:, 0]}, ValueError, r"`features` must have a row an example.* shape \[60\]"),
        ({"features": np.where(FEATURES > 2, np.nan, FEATURES)}, ValueError, "`features` must be finite"),
        ({"features": np.full([N, 2], 1e39)}, ValueError, "`features` must be finite.* numbers that float32"),
        ({"features": np.full([N, 2], "a", object)[:0]}, ValueError, "0 features, 60 labels"),
    ],
)
def test_refused_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        datasets.from_arrays(**{"features": FEATURES, "labels": GIVEN} | arguments)


def test_sparse_features_have_a_cure():
    sparse = pytest.importorskip("scipy.sparse").csr_matrix(FEATURES)
    with pytest.raises(TypeError, match=r"sparse matrix. Pass `features.toarray\(\)`"):
        datasets.from_arrays(sparse, GIVEN)
    assert len(datasets.from_arrays(sparse.toarray(), GIVEN).train) == 54
