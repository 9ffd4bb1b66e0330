"""Addresses of storage elsewhere, of which `pathlib` would make local folders: refused before anything is written."""

import pathlib

import keras
import numpy as np
import pytest

from tfp_noise import callbacks, cross_predict, datasets, losses, suspects

ADDRESS = "gs://bucket/folder"
FOUND = suspects.Suspects([0, 1], [1, 1], [0.25, 1.0], [True, False], [[0, 0], [1, 1]])
FEATURES = np.zeros([4, 1])


def build():
    model = keras.Sequential([keras.Input([1]), keras.layers.Dense(2)])
    model.compile("sgd", losses.CrossEntropy(2))
    return model


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("backup_dir", lambda: callbacks.BackupAndRestore(ADDRESS)),
        ("data_dir", lambda: datasets.load("mnist", ADDRESS)),
        ("path", lambda: datasets.from_directory(ADDRESS)),
        ("path", lambda: datasets.from_csv(ADDRESS, "label")),
        ("path", lambda: FOUND.to_csv(ADDRESS)),
        ("workdir", lambda: cross_predict(build, FEATURES, np.array([0, 0, 1, 1]), epochs=1, folds=2, workdir=ADDRESS)),
    ],
)
def test_an_address_in_place_of_a_path_is_refused(name, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=rf"`{name}` must be a path on this machine\. Received: 'gs://bucket/folder'"):
        call()
    assert not list(pathlib.Path().iterdir())
