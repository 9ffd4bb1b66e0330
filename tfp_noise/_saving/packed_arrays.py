"""Compressed files of arrays, with a limit on the memory that a small, malicious one can take."""

import math
import os
import zipfile

import numpy as np

_ALWAYS_ALLOWED = 2**28  # bytes
_GROWTH = 100  # greatest ratio beyond that; learned matrices and predictions are compressed to about a tenth


def check_growth(path, size):
    """Refuses a compressed file that declares a very large content.

    Args:
        path: path of the file.
        size: int, the bytes of its content, as declared in the file.

    Raises:
        ValueError: if `size` is more than 256 MiB and more than a hundred times the file's size.
    """
    packed = os.stat(path).st_size
    if size > max(_ALWAYS_ALLOWED, _GROWTH * packed):
        raise ValueError(f"{path} must not grow a hundredfold. Received: {packed} bytes that unpack to {size}")


def read_npz(path):
    """The arrays of a `.npz` file by their names.

    Raises:
        Exception: of any kind, if the file is damaged, contains Python objects, or declares wrong sizes.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        check_growth(path, sum(member.file_size for member in members))
        arrays = {}
        for member in members:
            with archive.open(member) as stream:
                arrays[member.filename.removesuffix(".npy")] = read_npy(stream, member.file_size)
        return arrays


def read_npy(stream, size):
    """The array of a `.npy` file.

    Args:
        stream: binary stream at the beginning of the file.
        size: int, bytes of the file.

    Raises:
        Exception: of any kind, as in `read_npz`.
    """
    version = np.lib.format.read_magic(stream)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"it has the NumPy format {version}")
    shape, is_fortran, dtype = readers[version](stream)
    held = size - stream.tell()
    if dtype.hasobject or math.prod(shape) * max(dtype.itemsize, 1) != held:
        raise ValueError(f"it declares an array of {dtype} of shape {shape}, and has {held} bytes")
    content = stream.read(held)
    if stream.read(1) or len(content) != held:  # reading to the end compares an archive's checksum
        raise ValueError("it does not have the size that it declares")
    return np.frombuffer(bytearray(content), dtype).reshape(shape, order="F" if is_fortran else "C")
