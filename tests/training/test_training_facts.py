"""Differences between a training and the one that it resumes, or between workers, are named."""

import json
import os

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_noise import NoisyLabelClassifier, losses
from tfp_noise._training import worker_agreement
from tfp_noise._training.training_facts import described, environment, leaves
from tfp_noise.callbacks import BackupAndRestore

K = 3
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(24, 4)).astype("float32"), RNG.integers(0, K, 24)
FLIPPED = np.where(np.arange(24) == 7, (Y + 1) % K, Y)


def classifier(*q):
    network = keras.Sequential([keras.Input([4]), keras.layers.Dense(K)])
    return NoisyLabelClassifier(network, losses.GeneralizedCrossEntropy(K, *q))


def fit(folder, epochs, seed=0, loss=(0.7,), optimizer=("SGD", 0.1), x=X, y=Y, **kwargs):
    keras.utils.set_random_seed(seed)
    model = classifier(*loss)
    model.compile(getattr(keras.optimizers, optimizer[0])(optimizer[1]), run_eagerly=True, jit_compile=False)
    backup = BackupAndRestore(folder, delete_checkpoint=False)
    model.fit(x, y, epochs=epochs, callbacks=[backup], verbose=0, **{"batch_size": 12} | kwargs)
    return backup.differences


def dataset(y=Y, seed=0):
    return tf.data.Dataset.from_tensor_slices((X, y)).shuffle(24, seed=seed).batch(12)


@pytest.fixture(scope="module")
def one_epoch(tmp_path_factory):
    return fit_once(tmp_path_factory.mktemp("backup"))


def fit_once(folder, **kwargs):
    assert fit(folder, 1, **kwargs) == []
    (path,) = folder.iterdir()
    return path


def resumed(path, folder, **kwargs):
    (folder / path.name).write_bytes(path.read_bytes())
    return fit(folder, 2, **kwargs)


def test_the_same_call_differs_in_nothing(one_epoch, tmp_path):
    assert resumed(one_epoch, tmp_path) == []


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("keras.utils.set_random_seed", {"seed": 1}),
        ("loss.q", {"loss": (0.5,)}),
        ("optimizer.learning_rate", {"optimizer": ("SGD", 0.2)}),
        ("x", {"x": X + 1}),
        ("y", {"y": FLIPPED}),
        ("batch_size", {"batch_size": 8}),
        ("shuffle", {"shuffle": False}),
        ("sample_weight", {"sample_weight": np.ones(24)}),
        ("class_weight", {"class_weight": {0: 1.0, 1: 1.0, 2: 2.0}}),
        ("validation_data", {"validation_data": (X, FLIPPED)}),
    ],
)
@pytest.mark.daily("loss.q-changes1", "validation_data-changes9")
def test_what_differs_is_named_once(name, changes, one_epoch, tmp_path, caplog):
    found = resumed(one_epoch, tmp_path, **changes)
    assert [text.split(":")[0] for text in found] == [name]
    (warning,) = [record.getMessage() for record in caplog.records if "not bit by bit" in record.getMessage()]
    assert found[0] in warning
    assert str(tmp_path) in warning
    again = fit(tmp_path, 3, **changes)
    assert again[:1] == found, "the whole is not what either would have been"
    assert len(again) == (2 if name == "optimizer.learning_rate" else 1), "that of the backup stays"


def test_data_in_tf_data_is_told_apart(tmp_path):
    fit_once(tmp_path, x=dataset(), y=None, batch_size=None, shuffle=False)
    assert fit(tmp_path, 2, x=dataset(), y=None, batch_size=None, shuffle=False) == []
    (found,) = fit(tmp_path, 3, x=dataset(FLIPPED), y=None, batch_size=None, shuffle=False)
    assert found.startswith("x: 2 batches, CRC-32 ")


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system does not say which cores it lends")
def test_fewer_cores_are_named(one_epoch, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(97))
    found = resumed(one_epoch, tmp_path)
    assert {text.split(":")[0] for text in found} <= {"cores", "threads.intra_op", "threads.inter_op"}
    assert found[0].endswith(" before epoch 1, 97 from there on")


def test_threads_are_those_of_the_environment(monkeypatch):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "3")
    assert environment()["threads"]["intra_op"] == 3


def test_another_version_is_named(one_epoch, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0.0")
    names = [text.split(":")[0] for text in resumed(one_epoch, tmp_path)]
    assert names == [f"versions.{name}" for name in ("tensorflow", "keras", "tensorflow-probability", "numpy")]


@pytest.fixture
def second_worker(monkeypatch):
    """A dict of the facts and one of the machine's, in which a second worker differs from this one."""
    other_facts, other_machine = {}, {}

    def from_two_workers(strategy, text):
        facts, machine = json.loads(text)
        return [text, json.dumps([{**facts, **other_facts}, {**machine, **other_machine}])]

    monkeypatch.setattr(worker_agreement, "is_multi_worker", lambda strategy: True)
    monkeypatch.setattr(worker_agreement, "gather_texts", from_two_workers)
    return other_facts, other_machine


def compiled():
    model = classifier()
    model.compile("sgd")
    return model


def test_workers_on_unlike_machines_are_told(second_worker, caplog):
    second_worker[1]["cores"] = "97"
    worker_agreement.check_workers_alike(compiled(), {"x": X, "y": Y}, shuffle=False)
    assert f"`cores` is {environment()['cores']} on worker 0, 97 on worker 1" in caplog.text


def test_workers_whose_fit_differs_are_refused(second_worker):
    second_worker[0]["loss.q"] = "0.5"
    with pytest.raises(
        ValueError, match=r"call the same `fit`\. Received: `loss\.q` is 0\.7 on worker 0, 0\.5 on worker"
    ):
        compiled().fit(X, Y, shuffle=False, verbose=0)


def test_workers_that_would_shuffle_apart_are_refused(second_worker, monkeypatch):
    model = compiled()
    monkeypatch.setattr(worker_agreement.context, "global_seed", lambda: None)
    with pytest.raises(ValueError, match=r"Workers must shuffle arrays with one seed\. Received: no seed"):
        model.fit(X, Y, verbose=0)
    model.fit(X, Y, shuffle=False, verbose=0)


@pytest.mark.parametrize("at", [0, 11, 23])
def test_dicts_of_arrays_are_compared_as_a_whole(at):
    """Values are compared even where NumPy would shorten their text."""
    ours = {"a": np.zeros([2000, 2]), "b": np.ones(2000)}
    theirs = {"a": ours["a"].copy(), "b": ours["b"]}
    theirs["a"][1000 + at] = 1
    assert described(ours) == described({**ours})
    assert len({described(value) for value in (ours, theirs, {"a": ours["a"], "c": ours["b"]})}) == 3


def test_texts_in_datasets_are_compared_and_the_place_in_an_epoch_is_not():
    def batches(texts, first):
        lookup = keras.layers.StringLookup(vocabulary=texts)
        return tf.data.Dataset.range(4).map(lambda i: (lookup(tf.constant(texts)), i + first))

    assert described(batches(["a", "b"], 0), resumed=True) == described(batches(["a", "b"], 3), resumed=True)
    texts = [tf.data.Dataset.from_tensor_slices(names) for names in (["a", "b"], ["a", "c"])]
    assert described(texts[0], resumed=True) != described(texts[1], resumed=True)


def test_a_config_of_any_form_has_its_facts():
    assert leaves("loss", [[1], [2, 3]] * 20) != leaves("loss", [[1], [2, 4]] * 20)


def test_other_data_for_a_model_that_has_been_trained_are_named(tmp_path):
    keras.utils.set_random_seed(0)
    model = classifier()
    model.compile("sgd", run_eagerly=True)
    for epochs, labels in (1, Y), (2, FLIPPED):
        backup = BackupAndRestore(tmp_path, delete_checkpoint=False)
        model.fit(X, labels, epochs=epochs, callbacks=[backup], verbose=0)
    assert [text.split(":")[0] for text in backup.differences] == ["y"]


def test_a_model_that_goes_on_with_a_smaller_rate_has_not_changed_its_mind(tmp_path):
    keras.utils.set_random_seed(0)
    model = classifier()
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    for epochs in 1, 2:
        backup = BackupAndRestore(tmp_path, delete_checkpoint=False)
        model.fit(X, Y, epochs=epochs, callbacks=[backup], verbose=0)
        model.optimizer.learning_rate = 0.05
    assert backup.differences == []


@pytest.mark.parametrize("at", [(0, 0), (23, 3)])
def test_one_number_changes_the_digest(at):
    changed = X.copy()
    changed[at] = np.nextafter(changed[at], np.float32(9))
    assert described(X) != described(changed)
    assert described((X, Y)) == described((X.copy(), Y.copy()))


def test_configs_are_told_by_their_arguments_alone():
    ours, theirs = (keras.saving.serialize_keras_object(losses.Focal(K, name=name)) for name in ("one", "other"))
    assert leaves("loss", ours) == leaves("loss", theirs)
