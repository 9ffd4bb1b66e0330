"""The publishers' raw files: names, sizes and checksums, and the check of local copies against them."""

import dataclasses
import gzip
import hashlib
import shutil
import tarfile
import zlib

_BLOCK = 1 << 20  # bytes
_BESIDES = 1 << 23  # bytes in an archive besides the files wanted: headers, and files whose sizes are not published

_IDX_SIZES = {
    "train-images-idx3-ubyte": 16 + 60_000 * 28 * 28,
    "train-labels-idx1-ubyte": 8 + 60_000,
    "t10k-images-idx3-ubyte": 16 + 10_000 * 28 * 28,
    "t10k-labels-idx1-ubyte": 8 + 10_000,
}
_MNIST = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
_FASHION_MNIST = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
_CIFAR10 = {
    "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
    "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
    "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
    "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
    "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
    "test_batch.bin": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
}
# The SHA-256 of SVHN's files are those by which TFDS checks its downloads.
_SVHN = {
    "train_32x32.mat": (182_040_794, "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8"),
    "test_32x32.mat": (64_275_384, "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b"),
    "extra_32x32.mat": (1_329_278_602, "a133a4beb38a00fcdda90c9489e0c04f900b660ce8a316a5e854838379a71eb3"),
}


@dataclasses.dataclass(frozen=True)
class RawFile:
    """A published file; properties that are `None` are not known and not checked.

    Args:
        path: text, its path in the raw directory, uncompressed.
        archive: text, the archive that it is published in; `None` if it is published uncompressed.
        size: int, bytes.
        sha256: text, its SHA-256 in hexadecimal.
        lines: int, the number of lines that are not empty.
    """

    path: str
    archive: str | None = None
    size: int | None = None
    sha256: str | None = None
    lines: int | None = None


def _idx(digests):
    return tuple(RawFile(path, f"{path}.gz", _IDX_SIZES[path], digest) for path, digest in digests.items())


def _cifar(folder, archive, *files):
    return tuple(dataclasses.replace(f, path=f"{folder}/{f.path}", archive=archive) for f in files)


PUBLISHED = {
    "mnist": _idx(_MNIST),
    "fashion_mnist": _idx(_FASHION_MNIST),
    "cifar10": _cifar(
        "cifar-10-batches-bin",
        "cifar-10-binary.tar.gz",
        *(RawFile(path, size=10_000 * (1 + 3072), sha256=digest) for path, digest in _CIFAR10.items()),
        RawFile("batches.meta.txt", lines=10),
    ),
    "cifar100": _cifar(
        "cifar-100-binary",
        "cifar-100-binary.tar.gz",
        RawFile("train.bin", size=50_000 * (2 + 3072)),
        RawFile("test.bin", size=10_000 * (2 + 3072)),
        RawFile("coarse_label_names.txt", lines=20),
        RawFile("fine_label_names.txt", lines=100),
    ),
    "svhn_cropped": tuple(RawFile(path, size=size, sha256=digest) for path, (size, digest) in _SVHN.items()),
}


# Other formats in which publishers or Keras offer a data set, by the name of the file that is read here.
_OTHER_FORMATS = {
    "cifar-10-binary.tar.gz": ("cifar-10-python.tar.gz", "cifar-10-batches-py", "cifar-10-matlab.tar.gz"),
    "cifar-100-binary.tar.gz": ("cifar-100-python.tar.gz", "cifar-100-python", "cifar-100-matlab.tar.gz"),
    "CIFAR-10_human.pt": ("CIFAR-10_human.npy", "CIFAR-10_human_ordered.npy"),
    "CIFAR-100_human.pt": ("CIFAR-100_human.npy", "CIFAR-100_human_ordered.npy"),
    "train-images-idx3-ubyte.gz": ("mnist.npz",),
    "train_32x32.mat": ("train.tar.gz",),
}
_WHERE = {
    "cifar-10-binary.tar.gz": "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    "cifar-100-binary.tar.gz": "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
    "CIFAR-10_human.pt": "http://noisylabels.com",
    "CIFAR-100_human.pt": "http://noisylabels.com",
    "train-images-idx3-ubyte.gz": "the data set's publisher",
    "train_32x32.mat": "http://ufldl.stanford.edu/housenumbers",
}


def in_another_format(directory, names):
    """Sentences about files in another format that are in `directory` in place of those named; "" if there are none.

    None of them is opened, because a pickle, or a NumPy file that contains one, may run any code.
    """
    return "".join(
        f" {other!r}, which is there, is in another format and is not read; fetch {name!r} from {_WHERE[name]}."
        for name in dict.fromkeys(names)
        for other in _OTHER_FORMATS.get(name, ())
        if (directory / other).exists()
    )


def require(raw, files):
    """Raises an error that names each of `files` that is not in `raw`, either uncompressed or in its archive.

    Args:
        raw: a `pathlib.Path`.
        files: `RawFile`s.

    Raises:
        FileNotFoundError: if `raw` or some of the files are missing.
    """
    if not raw.is_dir():
        raise FileNotFoundError(f"`raw` must be the directory of the publisher's files. Received: {str(raw)!r}.")
    absent = [
        file
        for file in files
        if not (raw / file.path).exists() and not (file.archive and (raw / file.archive).exists())
    ]
    if absent:
        missing = [f"{file.path} (or {file.archive})" if file.archive else file.path for file in absent]
        raise FileNotFoundError(
            f"{str(raw)!r} must hold the publisher's files. Missing: {', '.join(missing)}."
            + in_another_format(raw, [file.archive or file.path for file in absent])
        )


def stage(raw, files, directory):
    """Unpacks `files` into `directory`, with links to those that are uncompressed already, and checks each.

    Args:
        raw: a `pathlib.Path` with the files or their archives.
        files: `RawFile`s.
        directory: a `pathlib.Path` to an empty directory.

    Raises:
        FileNotFoundError: if some are not in `raw`, or not in their archive.
        ValueError: if one is truncated, corrupt, or differs from the published one.
    """
    require(raw, files)
    plain = [file for file in files if (raw / file.path).exists()]
    for archive in {file.archive for file in files if file not in plain}:
        _unpack(raw / archive, directory, sum(file.size or 0 for file in files if file.archive == archive))
    for file in files:
        staged = directory / file.path
        if file in plain:
            staged.parent.mkdir(parents=True, exist_ok=True)
            staged.unlink(missing_ok=True)
            staged.symlink_to((raw / file.path).resolve())
        _check(staged, file, raw / (file.path if file in plain else file.archive))


def _unpack(archive, directory, size=0):
    """Unpacks an archive; reading stops if it has far more than the `size` bytes of the files wanted."""
    try:
        with gzip.open(archive) as packed:
            source = _Capped(packed, size + _BESIDES)
            if archive.name.endswith(".tar.gz"):
                with tarfile.open(fileobj=source, mode="r|") as tar:
                    tar.extractall(directory, filter="data")
                while source.read(_BLOCK):  # to its end, which has the checksum
                    pass
            else:
                with open(directory / archive.name.removesuffix(".gz"), "wb") as target:
                    shutil.copyfileobj(source, target, _BLOCK)
    except (gzip.BadGzipFile, tarfile.TarError, zlib.error, EOFError, OverflowError, ValueError) as error:
        raise ValueError(
            f"{str(archive)!r} must be a complete {'tar.gz' if '.tar' in archive.name else 'gzip'} file. "
            f"Received: {error}. Was the download interrupted?"
        ) from error


class _Capped:
    """A stream that raises an error once more than `most` bytes were read from it."""

    def __init__(self, stream, most):
        self._stream, self._left, self._most = stream, most, most

    def read(self, size):
        content = self._stream.read(min(size, _BLOCK))
        self._left -= len(content)
        if self._left < 0:
            raise EOFError(f"it unpacks to more than the {self._most} bytes of the published one")
        return content


def _check(staged, file, source):
    """Checks the content of `staged`; errors name `source`, the user's file."""
    named = f"{file.path!r} from {str(source)!r}"
    if not staged.is_file():
        raise FileNotFoundError(f"{named} is missing in that archive.")
    size = staged.stat().st_size
    if file.size not in (None, size):
        raise ValueError(f"{named} must have {file.size} bytes. Received: {size}. Was the download interrupted?")
    if file.sha256 is not None:
        digest = _sha256(staged)
        if digest != file.sha256:
            raise ValueError(
                f"{named} must have the SHA-256 {file.sha256}. Received: {digest}. "
                "Is it damaged, or a file of the same name from another data set?"
            )
    if file.lines is not None:
        try:
            lines = sum(1 for line in staged.read_text(encoding="utf-8").splitlines() if line.strip())
        except UnicodeDecodeError as error:
            raise ValueError(f"{named} must be UTF-8 text. Received: {error}. Fetch it again.") from error
        if lines != file.lines:
            raise ValueError(
                f"{named} must name {file.lines} classes, one in each line. Received: {lines}. Fetch it again."
            )


def _sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
