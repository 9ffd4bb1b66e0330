"""What Keras leaves open where a model trains on several replicas, and on several machines."""

import contextlib
import re
import warnings

import keras
import tensorflow as tf


class ReplicatedModel(keras.Model):
    """A model whose `fit`, `evaluate` and `predict` also run under `tf.distribute.MultiWorkerMirroredStrategy`.

    Keras 3 stops there (keras issue 20585): it reduces a batch of labels to build the model, and scalars along an axis
    that they do not have. Two of its hooks are overridden here; they are no public ones, so that a test with two
    processes watches them. `fit` ends with a ConnectionError, which names the worker, when one of them is lost.
    """

    def compile(self, *args, steps_per_execution=1, jit_compile="auto", **kwargs):
        if self.distribute_strategy.num_replicas_in_sync > 1:
            if not isinstance(self.distribute_strategy, tf.distribute.TPUStrategy):
                steps_per_execution = self._fall_back("steps_per_execution", steps_per_execution, 1)
            # The strategy itself compiles for a TPU.
            jit_compile = False if jit_compile == "auto" else self._fall_back("jit_compile", jit_compile, False)
        super().compile(*args, steps_per_execution=steps_per_execution, jit_compile=jit_compile, **kwargs)

    def _fall_back(self, name, value, works):
        if value != works:
            replicas = self.distribute_strategy.num_replicas_in_sync
            warnings.warn(
                f"`{name}` must be {works} for {replicas} replicas, for Keras does not do more there. Received: "
                f"{value}; {works} is taken. Pass `{name}={works}` to `compile`.",
                stacklevel=4,
            )
        return works

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        if self._distribute_strategy is not None and iterator is not None:
            _, _, batches = next(iter(iterator))
            # Shapes are all that is wanted: of the first replica's part.
            data_batch = keras.tree.map_structure(
                lambda part: self.distribute_strategy.experimental_local_results(part)[0], next(batches)
            )
        super()._maybe_symbolic_build(data_batch=data_batch)

    def _make_function(self, step_function):
        if not is_multi_worker(self.distribute_strategy):
            return super()._make_function(step_function)

        def step_with_an_axis(data):
            return keras.tree.map_structure(lambda log: keras.ops.expand_dims(log, 0), step_function(data))

        return super()._make_function(step_with_an_axis)

    def fit(self, *args, **kwargs):
        with naming_lost_workers(self.distribute_strategy):
            return super().fit(*args, **kwargs)

    def evaluate(self, *args, **kwargs):
        with naming_lost_workers(self.distribute_strategy):
            return super().evaluate(*args, **kwargs)

    def predict(self, *args, **kwargs):
        with naming_lost_workers(self.distribute_strategy):
            return super().predict(*args, **kwargs)


def is_multi_worker(strategy):
    """Whether other processes take part: by the test that Keras's own reductions make."""
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy) and strategy.extended._in_multi_worker_mode()


@contextlib.contextmanager
def naming_lost_workers(strategy):
    """Turns what TensorFlow says about a lost worker into an error with its address."""
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
        named = sorted({(job, int(task)) for job, task in _TASK.findall(str(error))})
        workers = [
            f"{job} {task} ({resolver.cluster_spec().task_address(job, task)})"
            for job, task in named
            if (job, task) != (resolver.task_type, resolver.task_id)
        ]
        raise ConnectionError(
            f"All workers must stay until training is over. Lost: {' or '.join(workers) or 'one of them'}, as seen by "
            f"{resolver.task_type} {resolver.task_id}. Look at its log, then start all workers again: with "
            "`BackupAndRestore` they go on where the last backup was written."
        ) from error


_TASK = re.compile(r"/job:(\w+)/(?:replica:\d+/)?task:(\d+)")
