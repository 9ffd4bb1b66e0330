"""Corrections of Keras for models on several replicas or machines, and for datasets of unknown size."""

import warnings

import keras
import tensorflow as tf

from tfp_noise.distribute._lost_workers import is_multi_worker, naming_lost_workers


class ReplicatedModel(keras.Model):
    """A model whose `fit`, `evaluate` and `predict` also run under `tf.distribute.MultiWorkerMirroredStrategy`.

    Keras 3 fails there (keras issue 20585): it reduces a batch of labels to build the model, and scalars along an axis
    that they do not have. This class overrides two hooks, which are not public; a test with two processes notices if
    Keras changes them. If a worker is lost, `fit` ends with a ConnectionError that names it.
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
        """Refuses variables that are not mirrored, because all replicas would update the same one in turn."""
        created_in_scope = self.distribute_strategy.extended.variable_created_in_scope
        for owner in owners:
            for variable in owner.variables:
                if not created_in_scope(variable.value):
                    raise ValueError(
                        f"{name} must be made in the scope of the strategy that the model was made in. Received: the "
                        f"variable {variable.path!r}, which was not. Make all of them in `with strategy.scope():`."
                    )

    def _fall_back(self, name, value, works):
        if value != works:
            replicas = self.distribute_strategy.num_replicas_in_sync
            warnings.warn(
                f"`{name}` must be {works} for {replicas} replicas, because Keras supports no other value there. "
                f"Received: {value}; {works} is used. Pass `{name}={works}` to `compile`.",
                stacklevel=4,
            )
        return works

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        if self._distribute_strategy is not None and iterator is not None:
            # Only shapes are needed. Reading a batch would lose it for training, and fill a shuffle buffer.
            data_batch = keras.tree.map_structure(
                lambda spec: tf.nest.flatten(spec, expand_composites=True)[0],  # the first replica's
                iterator._distributed_dataset.element_spec,
            )
        super()._maybe_symbolic_build(data_batch=data_batch)

    def _make_function(self, step_function):
        several_workers = is_multi_worker(self.distribute_strategy)

        def step(data):
            # At the end of a dataset of unknown size, operations that do not depend on the batch would run once more,
            # and count an update and a batch too many. Therefore all depend on it. A function that XLA compiles is one
            # operation and does so anyway; control dependencies in it would keep metrics and layers from making
            # variables. For the same reason the first trace has none if it makes variables: TensorFlow then makes them
            # before the step and traces again, or else puts the step in a `cond`, where gradients of an RNN fail.
            waits_for = [] if self.jit_compile or self._makes_variables() else tf.nest.flatten(data)
            with tf.control_dependencies([part for part in waits_for if isinstance(part, tf.Tensor)]):
                logs = step_function(data)
            if several_workers:
                logs = keras.tree.map_structure(lambda log: keras.ops.expand_dims(log, 0), logs)
            return logs

        return super()._make_function(step)

    def _makes_variables(self):
        metrics = self._compile_metrics
        return not self.built or (metrics is not None and not metrics.built)

    def fit(self, *args, **kwargs):
        with naming_lost_workers(self.distribute_strategy):
            return super().fit(*args, **kwargs)

    def evaluate(self, *args, **kwargs):
        with naming_lost_workers(self.distribute_strategy):
            return super().evaluate(*args, **kwargs)

    def predict(self, *args, **kwargs):
        with naming_lost_workers(self.distribute_strategy):
            return super().predict(*args, **kwargs)
