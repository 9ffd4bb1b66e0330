import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from tfp_noise import datasets, noise


@pytest.fixture(scope="module")
def skewed():
    """A transition matrix with zeros, a row with a single 1, and unequal rows."""
    return np.array([[0.7, 0.0, 0.3, 0.0], [0.0, 1.0, 0.0, 0.0], [0.25, 0.25, 0.25, 0.25], [0.0, 0.01, 0.0, 0.99]])


def test_symmetric_with_and_without_the_true_class():
    np.testing.assert_allclose(noise.symmetric(5, 0.5), [[0.6 if i == j else 0.1 for j in range(5)] for i in range(5)])
    other = noise.symmetric(5, 0.4, include_true=False)
    np.testing.assert_allclose(np.diag(other), 0.6)
    np.testing.assert_allclose(other[0, 1:], 0.1)
    # Lukasik et al., Eq. 3: rho flips to other classes are alpha = L / (L - 1) rho with the true class included.
    np.testing.assert_allclose(noise.symmetric(5, 5 / 4 * 0.4), other, atol=1e-15)


def test_published_asymmetric_maps():
    mnist = noise.asymmetric("mnist", 0.4)
    for source, target in [(7, 1), (2, 7), (5, 6), (6, 5), (3, 8)]:
        assert mnist[source, target] == 0.4
        assert mnist[source, source] == 0.6
    for untouched in (0, 1, 4, 8, 9):
        assert mnist[untouched, untouched] == 1
    cifar = noise.asymmetric("cifar10", 0.3)
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    flips = {names[i]: names[j] for i, j in zip(*np.where((cifar > 0) & (np.eye(10) == 0)), strict=True)}
    assert flips == {"bird": "airplane", "truck": "automobile", "cat": "dog", "dog": "cat", "deer": "horse"}
    assert noise.asymmetric("cifar100", 0.1)[99, 0] == 0.1


def test_rates_and_condition():
    assert noise.effective_rate(noise.symmetric(10, 0.4)) == pytest.approx(0.36)
    assert noise.condition_number(noise.symmetric(10, 0.4)) == pytest.approx(1 / 0.6)
    assert noise.condition_number(np.full((2, 2), 0.5)) > 1e15


def test_draws_follow_the_transition(skewed):
    labels = np.repeat(np.arange(4), 20_000)
    observed = noise.corrupt(labels, skewed, seed=3)
    for clean, row in enumerate(skewed):
        counts = np.bincount(observed[labels == clean], minlength=4)
        assert counts[row == 0].sum() == 0, "a class of probability 0 was drawn"
        assert counts.sum() == 20_000
        if row.max() < 1:
            assert stats.chisquare(counts[row > 0], row[row > 0] * 20_000).pvalue > 1e-4


def test_draws_of_different_seeds_and_ids_are_independent():
    labels = np.zeros(50_000, np.int32)
    transition = noise.symmetric(2, 1.0)
    a, b = (noise.corrupt(labels, transition, seed) for seed in (0, 1))
    table = np.histogram2d(a, b, bins=2)[0]
    assert stats.chi2_contingency(table).pvalue > 1e-4
    neighbours = np.histogram2d(a[1:], a[:-1], bins=2)[0]
    assert stats.chi2_contingency(neighbours).pvalue > 1e-4


def test_array_stream_single_examples_and_other_order_agree(skewed):
    labels = np.random.default_rng(0).integers(0, 4, 500)
    whole = noise.corrupt(labels, skewed, seed=7)
    assert whole.dtype == np.int32
    order = np.random.default_rng(1).permutation(500)
    np.testing.assert_array_equal(noise.corrupt(labels[order], skewed, 7, ids=order), whole[order])
    stream = tf.data.Dataset.from_tensor_slices(labels).enumerate()
    single = stream.map(lambda i, y: noise.corrupt(y, skewed, 7, ids=i))
    np.testing.assert_array_equal(list(single.as_numpy_iterator()), whole)
    batched = stream.batch(64).map(lambda i, y: noise.corrupt(y, skewed, 7, ids=i))
    np.testing.assert_array_equal(np.concatenate(list(batched.as_numpy_iterator())), whole)
    names = np.array([b"train_%05d" % i for i in range(500)])
    assert (noise.corrupt(labels, skewed, 7, ids=names) != whole).any()
    assert tf.is_tensor(noise.corrupt(tf.constant(labels), skewed, 7))


def test_value_is_pinned():
    """Published results depend on these labels, which must not change between versions or processes."""
    observed = noise.corrupt(np.arange(10), noise.symmetric(10, 0.9), seed=42)
    assert observed.tolist() == [0, 9, 1, 3, 4, 8, 0, 7, 5, 3]


def test_many_classes_take_no_quadratic_memory_per_example():
    num_classes = 3000
    labels = np.random.default_rng(0).integers(0, num_classes, 20_000)
    observed = noise.corrupt(labels, noise.pair_flip(num_classes, 0.5), seed=0)
    step = (observed - labels) % num_classes
    assert set(np.unique(step)) == {0, 1}
    assert 0.48 < step.mean() < 0.52


def test_exact_counts(skewed):
    labels = np.random.default_rng(0).integers(0, 4, 1003)
    observed = noise.corrupt_exact(labels, skewed, seed=0)
    for clean, row in enumerate(skewed):
        counts = np.bincount(observed[labels == clean], minlength=4)
        assert np.abs(counts - row * (labels == clean).sum()).max() < 1
        assert counts[row == 0].sum() == 0
    np.testing.assert_array_equal(observed, noise.corrupt_exact(labels, skewed, seed=0))
    assert (observed != noise.corrupt_exact(labels, skewed, seed=1)).any()


@pytest.mark.parametrize("exact", [False, True])
def test_dataset_keeps_clean_labels_and_what_corrupted_them(exact):
    clean = datasets.load("digits")
    transition = noise.symmetric(10, 0.4)
    noisy = noise.corrupt_dataset(clean, transition, seed=5, exact=exact)
    np.testing.assert_array_equal(noisy.train.labels, clean.train.labels)
    assert noisy.test.observed is None
    np.testing.assert_array_equal(noisy.transition, transition)
    if not exact:
        for split in ("train", "validation"):
            examples = getattr(clean, split)
            expected = noise.corrupt(examples.labels, transition, 5, ids=examples.ids)
            np.testing.assert_array_equal(getattr(noisy, split).observed, expected)
    rate = np.mean(noisy.train.observed != clean.train.labels)
    assert noisy.effective_rate == rate
    assert abs(rate - 0.36) < (0.005 if exact else 0.05)
    assert 0.2 < noisy.validation.mislabelled.mean() < 0.5


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: noise.symmetric(10, 1.2), ValueError, r"`rate` must be .* at most 1. Received: 1.2"),
        (lambda: noise.symmetric(1, 0.2), ValueError, "`num_classes` must be at least 2. Received: 1"),
        (lambda: noise.symmetric(10.0, 0.2), TypeError, "`num_classes` must be an integer"),
        (lambda: noise.symmetric(10, "0.2"), TypeError, "`rate` must be a number"),
        (lambda: noise.asymmetric("cifar11", 0.2), ValueError, "Did you mean 'cifar10"),
        (lambda: noise.from_pairs(3, {0: 3}, 0.1), ValueError, r"`pairs` must lie in \[0, 3\). Received: 3"),
        (lambda: noise.from_pairs(3, {1: 1}, 0.1), ValueError, "`pairs` must change the class"),
        (lambda: noise.corrupt([0, 3], np.eye(3), 0), ValueError, r"`labels` must lie in \[0, 3\). Received: 3 at pos"),
        (lambda: noise.corrupt([0, -1], np.eye(3), 0), ValueError, r"Received: -1 at position 1"),
        (lambda: noise.corrupt(np.array([0.0]), np.eye(3), 0), TypeError, "integer class indices. Received dtype fl"),
        (lambda: noise.corrupt([0], np.eye(3)[:2], 0), ValueError, r"one row and one column for each class.*\(2, 3\)"),
        (lambda: noise.corrupt([0], np.eye(3) * 0.9, 0), ValueError, "row 0 sums to 0.9. Divide each row"),
        (
            lambda: noise.corrupt([0], [[1.2, -0.2], [0, 1]], 0),
            ValueError,
            r"probabilities, from 0 to 1.*1.2 at \[0, 0\]",
        ),
        (
            lambda: noise.corrupt([0], [[0.9, 0.4], [0.1, 0.6]], 0),
            ValueError,
            "row 0 sums to 1.3. Its columns sum",
        ),
        (
            lambda: noise.corrupt([0], [[np.nan, 1], [0, 1]], 0),
            ValueError,
            r"must be finite. Received: nan at \[0, 0\]",
        ),
        (lambda: noise.corrupt([0], np.eye(3), 2**31), ValueError, r"`seed` must be below 2\^31"),
        (lambda: noise.corrupt([0], np.eye(3), -1), ValueError, "`seed` must be at least 0"),
        (
            lambda: noise.corrupt([0, 1], np.eye(3), 0, ids=[4]),
            ValueError,
            "`ids` must be shaped as `labels`.* leave `ids` out",
        ),
        (
            lambda: noise.corrupt([0, 1], np.eye(3), 0, ids=[0.0, 1.0]),
            TypeError,
            r"`ids` must be integers or strings.* Pass `np.asarray\(ids, int\)`",
        ),
        (lambda: noise.corrupt(np.int32(0), np.eye(3), 0), ValueError, "`ids` must be given for a single label"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_noisy_data_are_not_corrupted_again():
    noisy = noise.corrupt_dataset(datasets.load("digits"), np.eye(10), seed=0)
    with pytest.raises(ValueError, match=r"`dataset` must have clean labels. Received: 'digits'"):
        noise.corrupt_dataset(noisy, np.eye(10), seed=0)


@pytest.mark.parametrize("shape", [[500, 1], [5, 10, 10]])
@pytest.mark.parametrize("kind", [np.array, tf.constant])
def test_labels_at_positions_are_identified_by_them(skewed, shape, kind):
    labels = np.random.default_rng(0).integers(0, 4, 500)
    observed = noise.corrupt(kind(labels.reshape(shape)), skewed, seed=7)
    np.testing.assert_array_equal(observed, noise.corrupt(labels, skewed, seed=7).reshape(shape))
    with pytest.raises(ValueError, match=r"`ids` must be shaped as `labels`.* leave `ids` out"):
        noise.corrupt(kind(labels.reshape(shape)), skewed, 7, ids=np.arange(len(observed)))


def test_graph_without_ids_is_refused():
    with pytest.raises(ValueError, match="`ids` must be given"):
        tf.data.Dataset.range(3).map(lambda y: noise.corrupt(y, np.eye(3), 0))
