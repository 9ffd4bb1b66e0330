"""Audits from data to files, and what goes on after an interruption."""

import csv
import io
import json
import os
import re
import signal
import zipfile

import keras
import numpy as np
import pytest

from tfp_noise import cross_prediction
from tfp_noise.audit import command, comparison, data
from tfp_noise.audit.folder import OutputFolder
from tfp_noise.audit.progress import Progress
from tfp_noise.audit.settings import Settings

FILES = {"report.html", "suspects.csv", "summary.json", "model.keras"}
SPECIES = ["cat", "dog <b>", "owl"]
SWAPPED = (3, 10, 29, 41)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """60 rows of three classes that two columns tell apart; four labels are those of the next class."""
    path, rng = tmp_path_factory.mktemp("data") / "pets.csv", np.random.default_rng(0)
    with open(path, "w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["weight", "colour", "species"])
        for i in range(60):
            weight = 10 * (i % 3) + rng.normal()
            rows.writerow([f"{weight:.2f}", ["red", "grey", "black"][i % 3], SPECIES[(i + (i in SWAPPED)) % 3]])
    return path


def settings(table, **others):
    return Settings(**{"csv": str(table), "label": "species", "folds": 2, "epochs": 2} | others)


def audit(table, out, **others):
    """The lines that an audit shows."""
    shown = io.StringIO()
    command.run(settings(table, **others), out, Progress(shown))
    return shown.getvalue()


@pytest.fixture(scope="module")
def monkeypatch():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def finished(table, tmp_path_factory, monkeypatch):
    """An audit in two parts: Ctrl-C after the first fold, and again after the first loss; and the lines of the last."""
    out = tmp_path_factory.mktemp("audits") / "deep" / "pets"
    for name in ("GeneralizedCrossEntropy", "ForwardCorrection"):  # two losses are enough to be compared
        monkeypatch.delitem(comparison.LOSSES, name)
    for interrupted in (after_fold, after_loss):
        with interrupted(), pytest.raises(KeyboardInterrupt):
            audit(table, out, epochs=25)
    return out, audit(table, out, epochs=25)


def after_fold():
    return CtrlC(cross_prediction.FoldFiles, "write")


def after_loss():
    return CtrlC(comparison, "_measured")


class CtrlC:
    """A block in which a function presses Ctrl-C at the end of its first call."""

    def __init__(self, owner, name):
        self._owner, self._name, self._function = owner, name, getattr(owner, name)

    def __enter__(self):
        def call(*arguments):
            result = self._function(*arguments)
            os.kill(os.getpid(), signal.SIGINT)
            return result

        setattr(self._owner, self._name, call)

    def __exit__(self, *_):
        setattr(self._owner, self._name, self._function)


def test_all_files_are_there_and_nothing_else(finished):
    assert {path.name for path in finished[0].iterdir()} == FILES


def test_an_interrupted_audit_goes_on(finished):
    assert "goes on: 2 folds and 1 losses are there from before" in finished[1]


def test_suspects_are_listed_with_their_names(finished):
    with open(finished[0] / "suspects.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert sorted(int(row["id"]) for row in rows) == list(range(60))
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), key=float)
    assert {int(row["id"]) for row in rows[:4]} == set(SWAPPED)
    assert all(row["given"] == SPECIES[(int(row["id"]) + 1) % 3] for row in rows[:4])
    assert all(row["suggested"] == SPECIES[int(row["id"]) % 3] for row in rows[:4])


def test_the_summary_counts_what_the_list_has(finished):
    summary = json.loads((finished[0] / "summary.json").read_text())
    with open(finished[0] / "suspects.csv", newline="") as stream:
        flagged = [row for row in csv.DictReader(stream) if row["is_suspect"] == "True"]
    assert summary["examples"] == 60
    assert summary["suspects"] == len(flagged) == sum(row["suspects"] for row in summary["by_class"])
    assert summary["suspects"] == sum(row["suspects"] for row in summary["by_pair"])
    assert [row["given"] for row in summary["by_class"]] == [21, 20, 19]
    assert abs(summary["estimated_wrong"] - 4) <= 1
    accuracies = {row["loss"]: row["accuracy"] for row in summary["comparison"]}
    assert set(accuracies) == set(comparison.LOSSES)
    assert accuracies[summary["chosen_loss"]] == max(accuracies.values())
    assert summary["found"] is None
    assert summary["made_by"]["versions"]["keras"] == keras.__version__


def test_the_report_opens_offline_and_escapes_names(finished):
    report = (finished[0] / "report.html").read_text()
    summary = json.loads((finished[0] / "summary.json").read_text())
    assert summary["sentence"] in report
    assert "An id is the number of a row, from 0 on" in report
    assert "columns are shown" not in report
    assert "dog &lt;b&gt;" in report
    assert "dog <b>" not in report
    assert not re.findall(r"(?:src|href)=(?!\"data:)", report)
    assert "http" not in report
    rows = re.search(r'id="suspects">.*?</table>', report, re.S)[0].count("<tr>") - 1
    assert rows == summary["suspects"]


def test_the_model_is_plain_keras(finished, table):
    with zipfile.ZipFile(finished[0] / "model.keras") as archive:
        assert "tfp_noise" not in archive.read("config.json").decode()
    model = keras.models.load_model(finished[0] / "model.keras")
    summary = json.loads((finished[0] / "summary.json").read_text())
    assert summary["model"]["inputs"] == ["weight", "colour=black", "colour=grey", "colour=red"]
    probabilities = model.predict(np.float32([[0, 0, 0, 1], [10, 0, 1, 0], [20, 1, 0, 0]]), verbose=0)
    assert probabilities.argmax(axis=1).tolist() == [0, 1, 2]
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-6)


def test_columns_that_give_the_labels_away_are_warned_of(tmp_path):
    with open(tmp_path / "codes.csv", "w", newline="") as stream:
        csv.writer(stream).writerows([["code", "weight", "species"], *([i % 2, i % 7, "ab"[i % 2]] for i in range(40))])
    with pytest.warns(UserWarning, match="the column 'code' of 'codes.csv', with one value for each class"):
        examples = data.load(Settings(csv=str(tmp_path / "codes.csv"), label="species"))
    with pytest.warns(UserWarning, match="Every given label was predicted") as caught:
        ranked = command._ranked(np.eye(2)[examples.labels], examples)
    assert (ranked.estimated_count, len(caught)) == (0, 1)


def test_networks_that_learn_little_are_warned_of():
    """Three of twelve labels are predicted; the third class is never predicted, so that its row has no example."""
    labels = np.arange(12) % 3
    examples = data.AuditedData("x", np.zeros([12, 1]), labels, np.arange(12), ("ant", "bee", "cow"))
    probabilities = np.tile([0.4, 0.35, 0.25], [12, 1])
    probabilities[9] = probabilities[9, [1, 0, 2]]
    with (
        pytest.warns(UserWarning, match="`probabilities` should predict the given labels better than chance"),
        pytest.warns(UserWarning, match=r"The networks predicted 25 % of the given labels\..*`--epochs`"),
    ):
        command._ranked(probabilities, examples)
    with pytest.warns(UserWarning, match="ForwardCorrection, .* weak estimate") as caught:
        command._transition(probabilities, labels, examples.class_names)
    assert ["'cow'" in str(one.message) for one in caught] == [True, False]
    assert "'ant', 'bee'" in str(caught[1].message)


def test_a_finished_audit_is_not_repeated(finished, table):
    out = finished[0]
    before = {name: (out / name).stat().st_mtime_ns for name in FILES}
    assert f"This audit is finished: {out / 'report.html'}. Nothing was done." in audit(table, out, epochs=25)
    assert {name: (out / name).stat().st_mtime_ns for name in FILES} == before


def test_the_folder_of_another_audit_is_refused(finished, table):
    with pytest.raises(ValueError, match=r"`--out` .* holds another one \(seed: there 0, now 1\). Choose another"):
        audit(table, finished[0], epochs=25, seed=1)


def test_the_folder_of_another_unfinished_audit_is_refused(table, tmp_path):
    with OutputFolder(tmp_path / "out", {"epochs": 2}) as folder:
        assert not folder.is_finished
        folder.store("comparison", {})
    with pytest.raises(ValueError, match=r"holds another one \(.*epochs: there 2, now 3"):
        audit(table, tmp_path / "out", epochs=3)


def test_the_folder_of_an_audit_that_failed_before_any_training_is_used_again(tmp_path):
    with OutputFolder(tmp_path / "out", {"model": "wrong"}) as folder:
        folder.features.mkdir()
    with OutputFolder(tmp_path / "out", {"model": "mended"}) as folder:
        assert folder.stored("facts") == {"model": "mended"}
        assert not folder.features.exists()


def test_a_folder_of_other_things_is_refused(table, tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ValueError, match=r"`--out` must be a new folder.* such as 'thesis.tex'. Choose another"):
        audit(table, tmp_path)
    with pytest.raises(ValueError, match=r"`--out` must be a folder. Received: .*which is a file"):
        audit(table, tmp_path / "thesis.tex")


def test_one_process_at_a_time(tmp_path):
    with OutputFolder(tmp_path / "out", {}), pytest.raises(ValueError, match="in use by another process"):
        OutputFolder(tmp_path / "out", {}).__enter__()
