"""Preparation of TFDS data sets from the publishers' raw files, for machines without internet.

    python -m tfp_noise.datasets.prepare NAME --raw DIR --data-dir DIR

The directory of `--raw` has the published files, packed or unpacked:

    mnist, fashion_mnist   {train,t10k}-{images-idx3,labels-idx1}-ubyte[.gz]
    cifar10                cifar-10-binary.tar.gz, or its folder cifar-10-batches-bin
    cifar100               cifar-100-binary.tar.gz, or its folder cifar-100-binary
    svhn_cropped           {train,test,extra}_32x32.mat
    cifar10n, cifar100n    CIFAR-10_human.pt, CIFAR-100_human.pt (labels only: the images are cifar10's and cifar100's)

Afterwards `tfp_noise.datasets.load(NAME, data_dir=DIR)` and `tfds.load` find them in the directory of `--data-dir`.
"""

import argparse
import os
import pathlib
import shutil
import sys
import tempfile

from tfp_noise import _extras, _validation
from tfp_noise.datasets import human, raw_files

_LABEL_FILES = {"cifar10n": "CIFAR-10_human.pt", "cifar100n": "CIFAR-100_human.pt"}


def prepare(name, raw, data_dir):
    """Prepares one data set; an interruption leaves no incomplete one.

    Args:
        name: text, a name in the module's docstring.
        raw: directory of the publisher's files.
        data_dir: directory to prepare the data set in, made if missing.

    Returns:
        `(path, made)`: the data set's path, and a bool, false if it had been prepared before.

    Raises:
        FileNotFoundError: if raw files are missing; the message names each.
        ValueError: if `name` is unknown, or a raw file differs from the published one.
    """
    _validation.check_choice("name", name, _PREPARERS, "data set")
    folders = (_validation.check_path(*pair).expanduser() for pair in [("raw", raw), ("data_dir", data_dir)])
    return _PREPARERS[name](name, *folders)


def _build(name, raw, data_dir):
    """Lets TFDS's builder read the local files; TFDS writes to a temporary folder and renames it at the end."""
    tfds = _extras.load("tensorflow_datasets", "`tfp_noise.datasets.prepare`")
    builder = tfds.builder(name, data_dir=data_dir)
    path = pathlib.Path(builder.data_dir)
    if (path / "dataset_info.json").exists():
        return path, False
    with tempfile.TemporaryDirectory() as directory:
        staged = pathlib.Path(directory)
        raw_files.stage(raw, raw_files.PUBLISHED[name], staged)
        # TFDS has no public way to pass uncompressed local files to a builder; therefore its version is pinned.
        builder._make_download_manager = lambda **_: _LocalFiles(staged)
        builder.download_and_prepare(download_config=tfds.download.DownloadConfig(try_download_gcs=False))
    return path, True


class _LocalFiles:
    """A builder's download manager for which every URL is already downloaded and unpacked."""

    downloaded_size = 0

    def __init__(self, directory):
        self._directory = directory

    def download(self, urls):
        if isinstance(urls, dict):
            return {key: self.download(url) for key, url in urls.items()}
        file = urls.rsplit("/", 1)[-1]
        return str(self._directory if file.endswith(".tar.gz") else self._directory / file.removesuffix(".gz"))

    download_and_extract = download


def _copy_labels(name, raw, data_dir):
    file = _LABEL_FILES[name]
    path = human.label_path(file, data_dir)
    if path.exists():
        return path, False
    raw_files.require(raw, [raw_files.RawFile(file)])
    human.read_labels(raw / file)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as directory:
        shutil.copyfile(raw / file, pathlib.Path(directory) / file)
        os.replace(pathlib.Path(directory) / file, path)
    return path, True


_PREPARERS = {**dict.fromkeys(raw_files.PUBLISHED, _build), **dict.fromkeys(_LABEL_FILES, _copy_labels)}


def main(argv=None):
    """Runs the command line; see the module's docstring."""
    parser = argparse.ArgumentParser(
        prog="python -m tfp_noise.datasets.prepare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", metavar="NAME", help=", ".join(_PREPARERS))
    parser.add_argument("--raw", required=True, metavar="DIR", help="directory of the publisher's files")
    parser.add_argument("--data-dir", required=True, metavar="DIR", help="directory to make the data set in")
    arguments = parser.parse_args(argv)
    try:
        path, made = prepare(arguments.name, arguments.raw, arguments.data_dir)
    except (ImportError, OSError, ValueError) as error:
        sys.exit(f"prepare: {error}")
    print(f"{arguments.name}: {'prepared' if made else 'already prepared, nothing done'}: {path}")


if __name__ == "__main__":
    main()
