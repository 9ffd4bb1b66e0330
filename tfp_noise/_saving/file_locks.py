"""Locks between processes, which the kernel releases when the process that holds one ends.

A lock is a file, which is deleted on release. A process that waits for it notices that and makes a new one.
"""

import pathlib

import filelock
from absl import logging

_ATTEMPTS = 100  # at making a folder that other processes may delete at the same time


def take(path):
    """Takes the lock `path` if no process holds it.

    Args:
        path: a `pathlib.Path`; its folder is made if missing.

    Returns:
        The lock, for `free`; `None` if another process holds it.
    """
    return _acquire(path, timeout=0)


def wait_for(path):
    """Waits until no process holds the lock `path`, then takes it, as `take` does."""
    return _acquire(path, timeout=-1)


def free(lock):
    """Releases a lock and deletes its file."""
    if lock.is_locked:
        # Before the release, because afterwards another process may have locked the file.
        pathlib.Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def _acquire(path, timeout):
    path = path.absolute()  # the working directory may change before the release
    lock = filelock.FileLock(path, thread_local=False)
    for attempt in range(_ATTEMPTS):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout)
        except filelock.Timeout:
            return None
        except (FileNotFoundError, FileExistsError):  # the process that released it has deleted its folder, too
            if attempt + 1 == _ATTEMPTS:
                raise
            continue
        except (IsADirectoryError, NotADirectoryError):
            raise
        except OSError as error:  # a full disk, or a file system without locks
            logging.warning("%s cannot be locked: %s. Let no other process use the same files.", path, error)
        break
    return lock
