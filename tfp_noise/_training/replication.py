"""What Keras leaves open where a model trains on several replicas, on several machines, or to an end it cannot see."""

import warnings

import keras
import tensorflow as tf

from tfp_noise.distribute._lost_workers import is_multi_worker, naming_lost_workers


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
        metrics = keras.tree.flatten([kwargs.get("metrics"), kwargs.get("weighted_metrics")])
        self._check_scope("The network and its loss", self)
        self._check_scope("`optimizer`", self.optimizer)
        self._check_scope("`metrics`", *(metric for metric in metrics if isinstance(metric, keras.Metric)))

    def _check_scope(self, name, *owners):
        """Refuses variables that are not mirrored: each replica would update them, one after the other."""
        created_in_scope = self.distribute_strategy.extended.variable_created_in_scope
        for owner in owners:
            for variable in owner.variables:
                if not created_in_scope(variable.value):
                    raise ValueError(
                        f"{name} must be made in the scope of the strategy that the model was made in. Received: the "
                        f"variable {variable.path!r}, which was not. Make all of them under `with strategy.scope():`."
                    )

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
            # Shapes are all that is wanted. A batch would be lost to a generator, and a buffer filled for it.
            data_batch = keras.tree.map_structure(
                lambda spec: tf.nest.flatten(spec, expand_composites=True)[0],  # the first replica's
                iterator._distributed_dataset.element_spec,
            )
        super()._maybe_symbolic_build(data_batch=data_batch)

    def _make_function(self, step_function):
        several_workers = is_multi_worker(self.distribute_strategy)

        def step(data):
            # At the end of data of unknown size Keras runs what does not read them all the same: it counts one update
            # more, and a batch that was not there. What XLA compiles is one operation, which waits by itself; a
            # dependency within it would keep metrics and layers from making their variables.
            waits_for = [] if self.jit_compile else tf.nest.flatten(data)
            with tf.control_dependencies([part for part in waits_for if isinstance(part, tf.Tensor)]):
                logs = step_function(data)
            if several_workers:
                logs = keras.tree.map_structure(lambda log: keras.ops.expand_dims(log, 0), logs)
            return logs

        return super()._make_function(step)

    def fit(self, *args, **kwargs):
        with naming_lost_workers(self.distribute_strategy):
            return super().fit(*args, **kwargs)

    def evaluate(self, *args, **kwargs):
        with naming_lost_workers(self.distribute_strategy):
            return super().evaluate(*args, **kwargs)

    def predict(self, *args, **kwargs):
        with naming_lost_workers(self.distribute_strategy):
            return super().predict(*args, **kwargs)
