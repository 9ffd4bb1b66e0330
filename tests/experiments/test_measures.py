"""Measures beyond every run's scores, against plain recomputation."""

import dataclasses
import json
import pathlib

import keras
import numpy as np
import pytest
from scipy import stats

from experiments import papers, results
from experiments.evaluation import measures
from experiments.evaluation.measures import Attacks, HumanDistance, SnapshotEnsembles, TopAccuracy
from experiments.experiment import ADAM, CROSS_ENTROPY, Experiment, Noise
from experiments.run import run
from tfp_noise import NoisyLabelClassifier, datasets, losses
from tfp_noise.datasets import Dataset, Examples

PLAIN = Experiment("small/none/CE", "digits", Noise("none"), "digits_cnn", CROSS_ENTROPY, 4, 128, ADAM)
MEASURED = dataclasses.replace(PLAIN, measures=(SnapshotEnsembles((1, 2, 9)), TopAccuracy(3), Attacks(num_steps=2)))


def dataset(features, labels, num_classes):
    split = Examples(features, np.array(labels, np.int32), np.arange(len(labels)))
    return Dataset("made up", split, split, split, tuple(map(str, range(num_classes))))


class Scripted:
    """A model whose predictions are told, one array a call."""

    def __init__(self, predictions):
        self.predictions = iter(predictions)

    def predict(self, examples, **_):
        del examples
        return next(self.predictions)


@pytest.mark.parametrize(
    ("count", "epochs", "expected"),
    [
        (6, 300, [50, 100, 150, 200, 250, 300]),
        (20, 300, list(range(15, 301, 15))),
        (4, 10, [2, 5, 8, 10]),
        (3, 3, [1, 2, 3]),
    ],
)
def test_epochs_of_an_ensemble_are_evenly_spread(count, epochs, expected):
    assert SnapshotEnsembles().epochs_of(count, epochs) == expected


def test_ensembles_average_probabilities_not_votes():
    labels = np.array([0, 1, 2, 0])
    rng = np.random.default_rng(0)
    told = rng.dirichlet(np.ones(3) / 2, [6, 4]).astype(np.float32)  # epoch, example, class
    measure = SnapshotEnsembles((1, 2, 3, 6, 7))
    callback = measure.callback(dataset(np.zeros([4, 2], np.float32), labels, 3), 6, None)
    callback.set_model(Scripted(told))
    for epoch in range(6):
        callback.on_epoch_end(epoch)
    expected = {
        str(count): (told[np.arange(6 // count - 1, 6, 6 // count)].mean(0).argmax(1) == labels).mean()
        for count in (1, 2, 3, 6)
    }
    assert callback.scores(told[5]) == {"ensembles": pytest.approx(expected)}
    votes = (np.stack([np.bincount(v, minlength=3) for v in told.argmax(2).T]).argmax(1) == labels).mean()
    assert votes != expected["6"]


def test_top_accuracy():
    probabilities = np.array([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5], [0.1, 0.6, 0.3]])
    callback = TopAccuracy(2).callback(dataset(np.zeros([3, 2], np.float32), [1, 0, 2], 3), 1, None)
    assert callback.scores(probabilities) == {"test_top2_accuracy": pytest.approx(2 / 3)}


@pytest.mark.thorough
def test_attacks_on_a_linear_model_are_known(monkeypatch):
    """The gradient's sign between two classes is that of the difference of their weights at every example."""
    rng = np.random.default_rng(1)
    features = rng.uniform(size=[50, 6]).astype(np.float32)
    weights, labels = rng.normal(size=[6, 2]).astype(np.float32), rng.integers(0, 2, 50)
    weights -= weights.mean(axis=0)
    network = keras.Sequential([keras.Input([6]), keras.layers.Dense(2, use_bias=False)])
    network.set_weights([weights])
    model = NoisyLabelClassifier(network, losses.LabelSmoothing(2, alpha=0.1))
    towards = np.sign(weights[:, 1] - weights[:, 0]) * np.where(labels == 0, 1, -1)[:, None]
    changed = np.clip(features + 0.1 * towards, 0, 1)
    expected = ((changed @ weights).argmax(1) == labels).mean()
    assert expected < ((features @ weights).argmax(1) == labels).mean()
    monkeypatch.setattr(measures, "_CHUNK", 20)
    callback = Attacks(epsilon=0.1, step_size=0.05, top=2).callback(dataset(features, labels, 2), 1, None)
    callback.set_model(model)
    scores = callback.scores(None)
    # The ascent starts anywhere in the cube and reaches the same corner.
    assert (scores["fgsm_accuracy"], scores["pgd_accuracy"]) == pytest.approx((expected, expected))
    assert scores["fgsm_top2_accuracy"] == scores["pgd_top2_accuracy"] == 1


def test_human_distance_counts_right_predictions_only(monkeypatch):
    human = np.array([[0.9, 0.1, 0.0], [0.2, 0.5, 0.3], [0.0, 0.0, 1.0]])
    probabilities = np.array([[0.8, 0.1, 0.1], [0.6, 0.2, 0.2], [0.1, 0.2, 0.7]])
    monkeypatch.setattr(datasets.cifar10h, "load", lambda test, data_dir: human)
    callback = HumanDistance().callback(dataset(np.zeros([3, 2], np.float32), [0, 1, 2], 3), 1, None)
    expected = np.mean([stats.entropy(human[i], probabilities[i]) for i in (0, 2)])
    assert callback.scores(probabilities) == {"human_divergence": pytest.approx(expected)}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("measured")
    return workdir, run(MEASURED, workdir)


def test_measures_stand_among_the_scores_and_in_the_settings(finished):
    workdir, result = finished
    scores = result["scores"]
    with np.load(workdir / PLAIN.name / "seed0.npz") as arrays:
        probabilities, labels = arrays["test_probabilities"], arrays["test_labels"]
    ranks = (probabilities > probabilities[np.arange(len(labels)), labels][:, None]).sum(1)
    assert scores["test_top3_accuracy"] == pytest.approx((ranks < 3).mean())
    assert scores["ensembles"].keys() == {"1", "2"}  # of four epochs none has nine models
    assert scores["ensembles"]["1"] == scores["test_accuracy"]
    assert scores["pgd_accuracy"] <= scores["test_accuracy"]
    stored = json.loads((workdir / PLAIN.name / "seed0.json").read_text())
    assert stored["settings"]["measures"] == [
        "SnapshotEnsembles(counts=(1, 2, 9))",
        "TopAccuracy(k=3)",
        f"Attacks(epsilon={8 / 255}, step_size={2 / 255}, num_steps=2, top=None)",
    ]


def test_a_run_with_other_measures_is_another_run(finished):
    workdir, result = finished
    assert results.find(MEASURED, workdir) == json.loads(json.dumps(result))
    with pytest.raises(ValueError, match=r"a result of other settings \(measures: "):
        run(PLAIN, workdir)


@pytest.mark.thorough
def test_measures_do_not_change_the_training(finished, tmp_path):
    _, result = finished
    plain = run(PLAIN, tmp_path)
    assert "measures" not in plain["settings"]
    assert {key: result["scores"][key] for key in plain["scores"]} == plain["scores"]


def test_committed_results_are_of_the_declared_settings():
    folder = pathlib.Path(__file__).parents[2] / "results"
    found = [result["settings"] for result in results.load(folder).values()]
    declared = [papers.EXPERIMENTS[s["name"]].with_seed(s["seed"]) for s in found if s["name"] in papers.EXPERIMENTS]
    assert len(declared) > 100
    for experiment in declared:
        assert results.find(experiment, folder)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: TopAccuracy(0), r"`k` must be at least 1\. Received: 0"),
        (lambda: Attacks(epsilon=-0.1), r"`epsilon` must be finite and at least 0\. Received: -0\.1"),
        (lambda: Attacks(step_size=-0.1), r"`step_size` must be finite and at least 0\. Received: -0\.1"),
        (lambda: Attacks(num_steps=0), r"`num_steps` must be at least 1\. Received: 0"),
        (lambda: Attacks(top=0), r"`top` must be at least 1\. Received: 0"),
    ],
)
def test_bad_settings_are_refused_where_they_are_declared(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize(("measure", "name"), [(TopAccuracy(4), "k"), (Attacks(top=4), "top")])
def test_more_classes_than_there_are_is_an_error_before_the_training(measure, name):
    data = dataset(np.zeros([3, 2], np.float32), [0, 1, 2], 3)
    with pytest.raises(ValueError, match=rf"`{name}` must be at most 3, the classes of 'made up'\. Received: 4"):
        measure.callback(data, 1, None)


@pytest.mark.parametrize("value", [-0.1, 1.1, 2])
def test_features_that_cannot_be_attacked_are_an_error_before_the_training(value):
    data = dataset(np.full([3, 2], value), [0, 1, 2], 3)
    with pytest.raises(ValueError, match=rf"`test.features of 'made up'` must lie in \[0, 1\]\. .* from {value} to"):
        Attacks().callback(data, 1, None)


@pytest.mark.parametrize(
    "features", [np.full([3, 2], 255, np.uint8), np.array([[0.0, 1.0]] * 3), np.eye(3, dtype=np.int32)]
)
def test_bytes_and_what_lies_in_the_unit_cube_can_be_attacked(features):
    assert Attacks().callback(dataset(features, [0, 1, 2], 3), 1, None).scores


def test_bad_counts():
    with pytest.raises(ValueError, match=r"`counts` must be at least 1\. Received: 0"):
        SnapshotEnsembles((6, 0))
    with pytest.raises(TypeError, match=r"`counts` must be an integer\. Received: 1\.5"):
        SnapshotEnsembles((1.5,))
