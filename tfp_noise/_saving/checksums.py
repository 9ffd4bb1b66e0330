"""Whether a file of weights is as it was written.

HDF5 has no checksum that Keras would use: a flipped bit of a weight loads as another weight. So the SHA-256 of a
`.weights.h5` file stands behind its end, where HDF5 does not look. A `.keras` file is a zip archive, which has
checksums; but where one is wrong, Keras reads the weights past it, so it is looked at here.
"""

import hashlib
import io
import os
import zipfile

_MARK = b"\ntfp_noise sha256 "
_CHUNK = 1 << 20
_CURE = "Load another copy or an earlier checkpoint, or train again."


def write_with_checksum(path, content):
    """Writes bytes and, behind their end, their SHA-256."""
    with open(path, "wb") as file:
        file.write(content)
        file.write(_MARK + hashlib.sha256(content).digest())


def check_file(path):
    """Refuses a damaged `.weights.h5` or `.keras` file.

    Returns:
        True if it could be checked: a file with a checksum, or an archive.

    Raises:
        FileNotFoundError: if there is none.
        OSError: if it is damaged; the message names the file and the cure.
    """
    try:
        if str(path).endswith(".keras"):
            with zipfile.ZipFile(path) as archive:
                check_archive(archive)
            return True
        with open(path, "rb") as file:
            return _check_checksum(file, path)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:  # what damaged headers of archives give
        raise OSError(f"{path} must be a whole archive. It is damaged: {error}. {_CURE}") from error


def check_content(path, content):
    """`check_file` for the bytes of a `.weights.h5` file that were read from `path`."""
    return _check_checksum(io.BytesIO(content), path)


def check_archive(archive):
    """Refuses an archive whose files do not have the checksums that it says; it may be in the midst of being read."""
    position = archive.fp.tell()
    damaged = archive.testzip()
    archive.fp.seek(position)  # from Python 3.12 on whoever reads seeks from here
    if damaged is not None:
        raise OSError(
            f"{archive.filename or 'The archive'} must be as it was written. Its {damaged!r} is damaged: it has "
            f"not the checksum it was written with. {_CURE}"
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
        raise OSError(f"{path} must be as it was written. It is damaged: it has not the SHA-256 it ends in. {_CURE}")
    return True
