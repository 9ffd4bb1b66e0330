"""A run of an experiment that is killed goes on, and its result is that of a run never killed."""

import dataclasses
import json

import keras
import numpy as np
import pytest

from experiments import evaluation, results
from experiments.evaluation.measures import SnapshotEnsembles
from experiments.experiment import Experiment, Method, Noise
from experiments.run import run
from tests.saving.test_backup import KilledError
from tfp_noise import distribute, losses

EXPERIMENT = Experiment(
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


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return run_anew(tmp_path_factory.mktemp("whole"))


def run_anew(workdir):
    """Run in a state like a new process's, where Keras counts names from the start."""
    keras.backend.clear_session()
    return {key: value for key, value in run(EXPERIMENT, workdir).items() if key not in ("made_by", "digest")}


def test_a_killed_run_goes_on_and_has_the_result_of_one_never_killed(whole, tmp_path, monkeypatch):
    """Killed, as far as a process that lives on can be, in the midst of what follows an epoch."""
    monkeypatch.setattr(results.backups, "_BACKUP_SECONDS", 0.0)
    looked, look = [], evaluation.Curves.on_epoch_end

    def look_and_die(self, epoch, logs=None):
        look(self, epoch, logs)
        looked.append(epoch)
        if looked == [0, 1, 2, 3]:
            raise KilledError

    monkeypatch.setattr(evaluation.Curves, "on_epoch_end", look_and_die)
    with pytest.raises(KilledError):
        run(EXPERIMENT, tmp_path)
    assert sorted(path.name for path in (tmp_path / FOLDER).iterdir()) == [
        "backup000002.weights.h5",
        "backup000003.weights.h5",
        "settings.json",
    ]
    with pytest.raises(ValueError, match=r"batch_size: 128 there, 256 now.*start anew with `--noresume`"):
        run(dataclasses.replace(EXPERIMENT, batch_size=256), tmp_path)
    assert run_anew(tmp_path) == whole
    assert looked == [0, 1, 2, 3, 3]
    assert not (tmp_path / FOLDER).exists()
    made_by = json.loads((tmp_path / EXPERIMENT.name / "seed0.json").read_text())["made_by"]
    assert made_by["resumed_at_epoch"] == 3, "its seconds are those of the last epoch alone"
    assert "resumed_with" not in made_by, "nothing differed"


@pytest.mark.parametrize(
    ("module", "name", "left"),
    [
        (evaluation, "evaluate", ["seed0.backup"]),
        (np, "savez_compressed", ["seed0.backup", "seed0.keras"]),
    ],
)
@pytest.mark.thorough
def test_a_run_that_is_killed_after_its_training_is_not_trained_again(module, name, left, whole, tmp_path, monkeypatch):
    def die(*_, **__):
        raise KilledError

    folder = (tmp_path / FOLDER).parent
    with monkeypatch.context() as context:
        context.setattr(module, name, die)
        with pytest.raises(KilledError):
            run(EXPERIMENT, tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == left
    (folder / ".123.seed0.npz").write_text("half written")
    monkeypatch.setattr(evaluation.Curves, "on_epoch_end", die)
    assert run_anew(tmp_path) == whole
    assert sorted(path.name for path in folder.iterdir()) == ["seed0.json", "seed0.keras", "seed0.npz"]


def test_who_does_not_want_a_backup_starts_anew(tmp_path):
    other = dataclasses.replace(EXPERIMENT, batch_size=256)
    results.start(EXPERIMENT, tmp_path, resume=True, strategy=distribute.strategy())
    (tmp_path / FOLDER / "backup000003.weights.h5").write_bytes(b"damaged, for that matter")
    assert results.start(other, tmp_path, resume=False, strategy=distribute.strategy()).epoch == 0
    assert [path.name for path in (tmp_path / FOLDER).iterdir()] == ["settings.json"]
    results.start(other, tmp_path, resume=True, strategy=distribute.strategy())


def test_a_backup_without_settings_is_not_gone_on_with(tmp_path):
    """A process that is killed while it deletes the folder leaves such a backup."""
    (tmp_path / FOLDER).mkdir(parents=True)
    (tmp_path / FOLDER / "backup000003.weights.h5").write_bytes(b"of other settings")
    results.start(EXPERIMENT, tmp_path, resume=True, strategy=distribute.strategy())
    assert [path.name for path in (tmp_path / FOLDER).iterdir()] == ["settings.json"]


def test_a_backup_that_was_left_after_the_result_is_deleted(whole, tmp_path):
    path = tmp_path / EXPERIMENT.name / "seed0.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(whole))
    results.start(EXPERIMENT, tmp_path, resume=True, strategy=distribute.strategy())
    assert run(EXPERIMENT, tmp_path) == whole
    assert not (tmp_path / FOLDER).exists()
