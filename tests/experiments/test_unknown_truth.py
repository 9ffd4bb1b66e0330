"""Data sets whose true training labels nobody knows: runs and reports that say so instead of a number."""

import dataclasses
import json

import keras
import numpy as np
import pytest

from experiments import evaluation, papers, report, results, sources
from experiments.evaluation.resolvers import TrueTransition
from experiments.experiment import CROSS_ENTROPY, Experiment, Noise
from tfp_noise import datasets, losses, metrics, noise

CLASSES = ("cat", "dog", "fox")
EXPERIMENT = Experiment(
    name="small/animals10n/none/CE",
    dataset="animals10n",
    noise=Noise("none"),
    model="digits_cnn",
    method=CROSS_ENTROPY,
    epochs=1,
    batch_size=8,
    optimizer=("Adam", {"learning_rate": 1e-3}),
)
STREAM = sources.Stream("train[10%:]", "train[:10%]", "test", stored_size=8, image_size=8)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """Twenty training and four test images of each class, in folders like those of Animals-10N."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for split, count in {"train": 20, "test": 4}.items():
        for name in CLASSES:
            place = folder / "animals10n" / split / name
            place.mkdir(parents=True)
            for number in range(count):
                keras.utils.save_img(place / f"{number}.png", rng.integers(256, size=(8, 8, 3)), scale=False)
    return folder


def test_training_labels_are_given_ones_and_test_labels_true(data_dir):
    data = datasets.load("animals10n", data_dir)
    for split in (data.train, data.validation):
        assert split.labels is None
        assert np.bincount(split.observed).sum() == len(split) > 0
    assert np.bincount(data.test.labels).tolist() == [4, 4, 4]
    assert data.test.observed is None
    assert data.transition is None
    with pytest.raises(ValueError, match="`train` must have true labels"):
        _ = data.effective_rate
    with pytest.raises(ValueError, match="`dataset` must have true labels, to draw noisy ones from"):
        noise.corrupt_dataset(data, noise.symmetric(3, 0.2), seed=0)


def test_a_stream_has_the_labels_of_the_arrays(data_dir):
    whole = datasets.load("animals10n", data_dir, validation_share=0)
    streamed = STREAM.load("animals10n", data_dir)
    for split, places in {"train": slice(6, 60), "validation": slice(6)}.items():
        found = getattr(streamed, split)
        assert found.labels is None
        np.testing.assert_array_equal(found.observed, whole.train.observed[places])
    assert streamed.test.labels is not None


def test_a_stream_trains_on_the_given_labels(data_dir):
    experiment = dataclasses.replace(EXPERIMENT, source=STREAM)
    noisy = experiment.noisy_data(data_dir)
    given = {image.tobytes(): label for image, label in zip(noisy.train.features, noisy.train.observed, strict=True)}
    batches = experiment.batches(noisy, data_dir)
    seen = set()
    for images, labels in batches.train.take(batches.steps_per_epoch).as_numpy_iterator():
        pictures = [image.tobytes() for image in np.round(255 * images).astype(np.uint8)]
        assert [given[one] for one in pictures] == labels.tolist()
        seen.update(pictures)
    assert len(seen) == 8 * batches.steps_per_epoch == 48


class Guessing:
    """Stands for a trained model: random predictions, and a loss with a transition."""

    loss = losses.ForwardCorrection(3, np.eye(3))

    def predict(self, examples, **kwargs):
        del kwargs
        batches = [examples] if isinstance(examples, np.ndarray) else [images for images, _ in examples]
        return np.random.default_rng(0).dirichlet(np.ones(3), sum(map(len, batches)))

    def save(self, path):
        path.parent.mkdir(parents=True)
        path.write_text("a model")


@pytest.mark.filterwarnings("ignore:The best temperature")  # guesses: nothing to calibrate
def test_results_and_reports_have_none_where_they_would_need_the_truth(data_dir, tmp_path):
    data, model = EXPERIMENT.noisy_data(data_dir), Guessing()
    curves = evaluation.Curves(data, epochs=1)
    curves.set_model(model)
    curves.on_epoch_end(0)
    scores, probabilities = evaluation.evaluate(model, data)
    known = datasets.Examples(np.zeros([2, 1]), [0, 1], [0, 1], observed=[0, 1])
    assert scores["train"].keys() == metrics.split_accuracy(np.eye(2), known).keys()
    made = results.write(EXPERIMENT, tmp_path, model, data, probabilities, {"scores": scores, "curves": curves.history})
    assert set(scores["train"].values()) == {None}
    assert (scores["train_effective_noise_rate"], scores["transition_mean_absolute_error"]) == (None, None)
    assert 0 <= scores["test_accuracy"] <= 1
    assert curves.history["train_accuracy_clean"] == [None]
    assert 0 <= curves.history["train_accuracy_observed"][0] <= 1
    path = tmp_path / EXPERIMENT.name / "seed0.json"
    assert json.loads(path.read_text())["scores"]["train"]["accuracy"] is None
    assert "transition" not in results.read_predictions(path.with_suffix(".npz"))
    report.refresh(tmp_path)
    assert sorted(one.name for one in path.parent.parent.glob("*.png")) == ["learning_curves.png", "reliability.png"]
    (row,) = report.rows([made])
    assert (row["train"], row["clean part"], row["error of T"]) == ("–", "–", "–")


def test_a_method_that_needs_the_true_transition_says_so(data_dir):
    with pytest.raises(ValueError, match=r"The true transition must be known\. Received: 'animals10n'.*Estimate it"):
        TrueTransition()(EXPERIMENT.noisy_data(data_dir), predecessor=None)


def test_noise_is_not_added_to_labels_of_unknown_truth(data_dir):
    data = datasets.load("animals10n", data_dir)
    assert Noise("none").apply(data, seed=0) is data
    with pytest.raises(ValueError, match="`dataset` must have true labels"):
        Noise("symmetric", 0.2).apply(data, seed=0)


def test_declared_experiments_on_such_data_ask_for_nothing_that_is_not_there():
    declared = [one for one in papers.EXPERIMENTS.values() if one.dataset == "animals10n"]
    assert declared
    for one in declared:
        assert one.noise == Noise("none")
        assert not any(isinstance(value, TrueTransition) for value in one.method.arguments.values())
