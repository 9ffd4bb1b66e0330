"""Small files that declare or unpack to a large content: refused by name, without taking that memory."""

import gzip
import pickle
import struct
import tarfile
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest

from experiments.results import files as result_files
from tests.helpers import tiny_raw
from tfp_noise.datasets import Examples, cifar10h, human, raw_files
from tfp_noise.similarities import ClassSimilarities

HUGE = 300_000_000  # bytes that a file of 3 MB may say, or unpack to, in a test that must not take long
MEGABYTE = 2**20
EXAMPLES = Examples(np.zeros([2, 1]), np.arange(2), np.arange(2))
BEYOND = 64 * MEGABYTE  # what an archive goes on to, in place of 100 bytes


def npy(shape, dtype="<f8", content=b"", version=1):
    """A NumPy file with any header."""
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape!r}}}\n".encode()
    size = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + size + header + content


def zeros(count):
    """Compressed zeros: a raw deflate stream and its CRC-32."""
    packer, block, crc, packed = zlib.compressobj(1, zlib.DEFLATED, -15), bytes(MEGABYTE), 0, []
    for start in range(0, count, MEGABYTE):
        piece = block[: count - start]
        packed.append(packer.compress(piece))
        crc = zlib.crc32(piece, crc)
    return b"".join([*packed, packer.flush()]), crc


def archive(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            with file.open(name.replace("__", "."), "w") as stream:
                for piece in [content] if isinstance(content, bytes) else content:
                    stream.write(piece)


def real(header):
    """A member with the content that its header declares."""
    return (piece for piece in [header, *[bytes(MEGABYTE)] * (HUGE // MEGABYTE)])


NAMES = npy((2,), "<U1", "ab".encode("utf-32-le"))
ROWS = HUGE // MEGABYTE * MEGABYTE // 16
LIES = {
    "more than it has": npy((40_000, 40_000), content=bytes(8)),
    "more than 64 bits": npy((2**40, 2**40), content=bytes(8)),
    "a large header": npy((2, 2), "<f8", bytes(32), 2).replace(b"\n", b" " * 100_000 + b"\n"),
    "nothing, many times": npy((2**33,), "<U0"),
    "one large entry": npy((1,), "<V2000000000"),
    "another format": npy((40_000, 40_000), version=3),
}


def similarities(folder):
    for name, lie in LIES.items():
        yield f"matrix of {name}", lambda path, lie=lie: archive(path, matrix__npy=lie, class_names__npy=NAMES)
        yield f"names of {name}", lambda path, lie=lie: archive(path, matrix__npy=NAMES, class_names__npy=lie)
    yield "unpacks", lambda path: archive(path, matrix__npy=real(npy((2, ROWS))), class_names__npy=NAMES)


def predictions(folder):
    rows = {"class_names__npy": NAMES, "test_labels__npy": npy((1,), "<i8", bytes(8)), "transition__npy": NAMES}
    yield "says", lambda path: archive(path, test_probabilities__npy=LIES["more than it has"], **rows)
    yield "unpacks", lambda path: archive(path, test_probabilities__npy=real(npy((2, ROWS))), **rows)


def shares(folder):
    for name, lie in LIES.items():
        yield name, lambda path, lie=lie: path.write_bytes(lie)


def label_pickle(*opcodes):
    return lambda path: tiny_raw.write_labels(path, {}, b"\x80\x02" + b"".join(opcodes))


def array_of(shape):
    """A pickle that declares an array of that shape and does not fill it."""

    class Asks:
        def __reduce__(self):
            return np.ndarray, (shape, "u1")

    return pickle.dumps({"clean_label": Asks()}, 2)[2:]


def one_array_many_times():
    array = np.zeros(1000, np.int64)
    return pickle.dumps({f"column{i}": array for i in range(10_000)} | {"clean_label": array}, 2)[2:]


def labels(folder):
    yield "a long text", label_pickle(b"\x8d" + struct.pack("<Q", 2**33) + b"a.")
    yield "long bytes", label_pickle(b"B" + struct.pack("<I", 2**31) + b"a.")
    yield "a large memo", label_pickle(b"]r" + struct.pack("<I", 2**28) + b".")
    yield "a large memo in words", label_pickle(b"]p300000000\n.")
    yield "an empty array", label_pickle(array_of((2**31,)))
    yield "one array many times", label_pickle(one_array_many_times())
    yield "encodes", label_pickle(b"c_codecs\nencode\nX\x01\0\0\0aX\x06\0\0\0utf_32\x86R.")
    yield "unpacks", lambda path: archive(path, data__pkl=real(b""))


def packed_file(folder):
    packed, crc = zeros(BEYOND)
    yield (
        "unpacks",
        lambda path: path.write_bytes(b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + packed + struct.pack("<II", crc, BEYOND)),
    )


def packed_folder(folder):
    def member(path, kind, name):
        with gzip.open(path, "wb", 1) as file:
            info = tarfile.TarInfo(name)
            info.size, info.type = BEYOND, kind
            file.write(info.tobuf(tarfile.PAX_FORMAT))
            for _ in range(BEYOND // MEGABYTE + 1):
                file.write(bytes(MEGABYTE))

    yield "unpacks", lambda path: member(path, tarfile.REGTYPE, "names.txt")
    yield "a long header", lambda path: member(path, tarfile.XHDTYPE, "header")
    yield "a long name", lambda path: member(path, tarfile.GNUTYPE_LONGNAME, "name")


def stage(path):
    directory = path.parent / f"staged{len(list(path.parent.iterdir()))}"
    directory.mkdir()
    try:
        raw_files.stage(path.parent, [raw_files.RawFile("names.txt", path.name, size=100)], directory)
    finally:
        assert sum(file.stat().st_size for file in directory.iterdir()) < 20 * MEGABYTE


def shares_of(path):
    (path.parent / "cifar_n").mkdir(exist_ok=True)
    path.replace(path.parent / "cifar_n" / path.name)
    cifar10h.load(EXAMPLES, path.parent)


READERS = {
    "q.npz": (similarities, ClassSimilarities.load),
    "seed0.npz": (predictions, result_files.read_predictions),
    cifar10h.FILE: (shares, shares_of),
    "CIFAR-10_human.pt": (labels, human.read_labels),
    "names.txt.gz": (packed_file, stage),
    "names.tar.gz": (packed_folder, stage),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.daily("CIFAR-10_human.pt", "names.tar.gz")
def test_what_a_file_says_of_its_size_takes_no_memory(name, tmp_path):
    cases, read = READERS[name]
    for what, write in cases(tmp_path):
        path = tmp_path / name
        write(path)
        assert path.stat().st_size < 4_000_000
        tracemalloc.start()
        try:
            with pytest.raises(ValueError, match=name):
                read(path)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 40 * MEGABYTE, f"{what}: {peak}"


def test_what_packs_well_is_read(tmp_path):
    """The one-hot soft labels of many classes, which compress very well, are read."""
    learned = ClassSimilarities(np.eye(500), tuple(map(str, range(500))))
    learned.save(tmp_path / "q.npz")
    assert (tmp_path / "q.npz").stat().st_size < learned.matrix.nbytes / 100
    np.testing.assert_array_equal(ClassSimilarities.load(tmp_path / "q.npz").matrix, learned.matrix)
