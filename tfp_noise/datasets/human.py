"""Human label noise: the labels of CIFAR-N, joined to the images of TFDS's CIFAR by id."""

import dataclasses
import io
import pickle
import pickletools
import zipfile

import numpy as np

from tfp_noise import _validation
from tfp_noise._saving import packed_arrays
from tfp_noise.datasets import published, raw_files

PUBLISHER = "http://noisylabels.com"


@dataclasses.dataclass(frozen=True)
class Annotation:
    """The place of a set of human labels: a column of a label file.

    Args:
        images: text, the name of the data set that was annotated.
        file: text, the label file's published name.
        column: text, the key of the observed labels in that file.
    """

    images: str
    file: str
    column: str


ANNOTATIONS = {
    "cifar10n:aggregate": Annotation("cifar10", "CIFAR-10_human.pt", "aggre_label"),
    "cifar10n:random1": Annotation("cifar10", "CIFAR-10_human.pt", "random_label1"),
    "cifar10n:random2": Annotation("cifar10", "CIFAR-10_human.pt", "random_label2"),
    "cifar10n:random3": Annotation("cifar10", "CIFAR-10_human.pt", "random_label3"),
    "cifar10n:worst": Annotation("cifar10", "CIFAR-10_human.pt", "worse_label"),
    "cifar100n": Annotation("cifar100", "CIFAR-100_human.pt", "noisy_label"),
}


def load(name, data_dir):
    """Reads images and their human labels.

    Args:
        name: a key of `ANNOTATIONS`.
        data_dir: directory of TFDS's data sets; `None` for TFDS's default. The label file is read from `cifar_n` in it.

    Returns:
        `(train, test, class_names, transition)`: `train.observed` has the human labels; `transition`, float64
        `[num_classes, num_classes]`, has the fraction of each clean class (row) that was given each label (column).

    Raises:
        FileNotFoundError: if the label file or the images are missing.
        ValueError: if the label file is damaged, or its clean labels are not those of the images.
    """
    annotation = ANNOTATIONS[name]
    path = label_path(annotation.file, data_dir)
    if not path.exists():
        other = raw_files.in_another_format(path.parent, [path.name])
        raise FileNotFoundError(
            f"{name!r} needs the label file {str(path)!r}, which is missing.{other} It is published at {PUBLISHER} "
            f"as {annotation.file!r}. With that file in DIR, run\n"
            f"  python -m tfp_noise.datasets.prepare {name.partition(':')[0]} --raw DIR --data-dir {path.parent.parent}"
        )
    table = read_labels(path)
    train, test, class_names, _ = published.load(annotation.images, data_dir)
    _check_join(path, annotation.images, table["clean_label"], train)
    labels = _validation.check_labels(f"{path}: {annotation.column}", table[annotation.column], len(class_names))
    observed = labels[train.ids]
    transition = count_transition(train.labels, observed, len(class_names))
    return dataclasses.replace(train, observed=observed), test, class_names, transition


def label_path(file, data_dir):
    """The path of a label file in the directory of TFDS's data sets."""
    return published.root(data_dir) / "cifar_n" / file


def read_labels(path):
    """Reads a label file of CIFAR-N: a zip that holds one pickle of NumPy arrays.

    Args:
        path: `pathlib.Path` of the file; its name determines the columns that it must have.

    Returns:
        A dict from column to int32 `[n]`, in the original order of CIFAR's training set.

    Raises:
        ValueError: if the file is not such a zip, or its pickle holds anything other than arrays.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            member = next((name for name in archive.namelist() if name.endswith("/data.pkl")), "data.pkl")
            packed_arrays.check_growth(path, archive.getinfo(member).file_size)
            content = archive.read(member)
        _check_pickle(content)
        table = _ArrayUnpickler(io.BytesIO(content)).load()
        columns = dict(table)
        if not all(isinstance(values, np.ndarray) for values in columns.values()):
            raise ValueError("not all of its columns are arrays")
        if sum(values.nbytes for values in columns.values()) > len(content):
            raise ValueError("its arrays are larger than the file")
    except Exception as error:  # a damaged pickle can raise anything
        cure = f"Fetch it again from {PUBLISHER}."
        with open(path, "rb") as stream:
            if stream.read(6) == b"\x93NUMPY":
                cure = f"It is a NumPy file, like the publisher's .npy. Put {path.name!r} from {PUBLISHER} there."
        raise ValueError(
            f"{str(path)!r} must be a zip with a pickle of NumPy arrays. Received: {type(error).__name__}: {error}. "
            + cure
        ) from error
    needed = {"clean_label", *(a.column for a in ANNOTATIONS.values() if a.file == path.name)}
    if not needed <= columns.keys():
        raise ValueError(f"{str(path)!r} must have the columns {sorted(needed)}. Received: {sorted(columns)}.")
    shapes = {name: (values.shape, values.dtype.name) for name, values in columns.items()}
    length = len(columns["clean_label"])
    if any(v.shape != (length,) or not np.issubdtype(v.dtype, np.integer) for v in columns.values()):
        raise ValueError(f"{str(path)!r} must hold integer columns of one length. Received: {shapes}.")
    return {name: values.astype(np.int32) for name, values in columns.items()}


def _check_pickle(content):
    """Refuses a declared size that exceeds the pickle: memory for it would be reserved before it is read."""
    for opcode, argument, _ in pickletools.genops(content):  # raises if a length exceeds the remaining bytes, too
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT", "FRAME") and int(argument) > len(content):
            raise pickle.UnpicklingError(f"it asks for {opcode.name} {argument}")


class _ArrayUnpickler(pickle.Unpickler):
    """Rebuilds NumPy arrays and refuses everything else, because a pickle can otherwise run any code."""

    def find_class(self, module, name):
        module = module.replace("numpy.core.", "numpy._core.")  # NumPy 2 renamed it
        if (module, name) not in _PARTS_OF_ARRAYS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not part of an array")
        return _PARTS_OF_ARRAYS[module, name]


def _empty_array(kind, shape, code):
    """An empty array, whatever `shape` the pickle declares; the array's state, which follows, fills it."""
    del kind, shape
    return np.empty(0, code)


def _latin1(text, encoding):
    """The bytes of an array from the text that Python 2's protocol stores."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it asks for {encoding!r}, which is not how arrays are stored")
    return text.encode("latin1")


_PARTS_OF_ARRAYS = {
    ("numpy._core.multiarray", "_reconstruct"): _empty_array,
    ("numpy", "ndarray"): "ndarray",  # an argument of `_empty_array`, never called
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _latin1,
}


def _check_join(path, images, clean, train):
    if len(clean) != len(train):
        raise ValueError(
            f"{str(path)!r} must label {len(train)} examples of {images!r}. Received: {len(clean)} labels."
        )
    differs = clean[train.ids] != train.labels
    if differs.any():
        first = train.ids[differs].min()
        raise ValueError(
            f"The clean labels in {str(path)!r} must be those of {images!r}. Received: {differs.sum()} of {len(train)} "
            f"differ, the first at example {first}. Does the file belong to another data set?"
        )


def count_transition(clean, observed, num_classes):
    """Float64 `[num_classes, num_classes]`: the fraction of each clean class (row) with each noisy label (column)."""
    counts = np.zeros((num_classes, num_classes))
    np.add.at(counts, (clean, observed), 1)
    unseen = counts.sum(axis=1) == 0
    counts[unseen, unseen] = 1  # a class without examples gets no noise, because its row must sum to 1, too
    return counts / counts.sum(axis=1, keepdims=True)
