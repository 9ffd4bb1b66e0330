"""Backups of trainings that are killed, on full disks, or damaged."""

import contextlib
import json
import random
import resource

import keras
import numpy as np
import pytest

from tests.helpers import processes, survivor
from tfp_noise import NoisyLabelClassifier, losses
from tfp_noise.callbacks import BackupAndRestore

K = 3
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(24, 4)).astype("float32"), RNG.integers(0, K, 24)


def classifier(loss=None, width=8, optimizer="adam"):
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(width, "relu"), keras.layers.Dropout(0.3), keras.layers.Dense(K)]
    loss = loss or losses.OnlineLabelSmoothing(K)
    model = NoisyLabelClassifier(keras.Sequential([keras.Input([4]), *layers]), loss)
    model.compile(optimizer, run_eagerly=True)  # a trace costs more than these few steps
    return model


def fit(model, epochs, *callbacks, **kwargs):
    return model.fit(X, Y, batch_size=12, epochs=epochs, callbacks=list(callbacks), verbose=0, **kwargs)


class KilledError(Exception):
    pass


class KillAt(keras.callbacks.Callback):
    """Ends a training at the beginning of an epoch by an error, as a stand-in for a kill."""

    def __init__(self, epoch):
        super().__init__()
        self.at = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.at:
            raise KilledError


class Sums(keras.callbacks.Callback):
    """A callback whose state has numbers, text, an array and `None`."""

    def __init__(self):
        super().__init__()
        self.state = {"array": np.zeros(2), "losses": [], "nested": {"name": "sums", "none": None}}

    def on_epoch_end(self, epoch, logs=None):
        self.state["array"] = self.state["array"] + [epoch, logs["loss"]]
        self.state["losses"].append(np.float64(logs["loss"]))

    def get_state(self):
        return self.state

    def set_state(self, state):
        self.state = state


def values(model):
    return [variable.numpy() for variable in [*model.variables, *model.optimizer.variables]]


def assert_same(model, other):
    for ours, theirs in zip(values(model), values(other), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def two_backups(folder):
    """A training killed after its third epoch, and the files it leaves."""
    with pytest.raises(KilledError):
        fit(classifier(), 5, BackupAndRestore(folder), KillAt(3))
    return sorted(folder.iterdir())


def flip(path, position, bit=0):
    content = bytearray(path.read_bytes())
    content[position] ^= 1 << bit
    path.write_bytes(content)


@pytest.mark.thorough
def test_killed_by_the_system_at_any_moment_and_resumed_is_never_killed(tmp_path):
    """Two kills, one of them while a file is written; `make torture` runs many."""
    assert report_of_kills(tmp_path, 2, ["online"]) == {"kills": 2, "different": []}


@pytest.mark.torture
def test_sixty_kills_over_all_methods_with_state(tmp_path):
    assert report_of_kills(tmp_path, 60, list(survivor.METHODS)) == {"kills": 60, "different": []}


def report_of_kills(folder, kills, methods):
    process = processes.start(folder, survivor.write_report, folder, kills, methods)
    process.join()
    assert process.exitcode == 0, (folder / "stderr").read_text()[-3000:]
    report = json.loads((folder / "report.json").read_text())
    assert report["in_a_write"] > 0
    assert report["resumed"] > 0
    return {key: report[key] for key in ("kills", "different")}


def test_history_callbacks_and_the_order_of_arrays_come_back(tmp_path):
    """Arrays are shuffled; the backup is first in the list of callbacks, and runs last."""
    whole, sums = classifier(), Sums()
    expected = fit(whole, 5, sums).history
    found, again = tmp_path / "there", Sums()
    with pytest.raises(KilledError):
        fit(classifier(), 5, BackupAndRestore(found), Sums(), KillAt(3))
    resumed, backup = classifier(), BackupAndRestore(found)
    assert backup.epoch == 3
    history = fit(resumed, 5, backup, again)
    assert_same(resumed, whole)
    assert history.history == expected
    assert history.epoch == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(again.state.pop("array"), sums.state.pop("array"))
    assert again.state == sums.state
    assert not found.exists()
    assert backup.epoch == 0
    assert fit(resumed, 2).epoch == [0, 1], "the next training begins at its beginning"


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 6

    def __getitem__(self, i):
        return X[4 * i : 4 * i + 4], Y[4 * i : 4 * i + 4]


class Draws(keras.callbacks.Callback):
    """Draws a number from each of the generators that `keras.utils.set_random_seed` seeds, except Keras's own."""

    def on_epoch_begin(self, epoch, logs=None):
        drawn.append((epoch, random.gauss(0, 1), np.random.normal()))  # noqa: NPY002


drawn = []


def test_the_order_of_batches_and_the_generators_of_python_and_numpy_come_back(tmp_path):
    """Keras shuffles a `PyDataset` by Python's generator, and both generators keep half of each pair of normals."""

    def train(*callbacks):
        del drawn[:]
        model = classifier()
        return model, model.fit(Batches(), epochs=4, callbacks=[Draws(), *callbacks], verbose=0).history

    whole, history = train()
    expected = drawn[3:]
    with pytest.raises(KilledError):
        train(BackupAndRestore(tmp_path), KillAt(3))
    resumed, found = train(BackupAndRestore(tmp_path))
    assert drawn == expected
    assert found == history
    assert_same(resumed, whole)


@pytest.mark.thorough
def test_what_keras_callbacks_have_seen_comes_back(tmp_path):
    """The best value is out of reach: if it were lost, each callback would act in the resumed epochs."""

    def callbacks():
        stop = keras.callbacks.EarlyStopping("loss", patience=4, restore_best_weights=True, min_delta=9.0)
        return [stop, keras.callbacks.ReduceLROnPlateau("loss", 0.5, patience=3, min_delta=9.0)]

    whole, resumed = classifier(), classifier()
    expected = fit(whole, 9, *callbacks()).history
    with pytest.raises(KilledError):
        fit(classifier(), 9, *callbacks(), BackupAndRestore(tmp_path), KillAt(2))
    history = fit(resumed, 9, *callbacks(), BackupAndRestore(tmp_path, delete_checkpoint=False))
    assert history.history == expected
    assert len(history.epoch) == 5
    assert_same(resumed, whole)
    killed_at_the_end = classifier()
    assert fit(killed_at_the_end, 9, *callbacks(), BackupAndRestore(tmp_path)).history == expected
    assert_same(killed_at_the_end, whole)


def test_swapped_weights_are_known_to_be_swapped(tmp_path):
    """At the end of an epoch the network has the averages, and the optimizer has the weights that are trained."""

    def train(folder, *others):
        model = classifier(optimizer=keras.optimizers.Adam(use_ema=True, ema_momentum=0.9))
        fit(model, 4, keras.callbacks.SwapEMAWeights(swap_on_epoch=True), BackupAndRestore(folder), *others)
        return model

    with pytest.raises(KilledError):
        train(tmp_path / "killed", KillAt(2))
    assert_same(train(tmp_path / "killed"), train(tmp_path / "whole"))


class Keeps(keras.callbacks.Callback):
    """A callback with a given state."""

    def __init__(self, state):
        super().__init__()
        self.get_state = lambda: state


class TakesBack(Keeps):
    def set_state(self, state):
        self.taken = state


@pytest.mark.parametrize(
    "state", [{"x": {1, 2}}, {5: "text"}, np.array(["text"]), [np.array([None])], {"x": np.zeros(1, "V2")}]
)
@pytest.mark.daily("state0", "state2")
def test_a_state_that_a_file_does_not_give_back_is_refused(state, tmp_path):
    with pytest.raises(TypeError, match=r"must be made of dicts with text for keys.*Received: "):
        fit(classifier(), 1, TakesBack(state), BackupAndRestore(tmp_path))


def test_a_state_that_nobody_takes_back_is_refused(tmp_path):
    with pytest.raises(TypeError, match=r"both `get_state\(\)` and `set_state.*Received: Keeps, with one of them"):
        fit(classifier(), 1, Keeps({}), BackupAndRestore(tmp_path))


def test_backups_keep_a_distance_but_for_the_last(tmp_path):
    fit(classifier(), 5, BackupAndRestore(tmp_path, delete_checkpoint=False, min_seconds=1000))
    assert [path.name for path in tmp_path.iterdir()] == ["backup000005.weights.h5"]


def test_the_newest_damaged_backup_is_passed_over_with_a_warning(tmp_path, caplog):
    older, newest = two_backups(tmp_path)
    flip(newest, 3000)
    resumed, whole = classifier(), classifier()
    fit(resumed, 5, BackupAndRestore(tmp_path, delete_checkpoint=False))
    assert f"{newest} must match its checksum. It is damaged" in caplog.text
    assert f"Training goes on from the backup before, {older}." in caplog.text
    fit(whole, 5)
    assert_same(resumed, whole)
    assert BackupAndRestore(tmp_path).epoch == 5


def test_without_a_good_backup_training_does_not_start(tmp_path):
    for path in two_backups(tmp_path):
        path.write_bytes(path.read_bytes()[:-1])
    for begin in (lambda: fit(classifier(), 5, BackupAndRestore(tmp_path)), lambda: BackupAndRestore(tmp_path).epoch):
        with pytest.raises(OSError, match=r"must hold a good backup, or none.*Delete .* to start anew"):
            begin()


@pytest.mark.parametrize("count", [60, pytest.param(2000, marks=pytest.mark.torture)])
def test_no_truncated_or_flipped_backup_is_taken(tmp_path, count):
    path = two_backups(tmp_path)[1]
    whole = path.read_bytes()
    for i in range(count):
        if i % 3:
            flip(path, RNG.integers(len(whole)), RNG.integers(8))
        else:
            path.write_bytes(whole[: RNG.integers(len(whole))])
        assert BackupAndRestore(tmp_path).epoch == 2
        path.write_bytes(whole)
    assert BackupAndRestore(tmp_path).epoch == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 9}, r"weights: \[\[4, 8\].* there, \[\[4, 9\].* now"),
        ({"optimizer": "sgd"}, "optimizer: .*Adam.* there, .*SGD.* now"),
        ({"loss": losses.LearnableLabelSmoothing(K)}, "loss: OnlineLabelSmoothing there, LearnableLabelSmoothing now"),
    ],
)
def test_a_backup_of_another_model_is_refused(changes, message, tmp_path):
    two_backups(tmp_path)
    with pytest.raises(ValueError, match=f"must hold a backup of this model.*{message}.*Pass another folder"):
        fit(classifier(**changes), 5, BackupAndRestore(tmp_path))


def test_bad_arguments_and_other_callbacks_are_refused(tmp_path):
    two_backups(tmp_path)
    with pytest.raises(ValueError, match=r"those of the training that is resumed.*were none. Received: \['Sums'\]"):
        fit(classifier(), 5, Sums(), BackupAndRestore(tmp_path))
    plain = keras.Sequential([keras.Input([4]), keras.layers.Dense(1)])
    plain.compile("sgd", "mse", run_eagerly=True)
    with pytest.raises(TypeError, match=r"must be a classifier of tfp_noise.*Sequential"):
        plain.fit(X, Y, callbacks=[BackupAndRestore(tmp_path)], verbose=0)
    with pytest.raises(ValueError, match="`min_seconds` must be finite and at least 0"):
        BackupAndRestore(tmp_path, min_seconds=-1)
    with pytest.raises(FileExistsError):
        fit(classifier(), 1, BackupAndRestore(__file__))
    for stray in tmp_path.iterdir():
        classifier().save_weights(stray)
    with pytest.raises(OSError, match=r"must be a backup\. Received only weights"):
        BackupAndRestore(tmp_path).epoch  # noqa: B018 (a property that raises)


@contextlib.contextmanager
def disk():
    """A function after whose call no file can grow beyond a kilobyte, until the context ends."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    finally:  # before the test ends, and pytest's own output is written to a file
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.thorough
def test_on_a_full_disk_training_goes_on_and_the_last_good_backup_stays(tmp_path, caplog):
    model, whole = classifier(), classifier()
    expected = fit(whole, 4).history
    with disk() as full:
        fills = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: epoch == 2 and full())
        assert fit(model, 4, BackupAndRestore(tmp_path, delete_checkpoint=False), fills).history == expected
    good = tmp_path / "backup000002.weights.h5"
    for epoch in (3, 4):
        assert f"The backup of epoch {epoch} cannot be written: [Errno 27] File too large: '" in caplog.text
    assert caplog.text.count(f"Training goes on. The last good backup is {good}.") == 2
    assert sorted(tmp_path.iterdir()) == [tmp_path / "backup000001.weights.h5", good]
    resumed = classifier()
    fit(resumed, 4, BackupAndRestore(tmp_path))
    assert_same(resumed, whole)


@pytest.mark.parametrize("name", ["model.keras", "model.weights.h5"])
def test_on_a_full_disk_a_checkpoint_fails_and_the_last_good_one_stays(tmp_path, name):
    path = tmp_path / name
    save = keras.callbacks.ModelCheckpoint(path, save_weights_only=name.endswith("h5"))
    with disk() as full:
        fills = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: epoch == 1 and full())
        with pytest.raises(OSError, match=f"File too large: '{path}'"):
            fit(classifier(), 3, fills, save)
    assert list(tmp_path.iterdir()) == [path]
    once, there = classifier(), classifier()
    fit(once, 1)
    there.load_weights(path)
    assert_same(there, once)


@pytest.mark.parametrize(("name", "save"), [("model.keras", "save"), ("model.weights.h5", "save_weights")])
@pytest.mark.thorough
def test_on_a_full_disk_a_deployable_model_fails_and_the_last_good_one_stays(tmp_path, name, save):
    path, model = tmp_path / name, classifier().deployable()
    assert type(model).__module__.startswith("keras.")
    getattr(model, save)(path)
    good, loaded = path.read_bytes(), keras.models.clone_model(model)
    loaded.load_weights(path)
    np.testing.assert_array_equal(loaded.get_weights()[0], model.get_weights()[0])
    with disk() as full:
        full()
        with pytest.raises(OSError, match=f"File too large: '{path}'"):
            getattr(model, save)(path)
    assert path.read_bytes() == good
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.thorough
def test_a_users_own_copy_of_a_backup_is_no_backup(tmp_path):
    """Files whose names lack the epoch's number are neither read, nor deleted, nor counted."""
    _, newest = two_backups(tmp_path)
    names = ["backup_best.weights.h5", "backup000009.weights.h5.old", "backup9.weights.h5", ".7.backup_best.weights.h5"]
    own = {tmp_path / name: newest.read_bytes() for name in names}
    for path, content in own.items():
        path.write_bytes(content)
    (tmp_path / "backup1000000.weights.h5").write_bytes(newest.read_bytes())
    backup = BackupAndRestore(tmp_path)
    assert [path.name for path in backup._backups.paths()][:2] == ["backup1000000.weights.h5", newest.name]
    fit(classifier(), 5, backup)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == own


@pytest.mark.thorough
def test_keras_own_callback_loses_a_training_where_this_one_does_not(tmp_path, monkeypatch):
    """Killed between its two files, Keras's callback repeats an epoch with the weights from that epoch's end."""
    theirs = keras.callbacks.BackupAndRestore(tmp_path / "theirs")
    killed = classifier()
    save_weights = killed.save_weights

    def save_and_die(*args, **kwargs):
        save_weights(*args, **kwargs)
        if int(killed.optimizer.iterations.numpy()) == 4:  # after two epochs of two steps
            raise KilledError

    monkeypatch.setattr(killed, "save_weights", save_and_die)
    with pytest.raises(KilledError):
        fit(killed, 3, theirs)
    resumed = classifier()
    fit(resumed, 3, keras.callbacks.BackupAndRestore(tmp_path / "theirs"))
    assert int(resumed.optimizer.iterations.numpy()) == 8, "six would have been right"
