"""Locks that keep other processes from files, and that the kernel frees when the process that has one ends.

A lock is a file. Whoever frees it deletes the file: `filelock` sees that, and waits for, or makes, another one.
"""

import pathlib

import filelock
from absl import logging

_ATTEMPTS = 100  # to make a folder that others delete


def take(path):
    """Takes the lock `path`, if nobody has it.

    Args:
        path: a `pathlib.Path`; its folder is made if missing.

    Returns:
        What `free` takes; `None` where somebody has the lock.
    """
    return _acquire(path, timeout=0)


def wait_for(path):
    """Takes the lock `path` once nobody has it, as `take` does."""
    return _acquire(path, timeout=-1)


def free(lock):
    """Frees a lock, and deletes its file."""
    if lock.is_locked:
        pathlib.Path(lock.lock_file).unlink(missing_ok=True)  # first: nobody's else, while it is locked
        lock.release()


def _acquire(path, timeout):
    path = path.absolute()  # the program may go elsewhere before it frees it
    lock = filelock.FileLock(path, thread_local=False)
    for attempt in range(_ATTEMPTS):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout)
        except filelock.Timeout:
            return None
        except (FileNotFoundError, FileExistsError):  # whoever had it deletes its folder, too
            if attempt + 1 == _ATTEMPTS:
                raise
            continue
        except (IsADirectoryError, NotADirectoryError):
            raise
        except OSError as error:  # a full disk, or a file system without locks
            logging.warning("%s cannot be locked: %s. Let no other process work on the same files.", path, error)
        break
    return lock
