"""Tiny data sets in the publishers' layouts, for the tests of `tfp_noise.datasets`."""

import dataclasses
import hashlib
import pickle
import struct
import zipfile

import numpy as np
import scipy.io
import tensorflow_datasets.image_classification.mnist as tfds_mnist

from tfp_noise.datasets import raw_files

TRAIN, TEST = 20, 10
IDX_NAMES = tuple(str(i) for i in range(10))
CIFAR10_NAMES = ("plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CIFAR100_NAMES = tuple(f"fine{i}" for i in range(100))


def draw(count, shape, num_classes, seed):
    """Random images and labels, both uint8; the first labels run through the classes."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(num_classes, size=count)
    labels[: min(count, num_classes)] = np.arange(min(count, num_classes))
    return rng.integers(256, size=(count, *shape), dtype=np.uint8), labels.astype(np.uint8)


def _write_idx(raw, seed):
    splits = {"train": draw(TRAIN, (28, 28, 1), 10, seed), "t10k": draw(TEST, (28, 28, 1), 10, seed + 1)}
    for split, (images, labels) in splits.items():
        header = struct.pack(">4i", 0x0803, len(images), 28, 28)
        (raw / f"{split}-images-idx3-ubyte").write_bytes(header + images.tobytes())
        (raw / f"{split}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 0x0801, len(labels)) + labels.tobytes())
    return tuple(splits.values())


def write_mnist(raw):
    return *_write_idx(raw, 0), IDX_NAMES


def write_fashion_mnist(raw):
    splits = _write_idx(raw, 2)
    return *splits, (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    )


def _cifar_bytes(images, *label_columns):
    planes = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    return np.concatenate([np.stack(label_columns, axis=1), planes], axis=1).astype(np.uint8).tobytes()


def write_cifar10(raw):
    folder = raw / "cifar-10-batches-bin"
    folder.mkdir()
    train, test = draw(TRAIN, (32, 32, 3), 10, 4), draw(TEST, (32, 32, 3), 10, 5)
    for i, part in enumerate(np.split(np.arange(TRAIN), 5)):
        (folder / f"data_batch_{i + 1}.bin").write_bytes(_cifar_bytes(train[0][part], train[1][part]))
    (folder / "test_batch.bin").write_bytes(_cifar_bytes(*test))
    (folder / "batches.meta.txt").write_text("\n".join(CIFAR10_NAMES) + "\n\n")
    return train, test, CIFAR10_NAMES


def write_cifar100(raw):
    folder = raw / "cifar-100-binary"
    folder.mkdir()
    train, test = draw(TRAIN, (32, 32, 3), 100, 6), draw(TEST, (32, 32, 3), 100, 7)
    for file, (images, labels) in {"train.bin": train, "test.bin": test}.items():
        (folder / file).write_bytes(_cifar_bytes(images, labels // 5, labels))
    (folder / "coarse_label_names.txt").write_text("\n".join(f"coarse{i}" for i in range(20)))
    (folder / "fine_label_names.txt").write_text("\n".join(CIFAR100_NAMES))
    return train, test, CIFAR100_NAMES


def write_svhn_cropped(raw):
    splits = [draw(count, (32, 32, 3), 10, seed) for count, seed in ((TRAIN, 8), (TEST, 9), (TEST, 10))]
    for split, (images, labels) in zip(("train", "test", "extra"), splits, strict=True):
        published_labels = np.where(labels == 0, 10, labels)[:, None]
        scipy.io.savemat(raw / f"{split}_32x32.mat", {"X": images.transpose(1, 2, 3, 0), "y": published_labels})
    return *splits[:2], IDX_NAMES


WRITERS = {
    "mnist": write_mnist,
    "fashion_mnist": write_fashion_mnist,
    "cifar10": write_cifar10,
    "cifar100": write_cifar100,
    "svhn_cropped": write_svhn_cropped,
}


def publish(monkeypatch, name, raw):
    """Writes the tiny data set `name` to `raw` and makes `raw_files` believe that this is the published one.

    Returns `((train images, train labels), (test images, test labels), class_names)` in the order written.
    """
    written = WRITERS[name](raw)
    files = []
    for file in raw_files.PUBLISHED[name]:
        content = (raw / file.path).read_bytes()
        digest = hashlib.sha256(content).hexdigest() if file.sha256 else None
        files.append(dataclasses.replace(file, size=file.size and len(content), sha256=digest))
    monkeypatch.setitem(raw_files.PUBLISHED, name, tuple(files))
    monkeypatch.setattr(tfds_mnist, "_TRAIN_EXAMPLES", TRAIN)
    monkeypatch.setattr(tfds_mnist, "_TEST_EXAMPLES", TEST)
    return written


def write_labels(path, columns, content=None):
    """Writes a label file of CIFAR-N as its authors' tool did; `content` replaces the pickle."""
    if content is None:
        content = pickle.dumps({name: np.asarray(values) for name, values in columns.items()}, protocol=2)
        content = content.replace(b"numpy._core", b"numpy.core")  # the name in NumPy 1, which wrote the published files
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/version", "3\n")
