"""Files that are written whole or not at all."""

import os


def write_whole(path, write):
    """Calls `write(file)`; neither an interruption nor a pulled plug leaves a half-written file under `path`.

    Under that name is what was there before, or the new file: the name changes only once the content is on the disk.
    """
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        write(temporary)
        _to_disk(temporary)
        temporary.replace(path)
        _to_disk(path.parent)
    except OSError as error:
        if error.errno is not None and error.filename is None:  # as on a full disk
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _to_disk(path):
    """Waits until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
