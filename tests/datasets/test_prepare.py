import gzip
import tarfile

import numpy as np
import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.image_classification import cifar

from tests.helpers import tiny_raw
from tests.helpers.processes import run_script
from tfp_noise import datasets
from tfp_noise.datasets import prepare, published, raw_files

tfds.disable_progress_bar()


@pytest.fixture
def raw(tmp_path):
    path = tmp_path / "raw"
    path.mkdir()
    return path


@pytest.fixture
def data_dir(tmp_path):
    path = tmp_path / "data"
    path.mkdir()
    return path


def as_bag(images, labels):
    """The set of pairs of image and label, without their order."""
    return sorted(image.tobytes() + bytes([label]) for image, label in zip(images, labels, strict=True))


def assert_loads(name, data_dir, written):
    train, test, class_names = written
    data = datasets.load(name, data_dir, validation_share=0)
    assert data.class_names == class_names
    assert data.train.features.dtype == np.uint8
    assert (data.train.labels.dtype, data.train.ids.dtype) == (np.int32, np.int64)
    for examples, (images, labels) in ((data.train, train), (data.test, test)):
        assert as_bag(examples.features, examples.labels) == as_bag(images, labels)
        assert sorted(examples.ids) == list(range(len(labels)))
    return data


def pack(raw, name):
    """Replaces the raw files by the archives they are published in."""
    for file in raw_files.PUBLISHED[name]:
        if file.archive.endswith(".tar.gz"):
            with tarfile.open(raw / file.archive, "w:gz") as tar:
                tar.add(raw / file.path.split("/")[0], file.path.split("/")[0])
        else:
            (raw / file.archive).write_bytes(gzip.compress((raw / file.path).read_bytes()))
    for file in raw_files.PUBLISHED[name]:
        (raw / file.path).unlink()


def test_all_image_sets_can_be_prepared():
    assert set(raw_files.PUBLISHED) == set(published.NAMES)


@pytest.mark.parametrize("name", tiny_raw.WRITERS)
def test_prepared_raw_files_load_as_they_were_written(name, raw, data_dir, monkeypatch):
    written = tiny_raw.publish(monkeypatch, name, raw)
    path, made = prepare.prepare(name, raw, data_dir)
    assert made
    assert path.parent == data_dir / name
    data = assert_loads(name, data_dir, written)
    if name in ("cifar10", "cifar100", "svhn_cropped"):
        np.testing.assert_array_equal(data.train.features, written[0][0][data.train.ids])
    assert prepare.prepare(name, data_dir / "no raw files", data_dir) == (path, False)


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_packed_raw_files_load_as_they_were_written(name, raw, data_dir, monkeypatch):
    written = tiny_raw.publish(monkeypatch, name, raw)
    pack(raw, name)
    assert prepare.prepare(name, raw, data_dir)[1]
    assert_loads(name, data_dir, written)


def test_a_missing_raw_directory_is_named(raw, data_dir):
    with pytest.raises(FileNotFoundError, match=r"`raw` must be the directory of the publisher's files.*nowhere"):
        prepare.prepare("mnist", raw / "nowhere", data_dir)


@pytest.mark.parametrize("name", [*tiny_raw.WRITERS, "cifar10n", "cifar100n"])
def test_every_missing_file_is_named(name, raw, data_dir):
    with pytest.raises(FileNotFoundError) as caught:
        prepare.prepare(name, raw, data_dir)
    labels = {"cifar10n": ["CIFAR-10_human.pt"], "cifar100n": ["CIFAR-100_human.pt"]}
    for path in labels.get(name) or [file.path for file in raw_files.PUBLISHED[name]]:
        assert path in str(caught.value)
    assert not list(data_dir.iterdir())


def test_only_the_missing_files_are_named(raw, data_dir, monkeypatch):
    tiny_raw.publish(monkeypatch, "mnist", raw)
    (raw / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"Missing: t10k-labels-idx1-ubyte \(or t10k-labels-idx1-ubyte\.gz\)\.$"
    ):
        prepare.prepare("mnist", raw, data_dir)


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def flip(path):
    content = path.read_bytes()
    path.write_bytes(bytes([content[0] ^ 1]) + content[1:])


def drop_line(path):
    path.write_text("\n".join(path.read_text().splitlines()[1:]))


@pytest.mark.parametrize(
    ("name", "file", "damage", "message"),
    [
        ("mnist", "train-images-idx3-ubyte", cut, "images-idx3-ubyte' must have 15696 bytes. Received: 15695"),
        ("mnist", "t10k-labels-idx1-ubyte", flip, "labels-idx1-ubyte' must have the SHA-256 [0-9a-f]{64}. Received: "),
        ("cifar10", "cifar-10-batches-bin/data_batch_3.bin", cut, "data_batch_3.bin' must have 12292 bytes"),
        ("cifar10", "cifar-10-batches-bin/data_batch_3.bin", flip, "data_batch_3.bin' must have the SHA-256"),
        (
            "cifar10",
            "cifar-10-batches-bin/batches.meta.txt",
            drop_line,
            "must name 10 classes, one in each line. Received: 9",
        ),
        ("cifar100", "cifar-100-binary/train.bin", cut, "train.bin' must have 61480 bytes. Received: 61479"),
        ("cifar100", "cifar-100-binary/fine_label_names.txt", drop_line, "must name 100 classes.*Received: 99"),
        ("svhn_cropped", "extra_32x32.mat", flip, "extra_32x32.mat' must have the SHA-256"),
    ],
)
def test_a_damaged_file_is_named_and_nothing_is_written(*, name, file, damage, message, raw, data_dir, monkeypatch):
    tiny_raw.publish(monkeypatch, name, raw)
    damage(raw / file)
    with pytest.raises(ValueError, match=message):
        prepare.prepare(name, raw, data_dir)
    assert not list(data_dir.iterdir())


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_a_truncated_archive_is_named(name, raw, data_dir, monkeypatch):
    tiny_raw.publish(monkeypatch, name, raw)
    pack(raw, name)
    archive = raw / raw_files.PUBLISHED[name][0].archive
    archive.write_bytes(archive.read_bytes()[:-200])
    with pytest.raises(ValueError, match=f"{archive.name}' must be a complete .* file"):
        prepare.prepare(name, raw, data_dir)
    assert not list(data_dir.iterdir())


def test_an_archive_without_a_file_is_named(raw, data_dir, monkeypatch):
    tiny_raw.publish(monkeypatch, "cifar10", raw)
    with tarfile.open(raw / "cifar-10-binary.tar.gz", "w:gz") as tar:
        tar.add(raw / "cifar-10-batches-bin/data_batch_1.bin", "cifar-10-batches-bin/data_batch_1.bin")
    (raw / "cifar-10-batches-bin/data_batch_2.bin").unlink()
    with pytest.raises(FileNotFoundError, match=r"data_batch_2.bin' from .*cifar-10-binary.tar.gz' is missing in that"):
        prepare.prepare("cifar10", raw, data_dir)


def test_the_published_sizes_are_those_of_the_published_counts():
    sizes = {name: sum(file.size or 0 for file in files) for name, files in raw_files.PUBLISHED.items()}
    assert sizes["mnist"] == sizes["fashion_mnist"] == 70_000 * (784 + 1) + 2 * (16 + 8)
    assert sizes["cifar10"] == 60_000 * 3073
    assert sizes["cifar100"] == 60_000 * 3074


@pytest.mark.parametrize("stop", [KeyboardInterrupt, MemoryError])
def test_an_interrupted_preparation_leaves_no_data_set(stop, raw, data_dir, monkeypatch):
    written = tiny_raw.publish(monkeypatch, "cifar10", raw)
    read = cifar._load_data

    def stop_after_one_file(path, labels_number):
        yield from read(path, labels_number)
        raise stop

    with monkeypatch.context() as patch:
        patch.setattr(cifar, "_load_data", stop_after_one_file)
        with pytest.raises(stop):
            prepare.prepare("cifar10", raw, data_dir)
    assert not [path for path in data_dir.rglob("*") if path.is_file()]
    with pytest.raises(FileNotFoundError, match="is not prepared"):
        datasets.load("cifar10", data_dir)
    assert prepare.prepare("cifar10", raw, data_dir)[1]
    assert_loads("cifar10", data_dir, written)


def label_columns():
    kinds = ("clean_label", "aggre_label", "worse_label", "random_label1", "random_label2", "random_label3")
    return {kind: np.arange(5) for kind in kinds}


def test_a_label_file_is_copied_once(raw, data_dir):
    tiny_raw.write_labels(raw / "CIFAR-10_human.pt", label_columns())
    copy = data_dir / "cifar_n" / "CIFAR-10_human.pt"
    assert prepare.prepare("cifar10n", raw, data_dir) == (copy, True)
    assert copy.read_bytes() == (raw / "CIFAR-10_human.pt").read_bytes()
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]
    assert prepare.prepare("cifar10n", raw, data_dir) == (copy, False)


def test_a_label_file_of_the_other_set_is_not_copied(raw, data_dir):
    tiny_raw.write_labels(raw / "CIFAR-100_human.pt", label_columns())
    with pytest.raises(ValueError, match=r"must have the columns \['clean_label', 'noisy_label'\]"):
        prepare.prepare("cifar100n", raw, data_dir)
    assert not list(data_dir.iterdir())


def test_unknown_name_is_refused(raw, data_dir):
    with pytest.raises(ValueError, match=r"Unknown data set: 'minst'\. Did you mean .*'mnist'"):
        prepare.prepare("minst", raw, data_dir)


def test_command_line_says_what_it_did(raw, data_dir, capsys):
    tiny_raw.write_labels(raw / "CIFAR-10_human.pt", label_columns())
    arguments = ["cifar10n", "--raw", str(raw), "--data-dir", str(data_dir)]
    prepare.main(arguments)
    assert capsys.readouterr().out == f"cifar10n: prepared: {data_dir / 'cifar_n' / 'CIFAR-10_human.pt'}\n"
    prepare.main(arguments)
    assert "already prepared, nothing done" in capsys.readouterr().out


def test_command_line_fails_with_the_message_alone(raw, data_dir):
    finished = run_script("tfp_noise.datasets.prepare", "cifar10n", "--raw", raw, "--data-dir", data_dir)
    assert finished.returncode == 1
    assert "prepare: " in finished.stderr
    assert "Missing: CIFAR-10_human.pt." in finished.stderr
    assert "Traceback" not in finished.stderr
    assert finished.stdout == ""


def test_a_checksum_that_does_not_fit_is_noticed(tmp_path):
    """A tar archive ends before the checksum of the gzip file around it."""
    (tmp_path / "member").write_bytes(bytes(1000))
    archive = tmp_path / "packed.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(tmp_path / "member", "member")
    content = bytearray(archive.read_bytes())
    content[-8] ^= 1  # the first byte of the CRC-32
    archive.write_bytes(content)
    with pytest.raises(ValueError, match=r"must be a complete tar\.gz file"):
        raw_files._unpack(archive, tmp_path)
