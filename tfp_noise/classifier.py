"""Classifier made of a network and a loss: a Keras model for noisy labels."""

import functools
from typing import Any

import keras
import tensorflow as tf

from tfp_noise import _backends, _labels, _validation, distribute
from tfp_noise._saving.deployment import probabilities_model
from tfp_noise._saving.input_signature import ModelWithInputSignature
from tfp_noise._saving.onnx_export import check_onnx, export_onnx
from tfp_noise._saving.resumable import ResumableModel
from tfp_noise._training import fit_arguments
from tfp_noise._training.example_ids import check_remembered, with_positions
from tfp_noise._training.feature_containers import as_keras_takes
from tfp_noise._training.fit_callbacks import backups_released, with_own_callbacks
from tfp_noise._training.image_scale import ScaleCheck
from tfp_noise._training.input_checks import check_data
from tfp_noise._training.label_kinds import label_kind
from tfp_noise._training.metric_updates import update_metrics
from tfp_noise._training.missing_features import takes_missing
from tfp_noise._training.model_checks import check_batches, check_labels_given, check_weights
from tfp_noise._training.network_and_loss import check_parts, check_width, warn_of_own_steps
from tfp_noise._training.outputs_rank import outputs_rank
from tfp_noise._training.raw_outputs import check_raw_outputs
from tfp_noise._training.replication import ReplicatedModel
from tfp_noise._training.training_facts import training_facts
from tfp_noise._training.warm_up import warn_unless_begun
from tfp_noise._training.worker_agreement import check_workers_alike
from tfp_noise.losses import NoisyLabelLoss
from tfp_noise.losses._checks import check_one_class


@keras.saving.register_keras_serializable(package="tfp_noise")
class NoisyLabelClassifier(ModelWithInputSignature, ReplicatedModel, ResumableModel):
    """A Keras classifier that trains with a loss for noisy labels and predicts class probabilities.

    A network with outputs `[batch, num_outputs]` has one label an example; one with outputs of more axes, such as
    `[batch, height, width, num_outputs]`, has a label at each position.

    `model(x)` returns the network's raw outputs. `predict`, metrics, `deployable` and `export` use probabilities
    `[batch, ..., num_classes]`, so that `metrics=["accuracy"]` works for every loss; with `losses.MultiLabel` they use
    the probability of each label, `[batch, ..., num_labels]`. The validation loss is
    `loss.evaluation_loss`. Everything that a loss learns or counts during training is in the layer `loss_state`, which
    is trained and saved with the network. `save` and `keras.models.load_model` restore predictions, this state, the
    optimizer and the random generators, so that training continues as if it had not been interrupted.

    The network receives images as they are given. The convention is floats in [0, 1], which `pipeline` and
    `datasets.Examples.inputs` provide; a network that divides pixels itself gets uint8 everywhere. `fit`, `evaluate`
    and `predict` warn of images on another scale than in training, or than the first layers are made for.

    On several replicas, each replica draws different, reproducible random numbers, and the moving statistics of batch
    normalisation are averaged.

    Args:
        network: a `keras.Model` or layer with `loss.num_outputs` raw outputs per example or position (no softmax).
        loss: a `tfp_noise.losses.NoisyLabelLoss` with a reduction. A loss with state belongs to one classifier only.
        name: name of the model.
        dtype: dtype policy; by default that of the network, so that mixed_float16 gets its loss scaling.
        **kwargs: other arguments of `keras.Model`.

    Raises:
        TypeError: if `network` is not a Keras layer, or `loss` is not one of the package's losses.
        ValueError: if the network does not have `loss.num_outputs` raw outputs, the loss has no reduction, or the loss
            belongs to another classifier.
        RuntimeError: on another backend of Keras than TensorFlow.

    Warns:
        UserWarning: if the network has a `train_step` or another step of its own, which is never run.

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

    def __init__(
        self,
        network: keras.layers.Layer,
        loss: NoisyLabelLoss,
        *,
        name: str = "noisy_label_classifier",
        dtype: Any = None,
        **kwargs: Any,
    ):
        _backends.require_tensorflow(type(self).__name__, "it overrides steps of TensorFlow's trainer")
        check_parts(network, loss)
        warn_of_own_steps(network)
        super().__init__(name=name, dtype=dtype or network.dtype_policy, **kwargs)
        self._takes_nan = None  # an answer that `takes_missing` keeps
        self._outputs_rank = None  # known once the network is built
        self.scale_check = ScaleCheck(self, self.symbolic_inputs)
        self.network = network
        self.loss = loss
        self._label_kind = label_kind(loss)
        # As attributes, so that Keras tracks them.
        self.loss_seed_generator = loss.seed_generator
        self.loss_state = loss.build_state()
        if getattr(network, "built", False) and hasattr(network, "input_shape"):
            self.build(network.input_shape)
        loss.attach_state(self.loss_state)  # last, so that the loss stays free if an error is raised above

    def build(self, input_shape):
        inputs = self.symbolic_inputs(input_shape)
        outputs = self.network(inputs)
        check_width(outputs, self.loss)
        self._outputs_rank = len(outputs.shape)
        check_raw_outputs("network", self.network, inputs)
        self.loss.prepare_state(self.loss_state, self.network)
        self.built = True
        self.scale_check.settle(inputs)

    def call(self, inputs, training=None):
        return self.network(inputs, training=training)

    def compile(self, optimizer="rmsprop", loss=None, loss_weights=None, metrics=None, **kwargs):
        """Configures training like `keras.Model.compile`, without the loss, which the constructor has received.

        Metrics receive labels and probabilities `[batch, ..., num_classes]`. The form of the labels in the first batch,
        class indices or distributions, decides what "accuracy" means. Later labels in the other form are converted; the
        class index of a distribution is that of its largest entry. With `losses.MultiLabel` metrics receive labels of 0
        or 1, a probability above one half as 1, and "accuracy" is the fraction of labels that are right.

        Metrics leave out labels of the loss's `ignore_class` and positions under a mask of Keras: the means of
        functions that have a value for each label, `metrics.ExpectedCalibrationError`, and metrics of any other class
        if they have an `ignore_class` of their own, such as `MeanIoU`. Others are refused here or when the first batch
        comes, and so are metrics that cannot read the labels, the probabilities or the weights. `Recall`, `AUC`,
        `F1Score` and others that compare entries read one-hot labels, not class indices.

        Args:
            optimizer: as in Keras.
            loss: refused, because the constructor has it.
            loss_weights: refused.
            metrics: as in Keras.
            **kwargs: other arguments of `keras.Model.compile`.

        Raises:
            ValueError: if `loss` or `loss_weights` is given; if a metric reads raw outputs, is a loss that reduces a
                batch to one number, cannot read several labels an example, or cannot leave out those that nobody knows;
                or, on several replicas, if an optimizer or a metric was not made in the scope of their strategy.
        """
        if loss is not None or loss_weights is not None:
            raise ValueError(
                f"`loss` and `loss_weights` belong to the constructor. Received: {loss!r}, {loss_weights!r}. "
                "Pass the loss as `NoisyLabelClassifier(network, loss)` and leave it out of `compile`."
            )
        with self.distribute_strategy.scope():  # optimizers and metrics given by name are made here
            optimizer = self.loss.wrap_optimizer(keras.optimizers.get(optimizer), self.loss_state)
            self._label_kind = label_kind(self.loss)  # a new one, which has seen no labels for metrics
            metrics, weighted = map(self._label_kind.metrics, (metrics, kwargs.pop("weighted_metrics", None)))
            super().compile(optimizer=optimizer, metrics=metrics, weighted_metrics=weighted, **kwargs)
        optimizer = self.optimizer
        self.loss.count_updates = lambda: optimizer.iterations

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.build_optimizer()  # so that the file's values have variables to be loaded into

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        regularizers = self.losses  # before `data_loss`, which may call the network again, so that Keras clears them
        if not (training and self.loss.needs_ids):
            y = _labels.without_ids(y)
        loss = self.data_loss(x, y, y_pred, _labels.without_ids(sample_weight), training)
        for regularizer in regularizers:
            loss = loss + self._aggregate_additional_loss(keras.ops.cast(regularizer, loss.dtype))
        return loss

    def data_loss(
        self, x: Any, y: tf.Tensor | None, y_pred: tf.Tensor, sample_weight: tf.Tensor | None, training: bool
    ) -> tf.Tensor:
        """Loss of a batch without regularisers; a subclass may override it to use other labels.

        Args:
            x: inputs of the network, a tensor or a structure of tensors.
            y: labels, in training with a loss that needs ids `{"labels": labels, "ids": ids}`, or `None`.
            y_pred: raw outputs of the network.
            sample_weight: weights `[batch]` or of each position, or `None`.
            training: bool; False gives the loss that validation reports.

        Returns:
            One number for the batch, reduced by `loss`, whose reduction takes the number of replicas into account.

        Raises:
            ValueError: if `y` is `None`.
        """
        check_labels_given(y)
        if not training:
            return self.loss.evaluation_loss(y, y_pred, sample_weight)
        loss = self.loss.training_loss(self.network, x, y, y_pred, sample_weight)
        self.loss.update_state(y, y_pred, sample_weight)
        return loss

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        compiled = self._compile_metrics
        if compiled is None:
            return super().compute_metrics(x, y, y_pred, sample_weight)
        if y is None:
            raise ValueError("`y` must hold labels for `metrics`. Received: None. Leave `metrics` out of `compile`.")
        y, sample_weight = _labels.without_ids(y), _labels.without_ids(sample_weight)
        # A copy, because Keras would read the logits that a softmax leaves on its output as those of a sigmoid.
        probabilities = keras.ops.copy(self.loss.probabilities(y_pred))
        y, mask = self._label_kind.for_metrics(y, y_pred)
        if mask is not None:
            probabilities._keras_mask = mask  # which metrics read
        if sample_weight is not None:
            sample_weight = self._label_kind.weights_for_metrics(sample_weight, y_pred)
        if not compiled.built:
            compiled.build(y, probabilities)
        self._label_kind.check_metrics(compiled.metrics, y, probabilities)
        update_metrics(compiled, y, probabilities, sample_weight)
        return self.get_metrics_result()

    def predict_step(self, data):
        return self.loss.probabilities(super().predict_step(data))

    def fit(self, x=None, y=None, batch_size=None, epochs=1, verbose="auto", callbacks=None, **kwargs):
        """Trains like `keras.Model.fit`, with the same arguments, after checks of labels and features.

        Labels are class indices `[n]` or `[n, 1]`, or distributions over classes `[n, num_classes]`, or for
        `losses.MultiLabel` numbers in [0, 1] for each label `[n, num_labels]`, in any container
        that becomes an array, such as a list or a pandas column. For outputs `[n, ..., num_outputs]` they have the same
        axes in the middle: class indices `[n, ...]` or `[n, ..., 1]`, or distributions `[n, ..., num_classes]`; how
        many axes the outputs have decides which of them `y` is. Arrays are checked before training starts; batches of
        a `tf.data.Dataset`, `keras.utils.PyDataset` or generator when they arrive.

        A loss that remembers each example (`loss.needs_ids`) gets positions in arrays as ids. Batches for it must be
        `(x, {"labels": y, "ids": i})`, with the integers `i` in `[0, loss.num_examples)`; arrays may have ids of their
        own in the same way. Other losses, and evaluation, take such labels too and leave the ids out. An id must mean
        the same example in every epoch and every `fit`: if one comes with another label than before, arrays are
        refused, and a training with batches ends with an error.

        If training diverges, it ends with an error before a callback can save the model, so that the last checkpoint is
        a good one.

        Several workers receive the same data, with the same seed (`keras.utils.set_random_seed`) if it is shuffled, and
        each worker takes its part of every batch; or each worker receives its own shard of a distributed dataset.

        Args:
            x: as in Keras.
            y: class indices, distributions over classes, or several labels; or a dict of them and of ids.
            batch_size: as in Keras; the global one on several replicas.
            epochs: as in Keras.
            verbose: as in Keras.
            callbacks: as in Keras.
            **kwargs: other arguments of `keras.Model.fit`. `sample_weight` is `[n]`, or has a weight for each position;
                `class_weight` is for one label an example.

        Returns:
            A `keras.callbacks.History`.

        Raises:
            FloatingPointError: if the loss, or a weight at the end of an epoch, is NaN or infinite; it names the step.
            TypeError: if labels are neither integers nor distributions, such as targets of a regression.
            ValueError: if labels lie outside `[0, num_classes)`, rows are not distributions, or the shapes of labels or
                weights do not fit; if a loss needs ids that are not there, out of range, or come with other labels than
                before; if columns of pandas have one index in two orders; if features are infinite, or are NaN and the
                network's outputs are then NaN, too; if a batch cannot be divided among the replicas; or if data,
                settings, weights, loss, optimizer or seed differ between workers (on every worker).
            ConnectionError: if one of several workers is lost.

        Warns:
            UserWarning: if images are on another scale than the network is made for; once, if a method that corrects
                labels after a warm-up does not come to that in the epochs so far and those of this call.
        """
        _validation.check_one_order({"x": x, "y": y, "sample_weight": kwargs.get("sample_weight")})
        x, y = self._checked(x, with_positions(y, self.loss), training=True)
        check_remembered(y, self.loss)
        self._check_weights(kwargs, x, y)
        check_batches(x, batch_size, kwargs.get("validation_split", 0.0), self.distribute_strategy)
        validation = kwargs.get("validation_data")
        if validation is not None and not isinstance(validation, (tuple, list)):
            kwargs["validation_data"], _ = self._checked(validation, None, "validation ")
        elif validation is not None:
            _validation.check_one_order({"validation_data": validation})
            kwargs["validation_data"] = (*self._checked(*validation[:2], "validation "), *validation[2:])
            self._check_weights({"sample_weight": (*validation, None)[2]}, *kwargs["validation_data"][:2])
        data = fit_arguments.data_of(x, y, kwargs)
        settings = fit_arguments.settings_of(batch_size, kwargs)
        initial_epoch = kwargs.get("initial_epoch", 0)
        check_workers_alike(self, data, epochs=epochs, initial_epoch=initial_epoch, **settings)
        facts = functools.partial(training_facts, self, data, settings, resumed=True)
        callbacks = with_own_callbacks(callbacks, self, facts)
        self.build_optimizer()  # before the first step is traced, which may fail because of its data
        warn_unless_begun(self, epochs - initial_epoch)
        with backups_released(callbacks):
            history = super().fit(x, y, batch_size, epochs, verbose, callbacks, **kwargs)
        warn_unless_begun(self)  # a callback may have ended the training early
        return history

    def evaluate(self, x=None, y=None, batch_size=None, verbose="auto", sample_weight=None, **kwargs):
        """Evaluates like `keras.Model.evaluate`, after the checks of `fit`; the loss is `loss.evaluation_loss`."""
        _validation.check_one_order({"x": x, "y": y, "sample_weight": sample_weight})
        x, y = self._checked(x, y)
        self._check_weights({"sample_weight": sample_weight}, x, y)
        return super().evaluate(x, y, batch_size, verbose, sample_weight, **kwargs)

    def predict(self, x, *args, **kwargs):
        """Predicts class probabilities, with the arguments of `keras.Model.predict`.

        Args:
            x: as in Keras.
            *args: as in Keras.
            **kwargs: as in Keras.

        Returns:
            A float array `[n, ..., num_classes]`; rows sum to 1. With `losses.MultiLabel`: `[n, ..., num_labels]`, the
            probability of each label.

        Warns:
            UserWarning: if images are on another scale than in training.
        """
        self.scale_check("x", x)
        return super().predict(as_keras_takes(x), *args, **kwargs)

    def _check_weights(self, arguments, x, y):
        y, loss = _labels.without_ids(y), self.loss
        rank = outputs_rank(self, x, y) if hasattr(y, "shape") else self._outputs_rank or 2
        check_weights(arguments, y, loss.ignore_class, rank, self._label_kind.num_labels, loss.needs_ids)

    def _check_scale(self, name, features, training=False):
        """Warns of images on another scale than is expected, as `ScaleCheck` does; subclasses may look at more."""
        self.scale_check(name, features, training)

    def _checked(self, x, y, prefix="", training=False):
        x = as_keras_takes(x, f"{prefix}x")
        look = functools.partial(self._check_scale, training=training)
        takes_nan = functools.partial(takes_missing, self, x)
        rank_of = functools.partial(outputs_rank, self)
        num_examples = self.loss.num_examples if training and self.loss.needs_ids else None
        return check_data(x, y, self._label_kind, prefix, takes_nan, rank_of, num_examples, look)

    def deployable(self) -> keras.Model:
        """Makes a plain Keras model from inputs to class probabilities, without any class of this package.

        Outputs that only training needs, such as the covariance of a likelihood, are left out, together with their
        weights if the network is Functional or Sequential and ends in a linear `Dense` or convolutional layer. The
        model expects images on the scale of training, but does not check it.

        Returns:
            A `keras.Model` with its own weights. A network that is subclassed, or has a layer with weights that
            `from_config` does not build, is shared instead of copied.

        Raises:
            ValueError: if the model has not been built.
        """
        if not self.built:
            raise ValueError("The model must be built before `deployable()`. Call `fit`, or `model(x)`, first.")
        return probabilities_model(self)

    def export(self, filepath, format="tf_saved_model", **kwargs):  # noqa: A002 (Keras's name)
        """Exports `deployable()` like `keras.Model.export`; among several workers, only on the chief.

        A network that ONNX has no operations for, such as one with a lookup table, is refused, and nothing is written.

        Args:
            filepath: as in Keras.
            format: "tf_saved_model", "onnx" (`pip install 'tfp-noise[onnx]'`), "litert" or another one of Keras.
            **kwargs: other arguments of `keras.Model.export`, such as settings of LiteRT's converter.

        Raises:
            ImportError: if the converter of the format is not installed.
            ValueError: if the model has not been built, or ONNX lacks an operation.
        """
        if format == "onnx":
            check_onnx(self.network)
        if not distribute.is_chief(self.distribute_strategy):
            return
        if format == "onnx":
            export_onnx(self.deployable(), filepath, **kwargs)
        else:
            self.deployable().export(filepath, format=format, **kwargs)

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


def class_logits(model, inputs):
    """Logits whose softmax is a model's prediction, for a `NoisyLabelClassifier` or a model that outputs logits."""
    outputs = model(inputs, training=False)
    if not isinstance(model, NoisyLabelClassifier):
        return outputs
    check_one_class("model", model.loss)
    return model.loss.logits(keras.ops.cast(outputs, model.loss.dtype))
