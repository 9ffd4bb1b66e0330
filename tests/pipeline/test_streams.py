"""Streams: resumption, shards for workers, and constant memory."""

import itertools
import subprocess
import sys
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from tests.helpers.stream_memory import resident
from tfp_noise import NoisyLabelClassifier, datasets, losses, noise, pipeline
from tfp_noise.datasets import prepared

K = 5
TRANSITION = noise.symmetric(K, 0.4)
OBSERVED = noise.corrupt(np.arange(60) % K, TRANSITION, seed=3)


def source(size=50, worker=None):
    """Examples that show their number, or a worker's shard of them."""
    numbers = tf.data.Dataset.range(size)
    if worker is not None:
        numbers = numbers.shard(worker.num_input_pipelines, worker.input_pipeline_id)
        numbers = numbers.take(size // worker.num_input_pipelines)
    return numbers.map(lambda n: (tf.cast([n], tf.float32), n % K, n))


def shift(features, labels, seed):
    """An augmentation that leaves the number readable."""
    return features + tf.random.stateless_uniform([tf.shape(features)[0], 1], seed, maxval=0.5), labels


def batches_of(stream, count):
    return [(x[:, 0], y) for x, y in itertools.islice(stream.as_numpy_iterator(), count)]


def numbers_of(batches):
    """The examples of some batches, each checked against its observed label."""
    found = np.concatenate([np.floor(x) for x, _ in batches]).astype(int)
    np.testing.assert_array_equal(np.concatenate([y for _, y in batches]), OBSERVED[found])
    return found


def stream(examples=None, **arguments):
    arguments = {"batch_size": 8, "seed": 3, "augmentation": shift, "shuffle_buffer": 20} | arguments
    return pipeline.stream(source() if examples is None else examples, TRANSITION, **arguments)


def test_order_and_augmentation_are_functions_of_seed_and_epoch():
    tf.random.set_seed(1)
    whole = batches_of(stream(), 21)  # 7 batches an epoch, the last of 2
    tf.random.set_seed(2)  # which has no say
    for ours, theirs in zip(batches_of(stream(first_epoch=1), 14), whole[7:], strict=True):
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_array_equal(ours[1], theirs[1])
    epochs = [numbers_of(whole[start : start + 7]) for start in (0, 7, 14)]
    assert all(sorted(epoch) == list(range(50)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    shifts = {float(x[0] % 1) for x, _ in whole}
    assert len(shifts) == len(whole)
    other = stream(seed=4).as_numpy_iterator()
    assert (np.floor(next(other)[0][:, 0]) != np.floor(whole[0][0])).any()


def test_workers_share_an_epoch():
    """50 examples, 3 workers: 16 each, of which a global batch of 15 takes 5; one is left over of each 16."""
    workers = [tf.distribute.InputContext(3, i, 3) for i in range(3)]
    shares = [batches_of(stream(source(worker=w), batch_size=15, input_context=w), 6) for w in workers]
    assert all(len(x) == 5 for batches in shares for x, _ in batches)
    for epoch in (slice(3), slice(3, 6)):
        seen = np.concatenate([numbers_of(batches[epoch]) for batches in shares])
        assert len(set(seen)) == 45
    for worker, batches in zip(workers, shares, strict=True):
        again = stream(source(worker=worker), batch_size=15, input_context=worker, first_epoch=1)
        for ours, theirs in zip(batches_of(again, 3), batches[3:], strict=True):
            np.testing.assert_array_equal(ours[0], theirs[0])
    first = [np.floor(batches[0][0]).astype(int) // 3 for batches in shares]
    assert (first[0] != first[1]).any()  # not one order of positions for all
    assert (first[1] != first[2]).any()
    shifts = [float(x[0] % 1) for batches in shares for x, _ in batches]
    assert len(set(shifts)) == len(shifts)


def test_replicas_of_one_worker_divide_its_batches():
    alone = batches_of(stream(drop_remainder=True), 7)
    divided = stream(input_context=tf.distribute.InputContext(1, 0, 2))
    assert divided.element_spec[0].shape == (4, 1)
    parts = batches_of(divided, 14)
    for (x, y), one, other in zip(alone, parts[::2], parts[1::2], strict=True):
        np.testing.assert_array_equal(np.concatenate([one[0], other[0]]), x)
        np.testing.assert_array_equal(np.concatenate([one[1], other[1]]), y)


def test_fit_takes_what_a_strategy_deals_out(two_replicas):
    def fit(data):
        network = keras.Sequential([keras.Input([1]), keras.layers.Rescaling(0.02), keras.layers.Dense(K, "linear")])
        network.layers[-1].kernel.assign(np.linspace(-1, 1, K)[None])
        model = NoisyLabelClassifier(network, losses.LabelSmoothing(K))
        model.compile(keras.optimizers.SGD(0.1), metrics=["accuracy"], jit_compile=False)
        history = model.fit(data, epochs=2, steps_per_epoch=6, shuffle=False, verbose=0).history
        return [*history["loss"], *history["accuracy"], *model.get_weights()]

    alone = fit(stream(drop_remainder=True))
    read = lambda worker: stream(source(worker=worker), input_context=worker)  # noqa: E731
    with two_replicas.scope():
        both = fit(two_replicas.distribute_datasets_from_function(read))
    for ours, theirs in zip(both, alone, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"first_epoch": -1}, "`first_epoch` must be at least 0"),
        (
            {"batch_size": 9, "input_context": tf.distribute.InputContext(2, 0, 4)},
            r"`batch_size` must be a multiple of the 4 replicas. Received: 9. Take 8 or 12.",
        ),
        ({"batch_size": 3, "input_context": tf.distribute.InputContext(2, 0, 4)}, r"Received: 3. Take 4."),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        stream(**arguments)


@pytest.fixture(scope="module")
def in_files(tmp_path_factory):
    """A prepared data set whose training split has three files, which TFDS reads in parallel."""

    def records(split, count):
        return [(i, {"image": np.array([[[split], [i]]], np.uint8), "label": i % 2}) for i in range(count)]

    builder = tfds.dataset_builders.AdhocBuilder(
        name="numbered",
        version="1.0.0",
        features=tfds.features.FeaturesDict(
            {"image": tfds.features.Image(shape=[1, 2, 1]), "label": tfds.features.ClassLabel(num_classes=2)}
        ),
        split_datasets={"train": records(0, 50), "validation": records(1, 9)},
        data_dir=tmp_path_factory.mktemp("data"),
    )
    builder._make_download_manager = lambda **_: types.SimpleNamespace(downloaded_size=0)  # nothing is downloaded
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(num_shards=3))
    assert builder.info.splits["train"].num_shards == 3
    return prepared.Prepared(builder)


def by_number(examples):
    return {int(number): image.tobytes() for image, _, number in examples.as_numpy_iterator()}


def test_an_examples_number_is_that_in_the_whole_split(in_files):
    whole, other = by_number(in_files.read("train")), by_number(in_files.read("validation"))
    assert (sorted(whole), sorted(other)) == (list(range(50)), list(range(9)))
    assert {image[0] for image in other.values()} == {1}
    assert len(set(whole.values())) == 50
    parts = [by_number(in_files.read(split)) for split in ("train[:20]", "train[20:45]", "train[90%:]")]
    assert [len(part) for part in parts] == [20, 25, 5]
    assert {number: image for part in parts for number, image in part.items()} == whole


@pytest.mark.parametrize("kind", ["prepared", "folder"])
def test_workers_read_shares_of_one_size(kind, in_files, tmp_path, monkeypatch):
    if kind == "folder":
        for split, number in itertools.product(("train", "test"), range(50)):
            (tmp_path / "imagenet100" / split / "ant").mkdir(parents=True, exist_ok=True)
            image = np.full([2, 2, 3], number + 100 * (split == "test"), np.uint8)
            keras.utils.save_img(tmp_path / "imagenet100" / split / "ant" / f"{number}.png", image, scale=False)
    else:
        monkeypatch.setattr(datasets.published, "_reader", lambda name, data_dir: in_files)

    def read(split, worker=None):
        return by_number(datasets.stream("imagenet100", split, tmp_path, worker))

    whole = read("train")
    assert len(whole) == 50
    shares = [read("train[10%:]", tf.distribute.InputContext(4, i, 4)) for i in range(4)]
    assert [len(share) for share in shares] == [11] * 4
    together = {number: image for share in shares for number, image in share.items()}
    assert len(together) == 44
    assert together.items() <= read("train[10%:]").items() <= whole.items()


@pytest.mark.thorough
def test_what_has_gone_by_is_not_kept():
    """Keeping the 55,000 images of 3 kB would take 160 MB."""
    numbers = tf.data.Dataset.range(5000)
    examples = numbers.map(lambda n: (tf.fill([32, 32, 3], tf.cast(n % 256, tf.uint8)), n % K, n))
    batches = iter(stream(examples, batch_size=100, shuffle_buffer=1000, augmentation=None))
    held = []
    for _ in range(11):
        for _ in range(50):
            next(batches)
        held.append(resident())
    assert held[-1] - held[0] < 30


@pytest.mark.torture
def test_memory_is_flat_from_100_thousand_to_1_2_million_examples():
    run = [sys.executable, "-m", "tests.helpers.stream_memory", "1200000"]
    held = [float(line) for line in subprocess.run(run, check=True, capture_output=True, text=True).stdout.split()]
    assert len(held) == 12
    assert max(held) < 1.05 * held[0]
    assert min(held) > 0.95 * held[0]
