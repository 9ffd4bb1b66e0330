"""Files of a classifier: written atomically, only by the chief, and refused if they are damaged."""

import contextlib
import types
import warnings
import zipfile
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.saving.test_backup import K, X, classifier, fit, flip, values
from tfp_noise import DistilledClassifier, NoisyLabelClassifier, losses

RNG = np.random.default_rng(1)


@pytest.fixture(scope="module")
def trained():
    model = classifier()
    fit(model, 1)
    return model


def by_keras(path):
    return values(keras.models.load_model(path))


def by_weights(path, model):
    """The weights that a new model loads from the file."""
    for variable in [*model.variables, *model.optimizer.variables]:
        variable.assign(keras.ops.zeros_like(variable))
    model.load_weights(path)
    return values(model)


def another():
    model = classifier()
    return lambda path: by_weights(path, model)


@pytest.mark.parametrize("count", [40, pytest.param(1000, marks=pytest.mark.torture)])
@pytest.mark.parametrize(
    ("name", "loader"), [("model.keras", lambda: by_keras), ("model.keras", another), ("model.weights.h5", another)]
)
def test_a_damaged_file_is_refused_or_gives_what_was_saved(name, loader, count, trained, tmp_path):
    """Bits that are not read, such as an archive's date, may flip; a mere warning, as in Keras, would not be enough."""
    path = tmp_path / name
    getattr(trained, "save" if name == "model.keras" else "save_weights")(path)
    load = loader()
    whole, expected, refused = path.read_bytes(), values(trained), 0
    for i in range(count):
        if i % 4:
            flip(path, RNG.integers(len(whole)), RNG.integers(8))
        else:
            path.write_bytes(whole[: RNG.integers(len(whole))])
        found = None
        with contextlib.suppress(Exception), warnings.catch_warnings(action="ignore"):
            found = load(path)
        refused += found is None
        for ours, theirs in zip(found or expected, expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)
        path.write_bytes(whole)
    assert refused > 0.8 * count


@pytest.fixture
def later_python(monkeypatch):
    """Python 3.13, which does not compare a file of an archive with its checksum after a part of it was skipped."""
    seek = zipfile.ZipExtFile.seek

    def seek_unchecked(self, *args):
        self._expected_crc = None
        position = seek(self, *args)
        self._expected_crc = None  # which 3.13 sets again at the beginning
        return position

    monkeypatch.setattr(zipfile.ZipExtFile, "seek", seek_unchecked)


def test_keras_itself_reads_past_a_wrong_checksum(tmp_path, later_python):
    """Keras loads an archive that this package refuses."""
    model = keras.Sequential([keras.Input([4]), keras.layers.Dense(K)])
    model.save(tmp_path / "model.keras")
    kernel = model.get_weights()[0]
    flip(tmp_path / "model.keras", (tmp_path / "model.keras").read_bytes().index(kernel.tobytes()))
    assert (keras.models.load_model(tmp_path / "model.keras").get_weights()[0] != kernel).sum() == 1


@pytest.mark.parametrize("name", ["model.keras", "model.weights.h5"])
def test_the_message_names_the_file_and_the_cure(name, trained, tmp_path):
    path, model = tmp_path / name, classifier()
    getattr(trained, "save" if name == "model.keras" else "save_weights")(path)
    model.build_optimizer()  # whose values are compared, too
    whole, before = path.read_bytes(), values(model)
    kernel = trained.get_weights()[0].tobytes()
    flip(path, whole.index(kernel))
    for skip in (False, True):
        with pytest.raises(OSError, match=rf"{path} must match its checksum.* Load another copy or an earlier"):
            model.load_weights(path, skip_mismatch=skip)
    path.write_bytes(whole[: whole.index(kernel)])
    with pytest.raises(OSError, match=rf"{path} (must be a complete archive|cannot be read)"):
        model.load_weights(path)
    for ours, theirs in zip(values(model), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(FileNotFoundError, match="missing"):
        model.load_weights(tmp_path / f"missing.{name}")


def test_load_model_refuses_a_damaged_student(trained, tmp_path, later_python):
    """A student's file has the teacher's variables, too."""
    network = keras.Sequential([keras.Input([4]), keras.layers.Dense(K)])
    student = DistilledClassifier(network, losses.LabelSmoothing(K), trained, temperature=1.0)
    path = tmp_path / "student.keras"
    student.save(path)
    loaded = keras.models.load_model(path)
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), student.predict(X, verbose=0))
    np.testing.assert_array_equal(loaded.teacher.predict(X, verbose=0), trained.predict(X, verbose=0))
    flip(path, path.read_bytes().index(trained.get_weights()[0].tobytes()))
    with pytest.raises(ValueError, match=r"must match its checksums. Its 'model.weights.h5' is damaged"):
        keras.models.load_model(path)


def test_files_without_a_checksum_load_as_before(trained, tmp_path):
    path = tmp_path / "model.weights.h5"
    keras.Model.save_weights(trained, path)
    for ours, theirs in zip(another()(path), values(trained), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_weights_of_another_network_are_loaded_as_far_as_they_fit(trained, tmp_path):
    trained.save_weights(tmp_path / "model.weights.h5")
    other = classifier(width=9)
    with pytest.warns(UserWarning, match="could not be loaded"):
        other.load_weights(tmp_path / "model.weights.h5", skip_mismatch=True)
    np.testing.assert_array_equal(other.loss_state.get_weights()[0], trained.loss_state.get_weights()[0])


def test_what_is_no_file_of_its_own_is_left_to_keras(trained, tmp_path):
    trained.save(tmp_path / "folder", zipped=False)
    trained.save_weights(tmp_path / "parts.weights.json", max_shard_size=1)
    assert (tmp_path / "folder" / "config.json").exists()
    for ours, theirs in zip(another()(tmp_path / "parts.weights.json"), values(trained), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(FileNotFoundError):
        trained.save_weights(tmp_path / "nowhere" / "model.weights.h5")


def test_only_the_chief_writes(trained, tmp_path, monkeypatch):
    extended = types.SimpleNamespace(should_checkpoint=False)
    other_worker = mock.Mock(spec=tf.distribute.Strategy, extended=extended)
    monkeypatch.setattr(NoisyLabelClassifier, "distribute_strategy", other_worker)
    trained.save(tmp_path / "model.keras")
    trained.save_weights(tmp_path / "model.weights.h5")
    trained.export(tmp_path / "model")
    assert not list(tmp_path.iterdir())
