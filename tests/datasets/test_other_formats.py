"""Files in another format in place of those that are missing: the error names both, and none is opened."""

import os
import pickle

import numpy as np
import pytest

from tfp_noise import datasets
from tfp_noise.datasets import prepare, raw_files

NAMES = {
    "cifar-10-binary.tar.gz": "cifar10",
    "cifar-100-binary.tar.gz": "cifar100",
    "CIFAR-10_human.pt": "cifar10n",
    "CIFAR-100_human.pt": "cifar100n",
    "train-images-idx3-ubyte.gz": "mnist",
    "train_32x32.mat": "svhn_cropped",
}
CASES = [(name, wanted, other) for wanted, name in NAMES.items() for other in raw_files._OTHER_FORMATS[wanted]]


class Touch:
    """An object that makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.fixture
def trap(tmp_path):
    """Bytes that run code when they are unpickled, and the trace that it would leave."""
    return pickle.dumps(Touch(tmp_path / "trace")), tmp_path / "trace"


def test_every_other_format_is_tried():
    assert set(NAMES) == set(raw_files._OTHER_FORMATS) == set(raw_files._WHERE)


@pytest.mark.parametrize(("name", "wanted", "other"), CASES)
def test_prepare_names_what_is_there_and_what_to_fetch(name, wanted, other, tmp_path, trap):
    (tmp_path / other).write_bytes(trap[0])
    with pytest.raises(FileNotFoundError, match=rf"Missing: .* '{other}', which is there, .* fetch '{wanted}' from"):
        prepare.prepare(name, tmp_path, tmp_path / "data")
    assert not trap[1].exists()


@pytest.mark.parametrize("other", raw_files._OTHER_FORMATS["CIFAR-10_human.pt"])
def test_load_names_the_label_file_of_another_format(other, tmp_path, trap):
    (tmp_path / "cifar_n").mkdir()
    (tmp_path / "cifar_n" / other).write_bytes(trap[0])
    with pytest.raises(FileNotFoundError, match=rf"which is missing\. '{other}', which is there, is in"):
        datasets.load("cifar10n:worst", tmp_path)
    assert not trap[1].exists()


def test_a_numpy_file_under_the_name_of_the_other_is_told_from_a_damaged_one(tmp_path, trap):
    path = tmp_path / "cifar_n" / "CIFAR-10_human.pt"
    path.parent.mkdir()
    with open(path, "wb") as stream:
        np.save(stream, np.array({"clean_label": Touch(trap[1])}, dtype=object))
    with pytest.raises(ValueError, match=r"must be a zip .* It is a NumPy file, .* Put 'CIFAR-10_human.pt'"):
        datasets.load("cifar10n:worst", tmp_path)
    assert not trap[1].exists()
