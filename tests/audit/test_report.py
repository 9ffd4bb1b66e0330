"""Report and summary of data whose true labels are known, and the progress, all without training."""

import base64
import io
import re
import types

import numpy as np
import pytest
import tensorflow as tf

from tfp_noise.audit import report, summary
from tfp_noise.audit.comparison import Result
from tfp_noise.audit.data import AuditedData
from tfp_noise.audit.progress import Progress
from tfp_noise.audit.settings import Settings
from tfp_noise.suspects import Suspects

# Six examples: three are wrong (1, 2, 5), two of them and a right one (4) are suspects, one suggestion (2) is wrong.
GIVEN, TRUE, SUGGESTED = [0, 0, 1, 1, 2, 2], [0, 1, 0, 1, 2, 0], [0, 1, 2, 1, 0, 2]
SCORES, FLAGS = [0.9, 0.1, 0.2, 0.8, 0.3, 0.7], [False, True, True, False, True, False]
JOINT = [[1, 0.25, 1], [1, 1, 0], [0, 0.75, 1]]
RESULTS = [Result("CrossEntropy", 0.5, 0.1, 0.6), Result("LogisticNormal", None, None, None)]
RANKED = Suspects(GIVEN, SUGGESTED, SCORES, FLAGS, JOINT)


def data(features):
    return AuditedData(
        "toys", features, np.array(GIVEN), np.arange(6), ("ant", "bee", "cow"), true_labels=np.array(TRUE)
    )


def rendered(features, **others):
    examples = data(features)
    numbers = summary.summarize(Settings(), examples, RANKED, RESULTS, RESULTS[0], ["one note"])
    made_by = {"versions": {"keras": "3"}}
    others = {"made_by": made_by, "seconds": 1.5, "backbone": None} | others
    return numbers, report.render(numbers | others, examples, RANKED)


IMAGES = np.random.default_rng(0).integers(0, 256, [6, 5, 4, 3]) / np.float32(255)


def test_quality_where_the_truth_is_known():
    numbers, text = rendered(IMAGES)
    assert numbers["found"] == {
        "wrong": 3,
        "suspects_wrong": 2,
        "precision": round(2 / 3, 4),
        "recall": round(2 / 3, 4),
        "suggestions_right": 0.5,
    }
    assert "2 of the 3 suspects are among them (66.7 %)" in text
    judged = re.findall(r"<td>(right|wrong)</td>", text)
    assert judged == ["wrong", "wrong", "right"]


def test_a_reader_sees_how_much_the_networks_have_learned():
    numbers, text = rendered(IMAGES)
    assert numbers["agreement"] == 0.5  # examples 0, 3 and 5: the suggested class is the given one
    assert "They predicted\n50 % of the given labels" in text


@pytest.mark.parametrize("agreed", [299, 300])
def test_the_headline_says_when_errors_of_the_networks_are_among_the_wrong_labels(agreed):
    given = np.arange(400) % 2
    suggested = np.where(np.arange(400) < agreed, given, 1 - given)
    ranked = Suspects(given, suggested, np.full(400, 0.5), given != suggested, [[150, 50], [51, 149]])
    said = summary.sentence(ranked)
    assert said.startswith("About 101 of 400 labels look wrong (25.2 %).")
    assert ("includes errors of the networks, which predicted only 75 % of the given labels." in said) == (agreed < 300)


def test_numbers_by_class_and_pair():
    numbers, _ = rendered(IMAGES)
    assert numbers["sentence"].startswith("About 3 of 6 labels look wrong (50.0 %).")
    assert [(row["given"], row["estimated_wrong"], row["suspects"]) for row in numbers["by_class"]] == [
        (2, 1.0, 1),
        (2, 1.0, 1),
        (2, 1.0, 1),
    ]
    assert [tuple(row.values()) for row in numbers["by_pair"]] == [
        ("ant", "bee", 1.0, 1),
        ("cow", "ant", 1.0, 1),
        ("bee", "cow", 0.8, 1),
    ]


def pictures(text):
    found = re.findall(r'src="data:image/png;base64,([^"]*)"', text)
    return [tf.io.decode_png(base64.b64decode(one)).numpy() for one in found]


def test_pictures_are_those_of_the_suspects():
    shown = pictures(rendered(IMAGES)[1])
    np.testing.assert_array_equal(shown, np.round(255 * IMAGES[[1, 2, 4]]).astype(int))


def test_large_pictures_are_made_small():
    shown = pictures(rendered(np.ones([6, 200, 100, 1], np.float32))[1])
    assert [one.shape for one in shown] == [(96, 48, 1)] * 3


def test_pictures_of_a_backbone_are_stored_as_bytes():
    backbone = {"name": "VGG16", "weights": "w.h5", "sha256": "ab12"}
    _, text = rendered(np.round(255 * IMAGES).astype(np.uint8), backbone=backbone)
    np.testing.assert_array_equal(pictures(text), np.round(255 * IMAGES[[1, 2, 4]]).astype(int))
    assert re.search(r"features by VGG16 with the weights in w.h5\s.*SHA-256 ab12", text)


def test_features_are_shown_where_there_are_no_pictures():
    _, text = rendered(np.arange(12, dtype=np.float32).reshape(6, 2))
    assert "<th>feature 0</th><th>feature 1</th>" in text
    assert "<td>2</td><td>3</td>" in text
    assert not pictures(text)


def test_a_loss_that_diverged_is_in_the_table():
    _, text = rendered(IMAGES)
    assert re.search(r"<td>LogisticNormal</td>\s*<td class=\"number\">diverged</td>", text)
    assert "Take CrossEntropy" in text
    assert "Note: one note" in text


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()], ids=["file", "terminal"])
def test_progress_counts_batches_and_tells_the_time_left(stream, monkeypatch):
    clock = iter(np.arange(0, 1000, 10.0))
    monkeypatch.setattr("tfp_noise.audit.progress.time", types.SimpleNamespace(monotonic=lambda: next(clock)))
    progress = Progress(stream)
    progress.expect(100)
    progress.set_params({"steps": 25})
    progress.on_epoch_end(0)  # 10 seconds after the start
    assert " 25% of all training, 0:30 left" in stream.getvalue()
    progress.on_epoch_end(1)
    assert " 50% of all training, 0:20 left" in stream.getvalue()
    progress.expect(2, "images")
    progress.on_predict_batch_end(0)
    assert " 50% of all images, 0:10 left" in stream.getvalue()
    progress.start("report")
    assert stream.getvalue().endswith("[1/6] report\n")
