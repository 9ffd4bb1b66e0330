"""A run of an experiment that is killed goes on, and its result is that of a run never killed."""

import dataclasses
import json

import keras
import numpy as np
import pytest

from experiments import evaluation, results
from experiments.experiment import Experiment, Method, Noise
from experiments.measures import SnapshotEnsembles
from experiments.run import run
from tests.test_backup import KilledError
from tfp_noise import losses

STUDENT = Experiment(
    name="resumed/symmetric40/OLS",
    dataset="digits",
    noise=Noise("symmetric", 0.4),
    model="digits_cnn",
    method=Method("OLS", losses.OnlineLabelSmoothing),
    epochs=4,
    batch_size=128,
    optimizer=("Adam", {"learning_rate": 1e-3}),
    measures=(SnapshotEnsembles(counts=(2, 4)),),
)
FOLDER = "resumed/symmetric40/OLS/seed0.backup"
BACKUPS = ["backup000002", "backup000003"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return run_anew(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def killed_after(monkeypatch):
    """Ends the process, as far as one that lives on can, in the middle of what follows an epoch."""
    monkeypatch.setattr(results, "_BACKUP_SECONDS", 0.0)
    look = evaluation.Curves.on_epoch_end

    def kill(epochs, workdir):
        def look_and_die(self, epoch, logs=None):
            look(self, epoch, logs)
            if epoch == epochs:
                raise KilledError

        with monkeypatch.context() as patched:
            patched.setattr(evaluation.Curves, "on_epoch_end", look_and_die)
            with pytest.raises(KilledError):
                run(STUDENT, workdir)

    return kill


def run_anew(workdir):
    """As in a process of its own, where Keras counts names from the start."""
    keras.backend.clear_session()
    return without_the_time(run(STUDENT, workdir))


def without_the_time(result):
    return {key: value for key, value in result.items() if key != "made_by"}


def test_a_killed_run_goes_on_and_has_the_result_of_one_never_killed(whole, killed_after, tmp_path, monkeypatch):
    killed_after(1, tmp_path)
    killed_after(3, tmp_path)
    assert sorted(path.name.split(".")[0] for path in (tmp_path / FOLDER).iterdir()) == [*BACKUPS, "settings"]
    trained_epochs = []
    begin = keras.callbacks.CallbackList.on_epoch_begin
    monkeypatch.setattr(
        keras.callbacks.CallbackList,
        "on_epoch_begin",
        lambda self, epoch, logs=None: trained_epochs.append(epoch) or begin(self, epoch, logs),
    )
    assert run_anew(tmp_path) == whole
    assert trained_epochs == [3]
    assert not (tmp_path / FOLDER).exists()
    assert json.loads((tmp_path / "resumed/symmetric40/OLS/seed0.json").read_text())["scores"] == whole["scores"]


def test_a_backup_of_other_settings_is_refused_with_the_difference_and_thrown_away_if_asked(killed_after, tmp_path):
    killed_after(1, tmp_path)
    other = dataclasses.replace(STUDENT, batch_size=256, epochs=1, measures=())
    with pytest.raises(ValueError, match=r"batch_size: 128 there, 256 now.*start anew with `--noresume`"):
        run(other, tmp_path)
    assert (tmp_path / FOLDER).exists()
    assert run(other, tmp_path, resume=False)["settings"]["batch_size"] == 256
    assert not (tmp_path / FOLDER).exists()


def test_a_backup_that_was_left_after_the_result_is_deleted(whole, tmp_path):
    path = tmp_path / "resumed/symmetric40/OLS/seed0.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(whole))
    (tmp_path / FOLDER).mkdir()
    assert np.array_equal(run(STUDENT, tmp_path)["scores"]["test_accuracy"], whole["scores"]["test_accuracy"])
    assert not (tmp_path / FOLDER).exists()
