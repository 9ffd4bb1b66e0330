"""Errors that name the worker that was lost while others train."""

import contextlib
import re

import tensorflow as tf

_TASK = re.compile(r"/job:(\w+)/(?:replica:\d+/)?task:(\d+)")


def is_multi_worker(strategy):
    """True if several processes train one model, by the same test as in Keras's reductions."""
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy) and strategy.extended._in_multi_worker_mode()


@contextlib.contextmanager
def naming_lost_workers(strategy):
    """Turns TensorFlow's errors about a lost worker into a ConnectionError with its address."""
    try:
        yield
    except (
        tf.errors.UnavailableError,
        tf.errors.AbortedError,
        tf.errors.CancelledError,
        tf.errors.DeadlineExceededError,
    ) as error:
        if not is_multi_worker(strategy):
            raise
        resolver = strategy.cluster_resolver
        named = {(job, int(task)) for job, task in _TASK.findall(str(error))}
        everyone = [
            (job, task) for job, tasks in resolver.cluster_spec().as_dict().items() for task in range(len(tasks))
        ]
        others = [one for one in everyone if one != (resolver.task_type, resolver.task_id)]
        lost = others if len(others) == 1 else [one for one in others if one in named]
        workers = [f"{job} {task} ({resolver.cluster_spec().task_address(job, task)})" for job, task in lost]
        raise ConnectionError(
            f"All workers must run until training ends. Lost: {' or '.join(workers) or 'one of them'}, as seen by "
            f"{resolver.task_type} {resolver.task_id}. Look at its log, then start all workers again: with "
            "`BackupAndRestore` they resume from the last backup."
        ) from error
