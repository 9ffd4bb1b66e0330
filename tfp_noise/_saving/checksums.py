"""Checksums of files of weights, written with the file and compared before it is read.

Keras uses no checksum of HDF5, so that a flipped bit of a weight loads as another weight. Therefore the SHA-256 of a
`.weights.h5` file is appended behind the end of the HDF5 content, where HDF5 does not read. A `.keras` file is a zip
archive, which has checksums, but Keras reads the weights without comparing them; this module compares them.
"""

import hashlib
import io
import os
import zipfile

_MARK = b"\ntfp_noise sha256 "
_CHUNK = 1 << 20
_CURE = "Load another copy or an earlier checkpoint, or train again."


def write_with_checksum(path, content):
    """Writes bytes to a file and appends their SHA-256."""
    with open(path, "wb") as file:
        file.write(content)
        file.write(_MARK + hashlib.sha256(content).digest())


def check_file(path):
    """Refuses a damaged `.weights.h5` or `.keras` file.

    Returns:
        True if the file was checked: an archive, or a file with a checksum.

    Raises:
        FileNotFoundError: if there is no such file.
        OSError: if the file is damaged; the message names the file and the cure.
    """
    try:
        if str(path).endswith(".keras"):
            with zipfile.ZipFile(path) as archive:
                check_archive(archive)
            return True
        with open(path, "rb") as file:
            return _check_checksum(file, path)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:  # raised for damaged headers of archives
        raise OSError(f"{path} must be a complete archive. It is damaged: {error}. {_CURE}") from error


def check_content(path, content):
    """Checks the bytes of a `.weights.h5` file that were read from `path`, as `check_file` does."""
    return _check_checksum(io.BytesIO(content), path)


def check_archive(archive):
    """Refuses an archive with a file that does not match its checksum, even while the archive is being read."""
    position = archive.fp.tell()
    damaged = archive.testzip()
    archive.fp.seek(position)  # from Python 3.12 on, a reader seeks relative to this position
    if damaged is not None:
        raise OSError(
            f"{archive.filename or 'The archive'} must match its checksums. Its {damaged!r} is damaged: it does not. "
            f"{_CURE}"
        )


def _check_checksum(file, path):
    size = file.seek(0, os.SEEK_END)
    length = max(size - len(_MARK) - hashlib.sha256().digest_size, 0)
    file.seek(length)
    mark, written = file.read(len(_MARK)), file.read()
    if mark != _MARK:
        return False
    file.seek(0)
    digest = hashlib.sha256()
    for start in range(0, length, _CHUNK):
        digest.update(file.read(min(_CHUNK, length - start)))
    if digest.digest() != written:
        raise OSError(f"{path} must match its checksum. It is damaged: its SHA-256 is not the one at its end. {_CURE}")
    return True
