"""Locks: a second process on the same run waits, and then reads the result of the first one."""

import contextlib
import zlib

from experiments.console import terminal
from experiments.results.places import lock_path
from experiments.results.store import is_settled
from tfp_noise import distribute
from tfp_noise._saving import file_locks


@contextlib.contextmanager
def alone(path, what):
    """Keep other processes out of the same block until this one has left it; those that wait print so.

    Args:
        path: a `pathlib.Path`, the lock's file. It is gone after the block, and so are folders that stayed empty.
        what: text, the work of the block.
    """
    made = [folder for folder in path.parents if not folder.exists()]
    lock = file_locks.take(path)
    if lock is None:
        terminal.console().print(
            f"{what}: another process is at work on it and holds {path}. Waiting until it has ended.", markup=False
        )
        lock = file_locks.wait_for(path)
    try:
        yield
    finally:
        file_locks.free(lock)
        with contextlib.suppress(OSError):  # where something was written
            for folder in made:
                folder.rmdir()


@contextlib.contextmanager
def alone_with_run(experiment, workdir, strategy, suffixes):
    """Keep other processes off a run, for all workers of a strategy; a finished run is read without a lock.

    Args:
        experiment: an `Experiment`.
        workdir: folder for results.
        strategy: a `tf.distribute.Strategy`, whose chief has the lock.
        suffixes: list of text, those of the files that the finished run must have.
    """
    distribute.barrier(strategy, title(experiment))  # before a lock, or a folder, is made for the wrong run
    needs_lock = distribute.is_chief(strategy) and not is_settled(experiment, workdir, suffixes)
    lock = alone(lock_path(experiment, workdir), title(experiment)) if needs_lock else contextlib.nullcontext()
    with lock:
        distribute.barrier(strategy)
        yield


def title(experiment):
    """Return a run's name, seed and a digest of its settings, as text."""
    settings = zlib.crc32(repr(experiment.settings()).encode())
    return f"{experiment.name} seed {experiment.seed} of settings {settings:08x}"
