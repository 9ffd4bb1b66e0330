"""Network + loss = a Keras model whose fit, evaluate, predict and save just work."""

import functools
import inspect

import keras
import numpy as np

from tfp_noise import _labels, distribute
from tfp_noise._saving.deployment import has_inputs, input_structure, probabilities_model
from tfp_noise._saving.resumable import ResumableModel
from tfp_noise._training.fit_callbacks import backups_released, with_own_callbacks
from tfp_noise._training.image_scale import ScaleCheck
from tfp_noise._training.input_checks import check_data, is_array
from tfp_noise._training.model_checks import check_batches, check_heed_masks, check_weights, takes_nan
from tfp_noise._training.raw_outputs import check_raw_outputs
from tfp_noise._training.replication import ReplicatedModel
from tfp_noise._training.training_facts import training_facts
from tfp_noise._training.worker_agreement import check_workers_alike
from tfp_noise.losses import NoisyLabelLoss

# Of `fit`: what must be alike besides, on all workers, for they step together, and in the halves of one training.
_DATA = ("validation_data", "sample_weight", "class_weight")
_SETTINGS = {
    name: inspect.signature(keras.Model.fit).parameters[name].default
    for name in (
        *("steps_per_epoch", "shuffle"),
        *("validation_split", "validation_steps", "validation_batch_size", "validation_freq"),
    )
}


@keras.saving.register_keras_serializable(package="tfp_noise")
class NoisyLabelClassifier(ReplicatedModel, ResumableModel):
    """A Keras classifier that trains with a loss for noisy labels and predicts class probabilities.

    `model(x)` gives the network's raw outputs. `predict`, metrics, `deployable` and `export` give probabilities
    `[batch, num_classes]`, so that `metrics=["accuracy"]` means what it says for every loss. Validation
    reports `loss.evaluation_loss`. What a loss learns or counts in training is the layer `loss_state`, trained and
    saved with the network. `save` and `keras.models.load_model` bring back predictions, that state, optimizer and
    random generators, so that training goes on as if it had not stopped.

    Images reach the network as they are given. The convention is floats in [0, 1], as `pipeline` makes them and
    `datasets.Examples.inputs` are; a network that divides pixels itself is given uint8 throughout. `fit`, `evaluate`
    and `predict` warn of images on another scale than the network was trained on, or its first layers are made for.

    On several replicas losses and random layers draw otherwise on each, and the same again with the same seeds; the
    moving statistics of batch normalisation are averaged.

    Args:
        network: a `keras.Model` or layer with `loss.num_outputs` outputs per example, raw (no softmax).
        loss: a `tfp_noise.losses.NoisyLabelLoss` with a reduction; one that keeps something between steps belongs to
            one classifier only.
        name: name of the model.
        dtype: dtype policy; the network's by default, so that mixed_float16 gets its loss scaling.

    Raises:
        TypeError: if `loss` is not one of the package's losses.
        ValueError: if the network's width is not `loss.num_outputs`, or the loss has no reduction or belongs to another
            classifier.

    Example:
        >>> import numpy as np
        >>> from tfp_noise import losses
        >>> loss = losses.LogisticNormal(3)
        >>> network = keras.Sequential([keras.Input([4]), keras.layers.Dense(loss.num_outputs)])
        >>> model = NoisyLabelClassifier(network, loss)
        >>> model.compile("adam", metrics=["accuracy"])
        >>> history = model.fit(np.zeros([8, 4]), np.zeros([8], int), verbose=0)
        >>> model.predict(np.zeros([2, 4]), verbose=0).shape
        (2, 3)
    """

    def __init__(self, network, loss, *, name="noisy_label_classifier", dtype=None, **kwargs):
        if not isinstance(network, keras.layers.Layer):
            raise TypeError(f"`network` must be a Keras model or layer. Received: {network!r}.")
        if not isinstance(loss, NoisyLabelLoss):
            raise TypeError(
                "`loss` must be an instance of a loss of tfp_noise.losses, which knows how wide the network must be. "
                f"Received: {loss!r}. For cross-entropy pass `tfp_noise.losses.CrossEntropy(num_classes)`."
            )
        if loss.reduction in (None, "none"):
            raise ValueError(
                f"`loss.reduction` must give one number a batch. Received: {loss.reduction!r}. "
                "Leave `reduction` out, or weigh examples with `sample_weight`."
            )
        super().__init__(name=name, dtype=dtype or network.dtype_policy, **kwargs)
        self._input_dtypes = None
        self._takes_nan = None
        self.scale_check = ScaleCheck(self, self.symbolic_inputs)
        self.network = network
        self.loss = loss
        # Attributes, for Keras to track them.
        self.loss_seed_generator = loss.seed_generator
        self.loss_state = loss.build_state()
        if getattr(network, "built", False) and hasattr(network, "input_shape"):
            self.build(network.input_shape)
        loss.attach_state(self.loss_state)  # last: a classifier that could not be made owns nothing

    def __call__(self, inputs, *args, **kwargs):
        if not self.built:  # Keras tells `build` the shapes alone, but integers and strings are no floats
            self._input_dtypes = [_input_dtype(leaf) for leaf in keras.tree.flatten(inputs)]
        return super().__call__(inputs, *args, **kwargs)

    def get_build_config(self):
        config = super().get_build_config()
        return config and {**config, "input_dtypes": self._input_dtypes}

    def build_from_config(self, config):
        config = dict(config or {})
        self._input_dtypes = config.pop("input_dtypes", None)
        super().build_from_config(config)

    def symbolic_inputs(self, input_shape=None):
        """Symbolic tensors like the inputs: as the network declares them, or else as those it was built on.

        Args:
            input_shape: what `build` is given; by default what it was given.
        """
        if has_inputs(self.network):
            return keras.tree.map_structure(_input_like, input_structure(self.network))
        shapes = input_shape or self._build_shapes_dict["input_shape"]
        if isinstance(shapes, dict):  # the names by which Keras tells a dict's inputs apart
            dtypes = dict(zip(sorted(shapes), self._input_dtypes or [None] * len(shapes), strict=True))
            return {key: keras.Input(shape[1:], dtype=dtypes[key], name=key) for key, shape in shapes.items()}
        dtypes = iter(self._input_dtypes or [])
        return keras.tree.map_shape_structure(lambda shape: keras.Input(shape[1:], dtype=next(dtypes, None)), shapes)

    def build(self, input_shape):
        inputs = self.symbolic_inputs(input_shape)
        outputs = self.network(inputs)
        if not hasattr(outputs, "shape") or len(outputs.shape) != 2:
            shapes = keras.tree.map_structure(lambda output: tuple(output.shape), outputs)
            raise ValueError(
                f"`network` must have one output of shape [batch, {self.loss.num_outputs}]. Received: {shapes}. "
                "Take the one that classifies, or flatten it before its last layer."
            )
        if outputs.shape[-1] != self.loss.num_outputs:
            raise ValueError(
                f"`network` must have {self.loss.num_outputs} outputs, which {type(self.loss).__name__} reads for "
                f"{self.loss.num_classes} classes. Received a network with {outputs.shape[-1]}. "
                "Make its last layer `keras.layers.Dense(loss.num_outputs)`."
            )
        check_raw_outputs("network", self.network, inputs)
        self.built = True
        self.scale_check.settle(inputs)

    def call(self, inputs, training=None):
        return self.network(inputs, training=training)

    def compute_output_shape(self, input_shape):
        return self.network.compute_output_shape(input_shape)

    def compile(self, optimizer="rmsprop", loss=None, loss_weights=None, metrics=None, **kwargs):
        """Configures training, as `keras.Model.compile` does; the loss is already there.

        Args:
            optimizer: as in Keras.
            loss: refused.
            loss_weights: refused.
            metrics: as in Keras; they see labels and probabilities `[batch, num_classes]`. The first batch decides
                whether they see class indices or distributions, and with it what "accuracy" is; what comes in the other
                form is converted: the accuracy for a distribution is that for its largest class.
            **kwargs: what `keras.Model.compile` takes besides.

        Raises:
            ValueError: if `loss` or `loss_weights` is given, or, on several replicas, an optimizer or a metric that was
                not made in their strategy's scope.
        """
        if loss is not None or loss_weights is not None:
            raise ValueError(
                f"`loss` and `loss_weights` belong to the constructor. Received: {loss!r}, {loss_weights!r}. "
                "Pass the loss as `NoisyLabelClassifier(network, loss)` and leave it out of `compile`."
            )
        with self.distribute_strategy.scope():  # what has a name is made here
            optimizer = self.loss.wrap_optimizer(keras.optimizers.get(optimizer), self.loss_state)
            super().compile(optimizer=optimizer, metrics=metrics, **kwargs)
        self._metrics_take_distributions = None
        optimizer = self.optimizer
        self.loss.count_updates = lambda: optimizer.iterations

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.build_optimizer()  # with slots to load the file's values into

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = self.data_loss(x, y, y_pred, sample_weight, training)
        for regularizer in self.losses:
            loss = loss + self._aggregate_additional_loss(keras.ops.cast(regularizer, loss.dtype))
        return loss

    def data_loss(self, x, y, y_pred, sample_weight, training):
        """The loss without regularisers; a subclass may take its labels elsewhere.

        Args:
            x: what the network saw.
            y: the labels, or `None`.
            y_pred: the network's raw outputs.
            sample_weight: as in Keras, or `None`.
            training: bool; otherwise the loss that validation reports.

        Returns:
            One number for the batch, from calls of `loss`, whose reduction takes replicas into account.
        """
        del x
        if y is None:
            raise ValueError("`y` must hold the labels. Received: None. Pass `fit(x, y)` or batches of (x, y).")
        if not training:
            return self.loss.evaluation_loss(y, y_pred, sample_weight)
        loss = self.loss(y, y_pred, sample_weight)
        self.loss.update_state(y, y_pred, sample_weight)
        return loss

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        if y is None and self._compile_metrics is not None:
            raise ValueError("`y` must hold labels for `metrics`. Received: None. Leave `metrics` out of `compile`.")
        probabilities, mask = self.loss.probabilities(y_pred), getattr(y_pred, "_keras_mask", None)
        if self._compile_metrics is not None:
            y, mask = self._without_ignored(y, mask)
            y = self._labels_for_metrics(y)
        if mask is not None:
            probabilities._keras_mask = mask  # what metrics read
        results = super().compute_metrics(x, y, probabilities, sample_weight)
        if self.loss.ignore_class is not None and self._compile_metrics is not None:
            check_heed_masks(self._compile_metrics.metrics)
        return results

    def _without_ignored(self, y, mask):
        """Labels that metrics can read, and the mask of those that count: not those of the loss's `ignore_class`."""
        ignored = self.loss.ignore_class
        if ignored is None or _labels.are_distributions(y, self.loss.num_classes):
            return y, mask
        valid = keras.ops.not_equal(y, ignored)
        y, valid = keras.ops.where(valid, y, keras.ops.zeros_like(y)), keras.ops.reshape(valid, [-1])
        return y, valid if mask is None else keras.ops.logical_and(valid, keras.ops.reshape(mask, [-1]))

    def _labels_for_metrics(self, y):
        """`y` in the form of the first batch, by which Keras chooses a metric for "accuracy" once and for all.

        Else class indices in validation would go to the metric that mixed labels in training have called for.
        """
        distributions = _labels.are_distributions(y, self.loss.num_classes)
        if self._metrics_take_distributions is None:
            self._metrics_take_distributions = distributions
        if self._metrics_take_distributions == distributions:
            return y
        convert = _labels.to_class_indices if distributions else _labels.to_distributions
        return convert(y, self.loss.num_classes)

    def predict_step(self, data):
        return self.loss.probabilities(super().predict_step(data))

    def fit(self, x=None, y=None, batch_size=None, epochs=1, verbose="auto", callbacks=None, **kwargs):
        """Trains, as `keras.Model.fit` does, after a look at labels and features, and as long as the loss is finite.

        Arrays are checked before training starts; the batches of a `tf.data.Dataset`, `keras.utils.PyDataset` or
        generator as they come. The labels may be in any container that becomes an array: a list, a pandas column.

        Training that diverges ends with an error before any callback could save the model, so that the last
        checkpoint is a good one.

        Several workers are each given the same data, with the same seed (`keras.utils.set_random_seed`) if they are
        shuffled, and take their part of every batch; or each its own share of a distributed dataset.

        Args:
            x: as in Keras.
            y: class indices `[n]` or `[n, 1]`, or distributions over classes `[n, num_classes]`.
            batch_size: as in Keras.
            epochs: as in Keras.
            verbose: as in Keras.
            callbacks: as in Keras.
            **kwargs: as in Keras.

        Returns:
            A `keras.callbacks.History`.

        Raises:
            FloatingPointError: if the loss, or at the end of an epoch a weight, is NaN or infinite; it says the step.
            TypeError: for labels that are neither integers nor distributions.
            ValueError: for labels outside `[0, num_classes)`, rows that are no distributions, infinite features, or NaN
                ones for a network whose outputs are then NaN, too, batches that the replicas do not divide, or, on some
                worker, other data, settings, weights, or another loss, optimizer or seed than on the rest; every worker
                raises it.
            ConnectionError: if a worker is lost, of several.

        Warns:
            UserWarning: if images are on another scale than the network is made for.
        """
        check_weights(kwargs, self.loss.ignore_class, batches=y is None)
        x, y = self._checked(x, y, training=True)
        check_batches(x, batch_size, kwargs.get("validation_split", 0.0), self.distribute_strategy)
        validation = kwargs.get("validation_data")
        if validation is not None and not isinstance(validation, (tuple, list)):
            kwargs["validation_data"], _ = self._checked(validation, None, "validation ")
        elif validation is not None:
            kwargs["validation_data"] = (*self._checked(*validation[:2], "validation "), *validation[2:])
        read = {"x": x, "y": y} | {name: kwargs.get(name) for name in _DATA}
        settings = {"batch_size": batch_size} | {name: kwargs.get(name, _SETTINGS[name]) for name in _SETTINGS}
        begins = kwargs.get("initial_epoch", 0)
        check_workers_alike(self, read, epochs=epochs, initial_epoch=begins, **settings)
        facts = functools.partial(training_facts, self, read, settings, resumed=True)
        callbacks = with_own_callbacks(callbacks, self, facts)
        self.build_optimizer()  # not in the trace of a step that may fail on its data
        with backups_released(callbacks):
            return super().fit(x, y, batch_size, epochs, verbose, callbacks, **kwargs)

    def evaluate(self, x=None, y=None, *args, **kwargs):
        check_weights(kwargs)
        return super().evaluate(*self._checked(x, y), *args, **kwargs)

    def predict(self, x, *args, **kwargs):
        """Class probabilities `[n, num_classes]`, as `keras.Model.predict` gives outputs.

        Args:
            x: as in Keras.
            *args: as in Keras.
            **kwargs: as in Keras.

        Returns:
            A float array; rows sum to 1.

        Warns:
            UserWarning: if images are on another scale than that of training.
        """
        self.scale_check("x", x)
        return super().predict(x, *args, **kwargs)

    def _checked(self, x, y, prefix="", training=False):
        look = functools.partial(self.scale_check, training=training)
        takes_missing = functools.partial(self._takes_missing, x)
        return check_data(x, y, self.loss.num_classes, prefix, self.loss.ignore_class, takes_missing, look)

    def _takes_missing(self, x):
        """True for a network that makes numbers of NaN, those in arrays or, asked once, those of inputs without any."""
        if not self.built and all(map(is_array, keras.tree.flatten(x))):
            with self.distribute_strategy.scope():
                self(keras.tree.map_structure(lambda leaf: keras.ops.convert_to_tensor(leaf[:1]), x))
        arrays = [np.asarray(leaf) for leaf in keras.tree.flatten(x) if is_array(leaf)]
        if arrays and self.built:  # those that miss something: a network may impute the one column with gaps
            missing = np.any([np.isnan(a).reshape(len(a), -1).any(1) for a in arrays if a.dtype.kind == "f"], axis=0)
            return takes_nan(self, keras.tree.map_structure(lambda leaf: np.asarray(leaf)[missing][:32], x))
        if self._takes_nan is None and self.built:
            self._takes_nan = takes_nan(self)
        return self._takes_nan

    def deployable(self):
        """A plain Keras model from inputs to class probabilities, with none of this package's classes in it.

        Outputs that serve training only (a likelihood's covariance) are dropped, and where the network is Functional
        or Sequential and ends in a linear `Dense`, their weights too. It takes images on the scale of training, and,
        being plain Keras, does not warn of another.

        Returns:
            A `keras.Model` with weights of its own. A network that is subclassed, or has a layer with weights that
            `from_config` does not build, is shared, not copied.

        Raises:
            ValueError: if the model has not been built.
        """
        if not self.built:
            raise ValueError("The model must be built before `deployable()`. Call `fit`, or `model(x)`, first.")
        return probabilities_model(self)

    def export(self, filepath, *args, **kwargs):
        """Exports `deployable()`, as `keras.Model.export` does; of several workers the chief alone."""
        if distribute.is_chief(self.distribute_strategy):
            self.deployable().export(filepath, *args, **kwargs)

    def get_config(self):
        return {
            "network": keras.saving.serialize_keras_object(self.network),
            "loss": keras.saving.serialize_keras_object(self.loss),
            "name": self.name,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
            "trainable": self.trainable,
            "trained_on": self.scale_check.trained_on,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        for key in ("network", "loss", "dtype"):
            config[key] = keras.saving.deserialize_keras_object(config[key], custom_objects=custom_objects)
        trained_on = config.pop("trained_on", None)
        model = cls(**config)
        model.scale_check.trained_on = trained_on
        return model


def _input_dtype(tensor):
    """The dtype in which a network takes such a tensor: Keras casts floats, but nothing else."""
    dtype = keras.backend.standardize_dtype(tensor.dtype) if hasattr(tensor, "dtype") else keras.config.floatx()
    return keras.config.floatx() if "float" in dtype else dtype


def _input_like(tensor):
    return keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, sparse=tensor.sparse, name=tensor.name)


def class_logits(model, inputs):
    """What the probabilities of a `NoisyLabelClassifier`, or of another model that gives logits, are the softmax of."""
    outputs = model(inputs, training=False)
    if not isinstance(model, NoisyLabelClassifier):
        return outputs
    return model.loss.logits(keras.ops.cast(outputs, model.loss.dtype))
