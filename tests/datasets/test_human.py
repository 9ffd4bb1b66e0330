import pickle
import re

import numpy as np
import pytest

from tests.helpers import tiny_raw
from tfp_noise import datasets
from tfp_noise.datasets import prepare

COLUMNS = {
    "cifar10n:aggregate": "aggre_label",
    "cifar10n:random1": "random_label1",
    "cifar10n:random2": "random_label2",
    "cifar10n:random3": "random_label3",
    "cifar10n:worst": "worse_label",
}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A directory with tiny prepared CIFAR sets, and the training labels of each in the published order."""
    data_dir, labels = tmp_path_factory.mktemp("data"), {}
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in ("cifar10", "cifar100"):
            raw = tmp_path_factory.mktemp(name)
            (_, labels[name]), _, _ = tiny_raw.publish(monkeypatch, name, raw)
            prepare.prepare(name, raw, data_dir)
    (data_dir / "cifar_n").mkdir()
    return data_dir, {name: values.astype(np.int64) for name, values in labels.items()}


@pytest.fixture
def cifar10n(images):
    """The directory, the path of a good label file in it, and the file's columns."""
    data_dir, labels = images
    rng = np.random.default_rng(0)
    columns = {"clean_label": labels["cifar10"]}
    columns |= {column: rng.integers(10, size=tiny_raw.TRAIN) for column in COLUMNS.values()}
    path = data_dir / "cifar_n" / "CIFAR-10_human.pt"
    tiny_raw.write_labels(path, columns)
    return data_dir, path, columns


@pytest.mark.parametrize("name", COLUMNS)
def test_observed_labels_are_joined_by_the_number_of_the_example(name, cifar10n):
    data_dir, _, columns = cifar10n
    data = datasets.load(name, data_dir, validation_share=0.25)
    assert (len(data.train), len(data.validation), len(data.test)) == (15, 5, 10)
    for examples in (data.train, data.validation):
        np.testing.assert_array_equal(examples.observed, columns[COLUMNS[name]][examples.ids])
        np.testing.assert_array_equal(examples.labels, columns["clean_label"][examples.ids])
        assert examples.observed.dtype == np.int32
    assert data.test.observed is None
    assert not np.array_equal(data.train.ids, np.sort(data.train.ids))  # else a join by position would pass too


def test_transition_is_counted_over_train_and_validation(cifar10n):
    data_dir, _, columns = cifar10n
    transition = datasets.load("cifar10n:worst", data_dir, validation_share=0.5).transition
    for clean in range(10):
        given = [w for c, w in zip(columns["clean_label"], columns["worse_label"], strict=True) if c == clean]
        np.testing.assert_allclose(transition[clean], [given.count(label) / len(given) for label in range(10)])


def test_cifar100n_reads_the_fine_labels_and_leaves_unseen_classes_clean(images):
    data_dir, labels = images
    clean = labels["cifar100"]
    noisy = np.roll(clean, 1)
    coarse = np.full_like(clean, 3)
    columns = {"clean_label": clean, "noisy_label": noisy, "noisy_coarse_label": coarse, "clean_coarse_label": coarse}
    tiny_raw.write_labels(data_dir / "cifar_n" / "CIFAR-100_human.pt", columns)
    data = datasets.load("cifar100n", data_dir, validation_share=0)
    np.testing.assert_array_equal(data.train.observed, noisy[data.train.ids])
    assert data.num_classes == 100
    assert data.transition[0, noisy[0]] == 1
    assert data.transition[99, 99] == 1


def test_a_missing_label_file_is_named_with_its_publisher(cifar10n):
    data_dir, path, _ = cifar10n
    path.unlink()
    expected = re.escape(f"needs the label file {str(path)!r}") + ".*http://noisylabels.com as 'CIFAR-10_human.pt'"
    expected += re.escape(f". With that file in DIR, run\n  python -m {prepare.__name__} cifar10n --raw DIR --data-dir")
    with pytest.raises(FileNotFoundError, match=expected):
        datasets.load("cifar10n:worst", data_dir)


def test_missing_images_are_named(cifar10n, tmp_path):
    (tmp_path / "cifar_n").mkdir()
    cifar10n[1].rename(tmp_path / "cifar_n" / "CIFAR-10_human.pt")
    with pytest.raises(FileNotFoundError, match="'cifar10' is not prepared"):
        datasets.load("cifar10n:worst", tmp_path)


def test_labels_of_other_images_are_refused(cifar10n):
    data_dir, path, columns = cifar10n
    wrong = columns["clean_label"].copy()
    wrong[[7, 13]] = (wrong[[7, 13]] + 1) % 10
    tiny_raw.write_labels(path, {**columns, "clean_label": wrong})
    with pytest.raises(ValueError, match=r"must be those of 'cifar10'\..* 2 of 20 differ, the first at example 7"):
        datasets.load("cifar10n:worst", data_dir)


def test_a_label_file_of_another_length_is_refused(cifar10n):
    data_dir, path, columns = cifar10n
    tiny_raw.write_labels(path, {name: values[:-1] for name, values in columns.items()})
    with pytest.raises(ValueError, match=r"must label 20 examples of 'cifar10'\. Received: 19"):
        datasets.load("cifar10n:worst", data_dir)


def test_an_observed_label_outside_the_classes_is_refused(cifar10n):
    data_dir, path, columns = cifar10n
    tiny_raw.write_labels(path, {**columns, "worse_label": np.where(np.arange(tiny_raw.TRAIN) == 4, 10, 0)})
    with pytest.raises(ValueError, match=r"worse_label` must lie in \[0, 10\). Received: 10 at position 4"):
        datasets.load("cifar10n:worst", data_dir)


def test_a_missing_column_is_named(cifar10n):
    data_dir, path, columns = cifar10n
    del columns["worse_label"]
    tiny_raw.write_labels(path, columns)
    with pytest.raises(ValueError, match=r"must have the columns \[.*'worse_label'\]. Received: "):
        datasets.load("cifar10n:aggregate", data_dir)


@pytest.mark.parametrize("column", [np.zeros(tiny_raw.TRAIN), np.zeros((tiny_raw.TRAIN, 1), int), np.zeros(3, int)])
def test_columns_must_be_integers_of_one_length(column, cifar10n):
    data_dir, path, columns = cifar10n
    tiny_raw.write_labels(path, {**columns, "worse_label": column})
    with pytest.raises(ValueError, match="must hold integer columns of one length"):
        datasets.load("cifar10n:worst", data_dir)


class Touch:
    """A pickle that runs any function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("function", [open, np.save, np.load])
def test_a_pickle_that_runs_code_is_refused(function, protocol, cifar10n, tmp_path):
    data_dir, path, columns = cifar10n
    trace = tmp_path / "trace.npy"
    poison = Touch(function, str(trace), "w")
    tiny_raw.write_labels(path, {}, content=pickle.dumps({**columns, "worse_label": poison}, protocol=protocol))
    with pytest.raises(ValueError, match=f"it asks for .*{function.__name__}, which is not part of an array"):
        datasets.load("cifar10n:worst", data_dir)
    assert not trace.exists()


def damage_zip(path):
    path.write_bytes(path.read_bytes()[:-100])


def damage_pickle(path):
    tiny_raw.write_labels(path, {}, content=b"\x80\x02}q\x00(")


def no_pickle(path):
    tiny_raw.write_labels(path, {}, content=pickle.dumps([1, 2]))


@pytest.mark.parametrize("damage", [damage_zip, damage_pickle, no_pickle])
def test_a_damaged_label_file_is_refused(damage, cifar10n):
    data_dir, path, _ = cifar10n
    damage(path)
    with pytest.raises(ValueError, match=re.escape(f"{str(path)!r} must be a zip with a pickle of NumPy arrays")):
        datasets.load("cifar10n:worst", data_dir)


def test_a_stream_gives_the_examples_and_ids_that_load_gives(images):
    data_dir = images[0]
    whole = datasets.load("cifar10", data_dir, validation_share=0).train
    streamed = {int(i): (x, int(y)) for x, y, i in datasets.stream("cifar10", "train", data_dir).as_numpy_iterator()}
    assert sorted(streamed) == sorted(whole.ids)
    for features, label, number in zip(whole.features, whole.labels, whole.ids, strict=True):
        np.testing.assert_array_equal(streamed[number][0], features)
        assert streamed[number][1] == label
    with pytest.raises(ValueError, match=r"Unknown data set: 'cifar11'. Did you mean"):
        datasets.stream("cifar11", "train", data_dir)
