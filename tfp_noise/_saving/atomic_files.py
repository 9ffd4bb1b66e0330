"""Atomic writes: a file is either replaced by its complete new content or left as it was."""

import contextlib
import fcntl
import os
import re
import secrets


def atomic_write(path, write):
    """Writes a file atomically: neither a killed process nor a power failure leaves an incomplete file at `path`.

    The content is written to a temporary file, which is renamed to `path` once it is on the disk.

    Args:
        path: a `pathlib.Path`.
        write: function that takes the path of the temporary file and writes the content to it.

    Raises:
        FileNotFoundError: the folder of `path` is not there.
        OSError: the file cannot be written.
    """
    if not path.parent.is_dir():
        folder = str(path.parent)
        raise FileNotFoundError(
            f"The folder of {str(path)!r} must exist. Received: {folder!r}, which is no folder. Make it: "
            f"`os.makedirs({folder!r})`."
        )
    try:
        with _temporary(path) as temporary:
            write(temporary)
            _to_disk(temporary)
            temporary.replace(path)
        _to_disk(path.parent)
    except OSError as error:
        if error.errno is not None and error.filename is None:  # a full disk, for instance
            error.filename = str(path)
        raise


def delete_leftovers(folder, name):
    """Deletes the temporary files of processes that were killed during `atomic_write`.

    The temporary file of a process that is still writing is locked and stays. On a file system without locks all
    temporary files stay.

    Args:
        folder: a `pathlib.Path`.
        name: regular expression of the names of the files that were being written.
    """
    temporary = re.compile(rf"\.[0-9a-f]+\.{name}")
    for path in filter(lambda path: temporary.fullmatch(path.name), folder.glob(".*")):
        with contextlib.suppress(OSError), _opened(path, os.O_RDONLY) as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


@contextlib.contextmanager
def _temporary(path):
    """The path of a new locked file in the folder of `path`, for the duration of the block."""
    # A random name, because processes in several containers or hosts that share a volume may have the same id.
    temporary = path.with_name(f".{secrets.token_hex(8)}.{path.name}")
    try:
        # Open for writing, too, because NFS does not lock other files.
        with _opened(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR) as descriptor:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield temporary
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _opened(path, flags):
    descriptor = os.open(path, flags, 0o666)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _to_disk(path):
    """Waits until a file's content, or a folder's list of files, is on the disk."""
    with _opened(path, os.O_RDONLY) as descriptor:
        os.fsync(descriptor)
