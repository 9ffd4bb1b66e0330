"""Packed files of arrays, which say how large they are before they are read: a small one must not fill the memory."""

import math
import os
import zipfile

import numpy as np

_ALWAYS = 2**28  # bytes
_GROWTH = 100  # beyond that; learned matrices and predictions are packed to a tenth or so


def check_growth(path, size):
    """Refuses a packed file that becomes very much larger than it is.

    Args:
        path: of the file.
        size: int, the bytes that it unpacks to, as it says.

    Raises:
        ValueError: if they are more than 256 MiB and than a hundred times the file's size.
    """
    packed = os.stat(path).st_size
    if size > max(_ALWAYS, _GROWTH * packed):
        raise ValueError(f"{path} must not grow a hundredfold. Received: {packed} bytes that unpack to {size}")


def read_npz(path):
    """The arrays of a `.npz` file by their names.

    Raises:
        Exception: of any kind, if the file is damaged, holds objects, or what it says of sizes is not true.
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
    """The array of a `.npy` file that has so many bytes.

    Raises:
        Exception: as `read_npz`.
    """
    version = np.lib.format.read_magic(stream)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"it has the NumPy format {version}")
    shape, is_fortran, dtype = readers[version](stream)
    held = size - stream.tell()
    if dtype.hasobject or math.prod(shape) * max(dtype.itemsize, 1) != held:
        raise ValueError(f"it says that it is an array of {dtype} of shape {shape}, and has {held} bytes")
    content = stream.read(held)
    if stream.read(1) or len(content) != held:  # at its end an archive's checksum is compared, too
        raise ValueError("it does not have the size that it says")
    return np.frombuffer(bytearray(content), dtype).reshape(shape, order="F" if is_fortran else "C")
