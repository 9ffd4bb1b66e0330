import numpy as np
import pytest
import tensorflow as tf

from tfp_noise import datasets, noise, pipeline


@pytest.fixture(scope="module")
def numbered():
    """Images whose every pixel is the example's number, labels that are the number modulo 5, noisy labels apart."""
    number = np.arange(103)
    features = np.broadcast_to(number.astype(np.uint8)[:, None, None, None], (103, 4, 4, 1)).copy()
    clean = (number % 5).astype(np.int32)
    split = datasets.Examples(features, clean, number, observed=((number + 1) % 5).astype(np.int32))
    test = datasets.Examples(features, clean, number)
    return datasets.Dataset("numbered", split, split, test, tuple("abcde"), np.roll(np.eye(5), 1, axis=1))


def epochs(batches, count):
    """The example numbers of each epoch, checked against their labels."""
    result = []
    stream = iter(batches.train)
    for _ in range(count):
        parts = [next(stream) for _ in range(batches.steps_per_epoch)]
        number = np.rint(np.concatenate([x.numpy()[:, 0, 0, 0] for x, _ in parts]) * 255).astype(int)
        np.testing.assert_array_equal(np.concatenate([y.numpy() for _, y in parts]), (number + 1) % 5)
        result.append(number)
    return result


def test_every_epoch_shows_each_example_once_in_another_order(numbered):
    first, second = epochs(pipeline.batches(numbered, 16), 2)
    assert sorted(first) == sorted(second) == list(range(103))
    assert (first != second).any()
    assert (first != np.arange(103)).any()


def test_order_is_a_function_of_seed_and_epoch(numbered):
    one, two, three = epochs(pipeline.batches(numbered, 16, seed=4), 3)
    np.testing.assert_array_equal(epochs(pipeline.batches(numbered, 16, seed=4), 1)[0], one)
    resumed = epochs(pipeline.batches(numbered, 16, seed=4, first_epoch=1), 2)
    np.testing.assert_array_equal(resumed, [two, three])
    assert (epochs(pipeline.batches(numbered, 16, seed=5), 1)[0] != one).any()


def test_remainder_and_static_shapes(numbered):
    whole, dropped = pipeline.batches(numbered, 16), pipeline.batches(numbered, 16, drop_remainder=True)
    assert (whole.steps_per_epoch, dropped.steps_per_epoch) == (7, 6)
    assert len(epochs(dropped, 1)[0]) == 96
    assert dropped.train.element_spec[0].shape == (16, 4, 4, 1)
    assert dropped.train.element_spec[1].shape == (16,)


def test_evaluation_splits_are_ordered_and_test_labels_clean(numbered):
    batches = pipeline.batches(numbered, 16)
    labels = np.concatenate([y for _, y in batches.test.as_numpy_iterator()])
    np.testing.assert_array_equal(labels, np.arange(103) % 5)
    labels = np.concatenate([y for _, y in batches.validation.as_numpy_iterator()])
    np.testing.assert_array_equal(labels, (np.arange(103) + 1) % 5)


def test_workers_divide_batches_not_files(numbered):
    batches = pipeline.batches(numbered, 16)
    source = tf.data.Dataset.from_tensor_slices((np.zeros([4, 1]), np.zeros(4, int), np.arange(4)))
    for data in (batches.train, batches.validation, batches.test, pipeline.stream(source, np.eye(2), 2)):
        policy = data.options().experimental_distribute.auto_shard_policy
        assert policy == tf.data.experimental.AutoShardPolicy.DATA


@pytest.mark.parametrize(("steps", "expected"), [(21, 21), (211, 211), (390, 39), (60, 30), (1, 1), (422, 422)])
def test_calls_divide_the_epoch(steps, expected):
    found = pipeline.Batches(None, steps, None, None).steps_per_execution
    assert found == expected
    assert steps % found == 0


def test_augmentation_is_for_training_and_differs_by_step_and_epoch(numbered):
    seen = []

    def record(images, labels, seed):
        seen.append(seed)
        return images + tf.random.stateless_uniform([], seed), labels

    batches = pipeline.batches(numbered, 103, augmentation=record)
    stream = iter(batches.train)
    shifts = [float(tf.reduce_min(next(stream)[0])) for _ in range(3)]
    assert len(set(shifts)) == 3
    assert float(tf.reduce_min(next(iter(batches.test))[0])) == 0
    again = iter(pipeline.batches(numbered, 103, augmentation=record, first_epoch=1).train)
    assert float(tf.reduce_min(next(again)[0])) == shifts[1]


def test_stream_draws_the_noise_that_arrays_get():
    number = np.arange(500)
    labels = number % 5
    transition = noise.symmetric(5, 0.4)
    source = tf.data.Dataset.from_tensor_slices((number.astype(np.float32)[:, None], labels, number))
    stream = iter(pipeline.stream(source, transition, 50, seed=3, shuffle_buffer=500))
    expected = noise.corrupt(labels, transition, seed=3)
    orders = []
    for _ in range(2):
        batches = [next(stream) for _ in range(10)]
        order = np.concatenate([x.numpy()[:, 0] for x, _ in batches]).astype(int)
        assert sorted(order) == list(number)
        np.testing.assert_array_equal(np.concatenate([y for _, y in batches]), expected[order])
        orders.append(order)
    assert (orders[0] != orders[1]).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "`batch_size` must be at least 1. Received: 0"),
        ({"batch_size": 104, "drop_remainder": True}, "`batch_size` must be at most the 103 training examples"),
        ({"batch_size": 8, "seed": -1}, "`seed` must be at least 0"),
        ({"batch_size": 8, "first_epoch": -1}, "`first_epoch` must be at least 0"),
    ],
)
def test_bad_input(numbered, arguments, message):
    with pytest.raises(ValueError, match=message):
        pipeline.batches(numbered, **arguments)


def test_changed_labels_are_distributions_and_others_stay_indices(numbered):
    """Every image shows its number, so that a halved label must come with a halved image."""

    def halve(images, labels, seed):
        return images / 2, labels / 2

    data = tf.data.Dataset.from_tensor_slices((numbered.train.features, numbered.train.observed, np.arange(103)))
    for drop in (False, True):
        halved = pipeline.batches(numbered, 16, halve, drop_remainder=drop)
        assert halved.train.element_spec[1] == tf.TensorSpec([16 if drop else None, 5], tf.float32)
        images, labels = next(iter(halved.train))
        number = np.rint(images[:, 0, 0, 0] * 2 * 255).astype(int)
        np.testing.assert_array_equal(labels, np.eye(5)[(number + 1) % 5] / 2)
    images, labels = next(iter(pipeline.stream(data, np.eye(5), 16, augmentation=halve)))
    number = np.rint(images[:, 0, 0, 0] * 2 * 255).astype(int)
    np.testing.assert_array_equal(labels, np.eye(5)[(number + 1) % 5] / 2)
    plain = pipeline.batches(numbered, 16, pipeline.CropAndFlip(pad=0, size=2), drop_remainder=True)
    assert plain.train.element_spec == (tf.TensorSpec([16, 2, 2, 1]), tf.TensorSpec([16], tf.int32))


def test_a_label_outside_is_refused_where_it_would_become_a_row_of_zeros():
    source = tf.data.Dataset.from_tensor_slices((np.zeros([4, 2, 2, 1], np.float32), [0, 1, 2, 0], np.arange(4)))
    batch = source.batch(4).map(lambda x, y, n: pipeline.prepare(x, y, pipeline.Mixup(), [0, 1], 2))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"`labels` must lie in \[0, 2\). Received:"):
        next(iter(batch))


def test_bad_source():
    source = tf.data.Dataset.from_tensor_slices((np.zeros(3), np.zeros(3, int)))
    with pytest.raises(ValueError, match=r"`source` must have elements \(features, label, id\)"):
        pipeline.stream(source, np.eye(2), 2)
