"""Two processes with the same files: one uses them, the other waits or is refused."""

import errno
import fcntl
import json
import os
import re
import signal
import time

import numpy as np
import pytest

from experiments import evaluation, results
from experiments.results import locks
from experiments.run import run, trained
from tests.helpers import processes
from tests.helpers.small_experiments import SMALL, result_of
from tests.saving.test_backup import KillAt, KilledError, classifier, fit, two_backups, values
from tfp_noise._saving import atomic_files
from tfp_noise.callbacks import BackupAndRestore

LOCK = f"{SMALL.name}/seed0.lock"


def wait_until(condition, *workers):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        assert all(worker.is_alive() for worker in workers)
        time.sleep(0.01)


def pause_after_an_epoch(folder):
    """Makes a file `trains`, and waits for a file `go`."""
    (folder / "trains").touch()
    wait_until((folder / "go").exists)


def run_with_pauses(folder, workdir):
    results.backups._BACKUP_SECONDS = 0.0
    look = evaluation.Curves.on_epoch_begin

    def look_and_pause(self, epoch, logs=None):
        if epoch == 1:
            pause_after_an_epoch(folder)
        look(self, epoch, logs)

    evaluation.Curves.on_epoch_begin = look_and_pause
    (folder / "result").write_text(json.dumps(run(SMALL, workdir)))


@pytest.mark.thorough
def test_of_three_processes_one_trains_at_a_time_and_all_have_its_result(tmp_path):
    """The first is killed, the second resumes from its backup, and the third waits for it and reads its result."""
    workdir, folders = tmp_path / "runs", [tmp_path / name for name in "abc"]
    for folder in folders:
        folder.mkdir()

    def begin(folder):
        return processes.start(folder, run_with_pauses, folder, workdir)

    def waits(folder):
        return lambda: f"holds {workdir / LOCK}. Waiting" in (folder / "stdout").read_text().replace("\n", "")

    a, b, c = folders
    workers = [begin(a)]
    try:
        wait_until((a / "trains").exists, *workers)
        workers.append(begin(b))
        wait_until((b / "stdout").exists, *workers)
        wait_until(waits(b), *workers)
        assert list(workdir.rglob("backup000001*"))
        os.kill(workers[0].pid, signal.SIGKILL)
        wait_until((b / "trains").exists, workers[1])
        workers.append(begin(c))
        wait_until((c / "stdout").exists, *workers[1:])
        wait_until(waits(c), *workers[1:])
        (b / "go").touch()
        for worker in workers:
            worker.join(120)
    finally:
        for worker in workers:
            worker.kill()
            worker.join()
    assert [worker.exitcode for worker in workers] == [-signal.SIGKILL, 0, 0], [
        (folder / "stderr").read_text()[-2000:] for folder in folders
    ]
    assert not (c / "trains").exists()
    stored = json.loads((workdir / SMALL.name / "seed0.json").read_text())
    assert stored == json.loads((b / "result").read_text()) == json.loads((c / "result").read_text())
    assert stored["made_by"]["resumed_at_epoch"] == 1
    names = sorted(path.name for path in (workdir / SMALL.name).iterdir())
    assert names == ["seed0.json", "seed0.keras", "seed0.npz"]
    noisy = SMALL.noise.apply(SMALL.source.load(SMALL.dataset, None), SMALL.seed)
    with np.load(workdir / SMALL.name / "seed0.npz") as arrays:
        probabilities = evaluation.predict(trained(SMALL, workdir), noisy.test)
        np.testing.assert_allclose(probabilities, arrays["test_probabilities"], atol=1e-5)


def train_with_pause(folder, backup_dir):
    class Pause(KillAt):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == self.at:
                pause_after_an_epoch(folder)

    fit(classifier(), 5, BackupAndRestore(backup_dir), Pause(2))


def test_a_second_training_on_one_backup_folder_is_refused_until_the_process_of_the_first_has_ended(tmp_path):
    folder, backup_dir = tmp_path / "first", tmp_path / "backups"
    folder.mkdir()
    first = processes.start(folder, train_with_pause, folder, backup_dir)
    try:
        wait_until((folder / "trains").exists, first)
        second, lock = BackupAndRestore(backup_dir), backup_dir / "training.lock"
        for act in (lambda: fit(classifier(), 5, second), second.delete):
            with pytest.raises(ValueError, match=rf"must be of one training.*another training uses: it holds {lock}"):
                act()
        assert lock.exists()
    finally:
        first.kill()
        first.join()
    resumed, whole = classifier(), classifier()
    assert second.epoch == 2
    assert fit(resumed, 5, second).history == fit(whole, 5).history
    for ours, theirs in zip(values(resumed), values(whole), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert not backup_dir.exists()


def test_a_training_that_ends_in_an_error_frees_its_folder(tmp_path):
    ended = BackupAndRestore(tmp_path)
    with pytest.raises(KilledError):
        fit(classifier(), 5, ended, KillAt(3))
    assert fit(classifier(), 5, BackupAndRestore(tmp_path, delete_checkpoint=False)).epoch == [0, 1, 2, 3, 4]
    assert not (tmp_path / "training.lock").exists()


def test_data_made_for_another_epoch_than_that_of_the_weights_are_refused(tmp_path):
    """Another training has used the folder after this one read the epoch at which its data begin."""
    two_backups(tmp_path)
    asked = BackupAndRestore(tmp_path, delete_checkpoint=False)
    assert asked.epoch == 3
    fit(classifier(), 4, BackupAndRestore(tmp_path, delete_checkpoint=False))
    with pytest.raises(ValueError, match=r"it was 3 .* now it is 4, .* Read it again, and make the data anew"):
        fit(classifier(), 5, asked)
    assert asked.epoch == 4
    assert fit(classifier(), 5, asked).epoch == [0, 1, 2, 3, 4]


def test_a_finished_model_is_not_written_over(tmp_path):
    """A write by a process on a file system without locks."""
    path = tmp_path / SMALL.name / "seed0.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(result_of(SMALL)))
    for suffix in (".keras", ".npz"):
        path.with_suffix(suffix).write_text("finished")
    data = SMALL.source.load(SMALL.dataset, None)
    written = results.write(
        SMALL, tmp_path, classifier(), SMALL.noise.apply(data, 0), np.zeros([2, 10]), {"scores": {}}
    )
    assert written == json.loads(path.read_text()) == result_of(SMALL)
    assert [path.with_suffix(suffix).read_text() for suffix in (".keras", ".npz")] == ["finished", "finished"]


def test_a_finished_run_is_read_where_nothing_can_be_written(tmp_path, monkeypatch):
    path = tmp_path / SMALL.name / "seed0.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(result_of(SMALL)))
    monkeypatch.setattr(locks, "alone", None)
    assert run(SMALL, tmp_path)


def test_where_nothing_can_be_locked_training_goes_on_with_a_warning(tmp_path, monkeypatch, caplog):
    def flock(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    leftover = tmp_path / ".0a1b.backup000009.weights.h5"
    leftover.touch()
    fit(classifier(), 2, BackupAndRestore(tmp_path, delete_checkpoint=False))
    assert re.search(r"training\.lock cannot be locked: .*No locks available", caplog.text)
    assert leftover.exists(), "whether its writer still lives, nobody can know here"


def test_what_is_being_written_is_no_leftover(tmp_path):
    """Also if all processes have the same id, like the first ones of containers."""
    path, killed, other = tmp_path / "seed0.npz", tmp_path / ".7.seed0.npz", tmp_path / ".mine.seed0.npz"
    for there in (killed, other):
        there.touch()

    def write(file):
        file.write_text("first ")
        atomic_files.delete_leftovers(tmp_path, r"seed0\..*")
        assert file.exists()
        if not path.exists():
            atomic_files.atomic_write(path, lambda file: file.write_text("second"))
            assert path.read_text() == "second"
        file.write_text("first whole")

    atomic_files.atomic_write(path, write)
    assert path.read_text() == "first whole"
    assert sorted(tmp_path.iterdir()) == [other, path]
