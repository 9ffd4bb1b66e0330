"""Parts of a stream: the examples that are left in each split, and the runs that one on them may build on."""

import dataclasses
import itertools

import numpy as np
import pytest

from experiments import sources
from experiments.evaluation.resolvers import SubstituteTeacher
from experiments.experiment import CLEAN, Experiment, Method
from experiments.run import run
from tests.datasets.test_folders import write
from tfp_noise import datasets, losses, pipeline

SPLITS = {"train": "train[10%:]", "validation": "train[:10%]", "test": "test", "stored_size": 12, "image_size": 8}
WHOLE = sources.Stream(**SPLITS)
EXAMPLES = sources.Stream(**SPLITS, part=sources.RandomExamples(0.5))
CLASSES = sources.Stream(**SPLITS, part=sources.FirstClasses(0.7))  # two of three
EXPERIMENT = Experiment(
    name="small/whole/LLS",
    dataset="imagenet100",
    noise=CLEAN,
    model="digits_cnn",
    method=Method("LLS", losses.LearnableLabelSmoothing),
    epochs=1,
    batch_size=4,
    optimizer=("Adam", {"learning_rate": 1e-3}),
    augmentation=pipeline.CropAndFlip(pad=0, size=8),
    source=WHOLE,
)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """A directory with a small `imagenet100`: three classes of 20 and 4 images."""
    path = tmp_path_factory.mktemp("data")
    for split, count in (("train", 20), ("test", 4)):
        for name, number in itertools.product(("ant", "bee", "cat"), range(count)):
            write(path / "imagenet100" / split / name, number + 100 * (split == "test"), size=(14, 12, 3))
    return path


def labels_by_id(data_dir, split):
    stream = datasets.stream("imagenet100", split, data_dir)
    return {int(number): int(label) for _, label, number in stream.as_numpy_iterator()}


def steps(source, data_dir):
    data = CLEAN.apply(source.load("imagenet100", data_dir), 0)
    return dataclasses.replace(EXPERIMENT, source=source).batches(data, data_dir).steps_per_epoch


def trained_on(source, data_dir):
    """Images of one epoch, all of them, because the batches have one example."""
    one = dataclasses.replace(EXPERIMENT, batch_size=1, augmentation=None, source=source)
    batches = one.batches(one.noisy_data(data_dir), data_dir)
    epoch = itertools.islice(batches.train.as_numpy_iterator(), batches.steps_per_epoch)
    return [(image.tobytes(), int(label)) for (image,), (label,) in epoch]


@pytest.mark.thorough
def test_random_examples_are_half_of_the_training_split_alone(data_dir):
    whole, part = (source.load("imagenet100", data_dir) for source in (WHOLE, EXAMPLES))
    assert (len(whole.train), len(part.train)) == (54, 27)
    assert set(part.train.ids) < set(whole.train.ids)
    by_id = labels_by_id(data_dir, "train[10%:]")
    assert [by_id[i] for i in part.train.ids] == part.train.labels.tolist()
    assert set(part.train.labels) == {0, 1, 2}  # files are mixed, not class after class
    for split in ("validation", "test"):
        np.testing.assert_array_equal(getattr(part, split).ids, getattr(whole, split).ids)
    assert (steps(WHOLE, data_dir), steps(EXAMPLES, data_dir)) == (54 // 4, 27 // 4)
    seen, all_of_them = trained_on(EXAMPLES, data_dir), trained_on(WHOLE, data_dir)
    assert (len(set(seen)), len(set(all_of_them))) == (27, 54)
    assert set(seen) < set(all_of_them)


def test_the_first_classes_are_all_that_is_left(data_dir):
    part = CLASSES.load("imagenet100", data_dir)
    assert part.class_names == ("ant", "bee")
    for split, name in (("train", "train[10%:]"), ("validation", "train[:10%]"), ("test", "test")):
        expected = {number: label for number, label in labels_by_id(data_dir, name).items() if label < 2}
        found = getattr(part, split)
        assert dict(zip(found.ids, found.labels, strict=True)) == expected
    assert steps(CLASSES, data_dir) == len(part.train) // 4
    seen = trained_on(CLASSES, data_dir)
    assert len(set(seen)) == len(part.train)
    assert {label for _, label in seen} == {0, 1}


def test_a_sample_is_no_larger_than_asked(data_dir, monkeypatch):
    monkeypatch.setattr(sources.stream, "_SAMPLE", 3)
    for source in (EXAMPLES, CLASSES):
        data = source.load("imagenet100", data_dir)
        assert (len(data.train), len(data.validation)) == (3, 3)
        assert len(data.test) == 4 * data.num_classes


@pytest.mark.filterwarnings("ignore:The best temperature")  # noise alone: nothing to calibrate
@pytest.mark.thorough
def test_a_part_learns_from_what_the_whole_has_learned(data_dir, tmp_path):
    """LLS-ST of Table 7 does so."""
    student = Method("LLS-ST", losses.LabelSmearing, {"matrix": SubstituteTeacher(0.1)})
    part = EXPERIMENT.variant("small/part", student, source=CLASSES, predecessor=EXPERIMENT)
    result = run(part, tmp_path, data_dir)
    assert result["settings"]["source"] == {**SPLITS, "class_share": 0.7}
    assert np.shape(result["resolved"]["loss"]["matrix"]) == (2, 2)


def test_what_a_part_may_build_on():
    for part in (EXAMPLES, CLASSES):
        other = dataclasses.replace(EXPERIMENT, source=part)
        assert dataclasses.replace(other, predecessor=EXPERIMENT).predecessor == EXPERIMENT
        for wrong in (
            dataclasses.replace(EXPERIMENT, source=dataclasses.replace(WHOLE, train="train")),  # sees what is held out
            dataclasses.replace(EXPERIMENT, source=sources.InMemory()),
        ):
            with pytest.raises(ValueError, match="`predecessor` must have the same source"):
                dataclasses.replace(other, predecessor=wrong)
        with pytest.raises(ValueError, match="`predecessor` must have the same source"):
            dataclasses.replace(EXPERIMENT, predecessor=other)
    smaller = dataclasses.replace(EXPERIMENT, source=dataclasses.replace(EXAMPLES, part=sources.RandomExamples(0.25)))
    with pytest.raises(ValueError, match="`predecessor` must have the same source"):
        dataclasses.replace(smaller, predecessor=dataclasses.replace(EXPERIMENT, source=EXAMPLES))


@pytest.mark.parametrize("share", [0, 1, 2.0])
def test_fractions_are_fractions(share):
    for part, name in ((sources.RandomExamples, "example_share"), (sources.FirstClasses, "class_share")):
        with pytest.raises(ValueError, match=f"`{name}` must be finite and above 0 and below 1"):
            part(share)


def test_one_class_is_nothing_to_learn(data_dir):
    one = dataclasses.replace(CLASSES, part=sources.FirstClasses(0.4))
    with pytest.raises(ValueError, match=r"`class_share` must leave at least two of the 3 classes .* which leaves 1\."):
        one.load("imagenet100", data_dir)
