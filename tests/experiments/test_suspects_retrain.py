"""Training after acting on suspects: each way trains on what it says, and the committed tables are of the results."""

import json
import pathlib

import numpy as np
import pytest

from experiments.suspects import retrain
from tfp_noise import datasets

RESULTS = pathlib.Path(__file__).parents[2] / "results" / "suspects"
TRUE, GIVEN = np.array([0, 1, 1, 0, 1, 0]), np.array([0, 1, 0, 0, 1, 1])
PROBABILITIES = np.array([[0.9, 0.1], [0.2, 0.8], [0.1, 0.9], [0.7, 0.3], [0.3, 0.7], [0.8, 0.2]])
# Six examples are too few to tell a model from chance.
pytestmark = pytest.mark.filterwarnings("ignore:`probabilities` should predict the given labels better than chance")


def examples(observed=None):
    return datasets.Examples(np.arange(24, dtype=np.uint8).reshape(6, 2, 2), TRUE, np.arange(6), observed)


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Results whose accuracies are 0, 1, 2 and so on, and what was trained on for each."""
    trained = []

    def accuracy(loss, data, weights, seed, **_):
        trained.append((loss, data.train.training_labels.tolist(), None if weights is None else weights.tolist()))
        return len(trained) - 1

    monkeypatch.setattr(retrain, "accuracy", accuracy)
    monkeypatch.setattr(retrain, "cross_predict", lambda *_, **__: PROBABILITIES)
    data = datasets.Dataset("x", examples(GIVEN), examples(), examples(), ("a", "b"))
    retrain.measure(tmp_path / "x-0.json", data, retrain.Size(None, 1, 2), seed=0, workdir=tmp_path)
    return json.loads((tmp_path / "x-0.json").read_text()), trained, data


def test_each_way_trains_on_what_it_says(measured):
    """The two wrong labels, at 2 and 5, are the suspects, and the true ones are suggested."""
    found, trained, _ = measured
    own = PROBABILITIES[np.arange(6), GIVEN].tolist()
    by_name = {way.name: seen for way, seen in zip(retrain.WAYS, trained, strict=True)}
    left, true, given = [0, 1, 0, 1], TRUE.tolist(), GIVEN.tolist()
    joint = by_name.pop("weighted by score, CE, confident_joint")
    assert by_name == {
        **{f"all, {loss}": (loss, given, None) for loss in ("CE", "GCE", "SCE")},
        "without suspects, CE, self_confidence": ("CE", left, None),
        "without suspects, CE, confident_joint": ("CE", left, None),
        "without suspects, GCE, self_confidence": ("GCE", left, None),
        "suspects relabelled, CE, self_confidence": ("CE", true, None),
        "weighted by score, CE, self_confidence": ("CE", given, own),
        "all with true labels, CE": ("CE", true, None),
    }
    assert joint[:2] == ("CE", given)
    assert joint[2] != own
    counts = {"flagged": 2, "wrong": 2, "precision": 1.0, "recall": 1.0}
    assert found == {
        **{way.name: number for number, way in enumerate(retrain.WAYS)},
        **dict.fromkeys(retrain.SCORES, counts),
    }


def test_only_what_is_missing_is_trained(measured, tmp_path):
    found, trained, data = measured
    lost = retrain.WAYS[3].name
    (tmp_path / "x-0.json").write_text(json.dumps({name: value for name, value in found.items() if name != lost}))
    for _ in range(2):
        retrain.measure(tmp_path / "x-0.json", data, retrain.Size(None, 1, 2), seed=0, workdir=tmp_path)
    again = json.loads((tmp_path / "x-0.json").read_text())
    assert again == {**found, lost: len(retrain.WAYS)}
    assert len(trained) == len(retrain.WAYS) + 1


def test_images_become_vectors_and_training_examples_the_first():
    data = datasets.Dataset("x", examples(), examples(), examples(), ("a", "b"))
    flat = retrain.flat(data, 4)
    np.testing.assert_allclose(flat.train.inputs, np.arange(16, dtype=np.float32).reshape(4, 4) / 255)
    assert (len(flat.train), len(flat.test), len(retrain.flat(data, None).train)) == (4, 6, 6)


def test_the_best_but_for_true_labels_is_bold(tmp_path):
    """Two seeds, of which the second adds 2 points to each accuracy; a third was interrupted."""
    scores = {score: {"flagged": 3, "wrong": 4, "precision": 0.5, "recall": 0.25} for score in retrain.SCORES}
    for seed in (0, 1):
        run = {way.name: 0.5 + 0.02 * seed + 0.01 * number for number, way in enumerate(retrain.WAYS)}
        (tmp_path / f"x_noise-{seed}.json").write_text(json.dumps(run | scores))
    (tmp_path / "x_noise-2.json").write_text(json.dumps({retrain.WAYS[0].name: 0.1}))
    lines = retrain.accuracies(tmp_path).splitlines()
    assert lines[0] == "| examples | loss | suspects by | x_noise | gain |"
    assert lines[2] == "| all | CE |  | 51.00 ± 1.41 |  |"
    assert lines[-2:] == [
        "| weighted by score | CE | confident_joint | **59.00 ± 1.41** | +8.00 |",
        "| all with true labels | CE |  | 60.00 ± 1.41 | +9.00 |",
    ]
    text = retrain.page(tmp_path)
    assert text.count("**") == 2
    assert "2 seeds of noise" in text
    assert "| self_confidence | 3 of 4, 0.500 / 0.250 |" in text


def test_page_is_that_of_the_results():
    assert (RESULTS / "retrain.md").read_text(encoding="utf-8") == retrain.page(RESULTS / "retrain")
