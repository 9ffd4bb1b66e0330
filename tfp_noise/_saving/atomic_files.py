"""Files that are written whole or not at all."""

import contextlib
import fcntl
import os
import re
import secrets


def atomic_write(path, write):
    """Calls `write(file)`; neither an interruption nor a pulled plug leaves a half-written file under `path`.

    Under that name is what was there before, or the new file: the name changes only once the content is on the disk.
    """
    try:
        with _temporary(path) as temporary:
            write(temporary)
            _to_disk(temporary)
            temporary.replace(path)
        _to_disk(path.parent)
    except OSError as error:
        if error.errno is not None and error.filename is None:  # as on a full disk
            error.filename = str(path)
        raise


def delete_leftovers(folder, name):
    """Deletes what processes that were killed within `atomic_write` have left.

    The temporary file of a process that is still writing is locked, and stays; so do all where files cannot be locked.

    Args:
        folder: a `pathlib.Path`.
        name: regular expression of the names that were to be written.
    """
    temporary = re.compile(rf"\.[0-9a-f]+\.{name}")
    for path in filter(lambda path: temporary.fullmatch(path.name), folder.glob(".*")):
        with contextlib.suppress(OSError), _opened(path, os.O_RDONLY) as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


@contextlib.contextmanager
def _temporary(path):
    """A file beside `path` that `delete_leftovers` leaves alone within the block, and that is gone after it."""
    # Random, because on one volume several containers, or hosts, may have the same process id.
    temporary = path.with_name(f".{secrets.token_hex(8)}.{path.name}")
    try:
        with _opened(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR) as descriptor:  # NFS locks what may be written to
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
    """Waits until a file, or the names in a folder, are on the disk."""
    with _opened(path, os.O_RDONLY) as descriptor:
        os.fsync(descriptor)
