"""Sources: a stream has the examples, labels and noise of arrays, and never the whole in memory."""

import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf

from experiments import sources
from experiments.evaluation.resolvers import NumTrainingExamples
from experiments.experiment import CROSS_ENTROPY, Experiment, Method, Noise
from experiments.run import run
from tests.helpers import tiny_raw
from tfp_noise import datasets, losses, pipeline
from tfp_noise.datasets import prepare

STREAM = sources.Stream(train="train[50%:]", validation="train[:50%]", test="test", stored_size=40, image_size=32)
EXPERIMENT = Experiment(
    name="small/stream/CE",
    dataset="cifar10",
    noise=Noise("symmetric", 0.5),
    model="lenet5",
    method=CROSS_ENTROPY,
    epochs=2,
    batch_size=4,
    optimizer=("tfp_noise>LARS", {"learning_rate": 1.0}),
    augmentation=pipeline.CropAndFlip(pad=0, size=32),
    source=STREAM,
)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """A directory with a tiny prepared CIFAR-10."""
    prepared, raw = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("raw")
    with pytest.MonkeyPatch.context() as monkeypatch:
        tiny_raw.publish(monkeypatch, "cifar10", raw)
        prepare.prepare("cifar10", raw, prepared)
    return prepared


def test_splits_are_those_that_were_asked_for(data_dir):
    whole = datasets.load("cifar10", data_dir, validation_share=0)
    found = STREAM.load("cifar10", data_dir)
    assert (len(found.train), len(found.validation), len(found.test)) == (
        tiny_raw.TRAIN // 2,
        tiny_raw.TRAIN // 2,
        tiny_raw.TEST,
    )
    assert sorted([*found.train.ids, *found.validation.ids]) == sorted(whole.train.ids)
    assert found.class_names == whole.class_names
    by_id = dict(zip(whole.train.ids, whole.train.labels, strict=True))
    assert [by_id[i] for i in found.train.ids] == found.train.labels.tolist()
    assert found.input_shape == (32, 32, 3)
    assert found.train.features.dtype == np.uint8


def test_sample_is_no_larger_than_asked(data_dir, monkeypatch):
    monkeypatch.setattr(sources.stream, "_SAMPLE", 3)
    found = STREAM.load("cifar10", data_dir)
    assert (len(found.train), len(found.validation), len(found.test)) == (3, 3, tiny_raw.TEST)


@pytest.mark.thorough
def test_stream_trains_on_the_labels_that_the_sample_shows(data_dir):
    noisy = EXPERIMENT.noise.apply(STREAM.load("cifar10", data_dir), 7)
    whole_square = dataclasses.replace(EXPERIMENT, augmentation=None, seed=7)
    whole_square = dataclasses.replace(whole_square, source=dataclasses.replace(STREAM, stored_size=32))
    batches = whole_square.batches(noisy, data_dir)
    assert batches.steps_per_epoch == tiny_raw.TRAIN // 2 // 4
    # Images of this size pass unchanged, so they tell which example it is.
    same_size = dataclasses.replace(STREAM, stored_size=32).load("cifar10", data_dir)
    expected = dict(zip(map(bytes, same_size.train.features.reshape(10, -1)), noisy.train.observed, strict=True))
    seen = set()
    for images, labels in itertools.islice(batches.train.as_numpy_iterator(), batches.steps_per_epoch):
        for image, label in zip(np.round(255 * images).astype(np.uint8), labels, strict=True):
            assert expected[image.tobytes()] == label
            seen.add(image.tobytes())
    assert len(seen) == 8  # two batches of four; the remainder is dropped


@pytest.mark.thorough
def test_a_strategy_deals_a_stream_out(data_dir, two_replicas):
    """Each step both replicas have their half of a batch of four, on one machine all of one stream."""
    whole = dataclasses.replace(STREAM, stored_size=32)
    noisy = EXPERIMENT.noise.apply(whole.load("cifar10", data_dir), 7)
    plain = dataclasses.replace(EXPERIMENT, augmentation=None, source=whole)
    alone = plain.batches(noisy, data_dir)
    with two_replicas.scope():
        both = plain.batches(noisy, data_dir)
    assert both.steps_per_epoch == alone.steps_per_epoch == 2
    for (images, labels), (of_both, labels_of_both) in itertools.islice(zip(alone.train, both.train, strict=False), 4):
        np.testing.assert_array_equal(np.concatenate(two_replicas.experimental_local_results(of_both)), images)
        np.testing.assert_array_equal(np.concatenate(two_replicas.experimental_local_results(labels_of_both)), labels)


@pytest.mark.parametrize("part", [sources.FirstExamples(6), sources.RandomExamples(0.7), sources.FirstClasses(0.7)])
@pytest.mark.daily("part1")
def test_workers_have_shards_of_a_part(part, data_dir):
    source = dataclasses.replace(STREAM, part=part)

    def read(worker=None):
        return {int(n) for _, _, n in source.examples("cifar10", source.train, data_dir, worker).as_numpy_iterator()}

    shards = [read(tf.distribute.InputContext(2, i, 2)) for i in range(2)]
    assert len(shards[0]) == len(shards[1]) == len(read()) // 2 > 0
    assert not shards[0] & shards[1]
    assert shards[0] | shards[1] <= read()


@pytest.mark.filterwarnings("ignore:The best temperature")  # noise alone: nothing to calibrate
def test_run_from_a_stream(data_dir, tmp_path):
    result = run(EXPERIMENT, tmp_path, data_dir)
    assert result["settings"]["source"]["train"] == "train[50%:]"
    assert 0 <= result["scores"]["test_accuracy"] <= 1
    assert result["resolved"]["optimizer"]["trust_coefficient"] == 0.001


def test_square_is_the_centre_of_any_shape():
    image = np.zeros((20, 60, 3), np.uint8)
    image[:, 20:40] = 200
    np.testing.assert_array_equal(sources.stream._square(image, 10), np.full((10, 10, 3), 200, np.uint8))
    turned = sources.stream._square(image.transpose(1, 0, 2), 10)
    np.testing.assert_array_equal(turned, np.full((10, 10, 3), 200, np.uint8))


def test_exact_noise_is_refused():
    with pytest.raises(ValueError, match=r"`noise` must not be exact for a stream.* Received: Noise\(kind='symmetric'"):
        dataclasses.replace(EXPERIMENT, noise=Noise("symmetric", 0.5, exact=True))


def test_settings_of_runs_in_memory_do_not_mention_it():
    assert "source" not in dataclasses.replace(EXPERIMENT, source=sources.InMemory()).settings()


def test_the_first_examples_are_those_of_the_whole():
    whole, part = datasets.load("digits"), sources.InMemory(part=sources.FirstExamples(100)).load("digits", None)
    np.testing.assert_array_equal(part.train.ids, whole.train.ids[:100])
    np.testing.assert_array_equal(part.test.ids, whole.test.ids)
    experiment = dataclasses.replace(EXPERIMENT, source=sources.InMemory(part=sources.FirstExamples(100)))
    assert experiment.settings()["source"] == {"count": 100}
    with pytest.raises(ValueError, match="`count` must be at most 1293, the training examples of 'digits'"):
        sources.InMemory(part=sources.FirstExamples(2000)).load("digits", None)


def test_a_random_part_is_one_half_of_the_training_split_alone():
    whole, part = datasets.load("digits"), sources.InMemory(part=sources.RandomExamples(0.5)).load("digits", None)
    assert len(part.train) == round(0.5 * len(whole.train))
    assert set(part.train.ids) < set(whole.train.ids)
    assert (np.diff(part.train.ids) > 1).any()
    by_id = dict(zip(whole.train.ids, whole.train.labels, strict=True))
    assert [by_id[i] for i in part.train.ids] == part.train.labels.tolist()
    for split in ("validation", "test"):
        np.testing.assert_array_equal(getattr(part, split).ids, getattr(whole, split).ids)
    again = sources.InMemory(part=sources.RandomExamples(0.5)).load("digits", None)
    np.testing.assert_array_equal(again.train.ids, part.train.ids)
    fractions = np.bincount(part.train.labels) / np.bincount(whole.train.labels)
    assert fractions.min() > 0.3  # every class is there
    assert fractions.max() < 0.7


def test_a_random_part_has_the_noisy_labels_of_the_whole():
    """Noise goes by the example, so that what a predecessor saw is what its part shows."""
    noise = Noise("symmetric", 0.4)
    both = sources.InMemory(), sources.InMemory(part=sources.RandomExamples(0.5))
    whole, part = (noise.apply(source.load("digits", None), 3) for source in both)
    by_id = dict(zip(whole.train.ids, whole.train.observed, strict=True))
    assert [by_id[i] for i in part.train.ids] == part.train.observed.tolist()


def test_the_first_classes_are_all_that_is_left():
    whole, part = datasets.load("digits"), sources.InMemory(part=sources.FirstClasses(0.5)).load("digits", None)
    assert (part.class_names, part.num_classes) == (("0", "1", "2", "3", "4"), 5)
    for split in ("train", "validation", "test"):
        everything, kept = getattr(whole, split), getattr(part, split)
        expected = [i for i, label in zip(everything.ids, everything.labels, strict=True) if label in range(5)]
        assert kept.ids.tolist() == expected
        assert set(kept.labels) == set(range(5))


def test_classes_of_human_labels_are_not_cut(monkeypatch):
    noisy = Noise("symmetric", 0.2).apply(datasets.load("digits"), 0)
    monkeypatch.setattr(datasets, "load", lambda name, data_dir: noisy)
    with pytest.raises(ValueError, match=r"`dataset` must have clean labels, to be cut to some classes."):
        sources.InMemory(part=sources.FirstClasses(0.5)).load("cifar10n:worst", None)


@pytest.mark.parametrize(("share", "left"), [(0.05, 0), (0.1, 1)])
def test_one_class_is_nothing_to_learn(share, left):
    with pytest.raises(ValueError, match=rf"`class_share` must leave at least two of the 10 .* leaves {left}\."):
        sources.InMemory(part=sources.FirstClasses(share)).load("digits", None)


@pytest.mark.parametrize("share", [0, 1, 2.0])
def test_something_is_held_out_and_something_left(share):
    with pytest.raises(ValueError, match="`share` must be finite and above 0 and below 1"):
        sources.InMemory(share=share)


def test_no_or_negative_examples():
    for count in (0, -5):
        with pytest.raises(ValueError, match=r"`count` must be at least 1"):
            sources.FirstExamples(count)


@pytest.mark.parametrize(("part", "name"), [(sources.RandomExamples, "example"), (sources.FirstClasses, "class")])
def test_fractions_are_named_for_their_whole(part, name):
    experiment = dataclasses.replace(EXPERIMENT, source=sources.InMemory(part=part(0.5)))
    assert experiment.settings()["source"] == {f"{name}_share": 0.5}
    for share in (0, 1):
        with pytest.raises(ValueError, match=f"`{name}_share` must be finite and above 0 and below 1"):
            part(share)


def test_a_predecessor_may_have_seen_all_of_which_this_run_sees_a_part():
    whole = dataclasses.replace(EXPERIMENT, source=sources.InMemory())
    for one in (sources.FirstExamples(5), sources.RandomExamples(0.5), sources.FirstClasses(0.5)):
        part = sources.InMemory(part=one)
        assert dataclasses.replace(EXPERIMENT, source=part, predecessor=whole).predecessor == whole
        with pytest.raises(ValueError, match="`predecessor` must have the same source"):
            dataclasses.replace(whole, predecessor=dataclasses.replace(EXPERIMENT, source=part))
    with pytest.raises(ValueError, match="`predecessor` must have the same source"):
        dataclasses.replace(EXPERIMENT, predecessor=whole)  # a stream's splits may be others


def test_a_loss_that_remembers_examples_gets_their_ids_from_memory():
    method = Method("ELR", losses.EarlyLearning, {"num_examples": NumTrainingExamples()})
    changes = {"dataset": "digits", "method": method, "augmentation": None}
    with pytest.raises(ValueError, match=r"`source` must give ids of examples for 'ELR'.*Take `sources.InMemory`"):
        dataclasses.replace(EXPERIMENT, **changes)
    one = dataclasses.replace(EXPERIMENT, **changes, source=sources.InMemory())
    data = one.noisy_data(None)
    labels = next(iter(one.batches(data, None).train))[1]
    assert method.build_loss(data, None).num_examples == len(data.train)
    np.testing.assert_array_equal(labels["labels"], data.train.observed[labels["ids"]])
