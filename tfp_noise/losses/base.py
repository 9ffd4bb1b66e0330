"""The interface that all losses share; the mathematics of a method stands in the file of its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import keras
from keras import ops
from keras.src.backend import get_keras_mask, set_keras_mask

from tfp_noise import _labels, _positions, _validation
from tfp_noise.losses import _checks
from tfp_noise.losses._state import LossState

if TYPE_CHECKING:
    import tensorflow as tf


class NoisyLabelLoss(keras.losses.Loss):
    """Base class of all losses: a `keras.losses.Loss` from labels and raw network outputs to one number per example.

    Outputs `[batch, num_outputs]` have one label an example. Outputs of more axes have a label at each position, such
    as a pixel or a token: `[batch, height, width, num_outputs]` with labels `[batch, height, width]`. A loss then
    treats positions as so many examples. Masks of Keras and weights, of examples or positions, count in Keras's way.

    A loss of one's own implements `soft_label_loss`, for labels that are distributions. It may override

        class_index_loss                      if class indices allow a cheaper way than one-hot rows
        binary_loss                           if two classes allow a cheaper way than two logits, for `MultiLabel`
        num_outputs, num_prediction_outputs,
        reads_logits, is_shift_invariant,
        logits                                if the network has more outputs than there are classes
        loss_in_validation, evaluation_loss   if the targets of training move or are random
        build_state, update_state,
        state_name, needs_classifier          if the loss learns or counts something between steps
        prepare_state, training_loss          if it needs more of the network than its outputs
        wrap_optimizer                        if what it learns needs an optimizer of its own
        get_config                            if its constructor has arguments of its own

    Args:
        num_classes: int, K >= 2.
        name: name of the loss.
        reduction: as in `keras.losses.Loss`.
        dtype: dtype of the arithmetic, "float32" (the default) or "float64"; mixed-precision outputs are cast up to it.
        ignore_class: int, the class index of examples or positions that do not count, often -1 for "no label": they are
            left out of the loss, which is the mean over the others, and of metrics and statistics. Distributions all
            count, and are refused if `ignore_class` is one of the classes. Keras reports the mean of the batches'
            means, as for its own losses. `None`: every label must be a class.

    Attributes:
        seed_generator: `keras.random.SeedGenerator` of a loss that draws random numbers; a classifier saves its state.
        needs_classifier: reason why the loss trains in a `NoisyLabelClassifier` only, in words that follow "because";
            `None` for a loss that keeps nothing between steps.
        needs_ids: True for a loss that remembers something of each example, whose labels are
            `{"labels": labels, "ids": ids}`; `NoisyLabelClassifier.fit` numbers the examples of arrays by itself.
        needs_whole_batch: reason why the loss of an example depends on the others of its batch, in such words; `None`
            for a loss of each example by itself.
        divergence_advice: the likeliest cause and its cure, for the error that ends a training whose loss became NaN or
            infinite.
        paper: authors and year of the paper that proposes the loss, for `losses.available`.
        needs: what the loss takes besides labels and logits, such as "a transition matrix", for `losses.available`.
        search_space: values of arguments that a paper searched over, `{argument: values}`, for `search.choose_loss`;
            empty where no paper states any.

    Raises:
        TypeError: if `num_classes` or `ignore_class` is not an integer.
        ValueError: for fewer than two classes, a dtype narrower than float32, or float64 where the backend lacks it.
        RuntimeError: for a loss that needs a classifier, on another backend than TensorFlow.

    Example:
        A loss of one's own, the Taylor cross-entropy `sum_{i=1}^order (1 - p_y)^i / i`, that trains and can be saved:

        >>> import numpy as np
        >>> from tfp_noise import NoisyLabelClassifier
        >>> @keras.saving.register_keras_serializable(package="my_project")
        ... class TaylorCrossEntropy(NoisyLabelLoss):
        ...     def __init__(self, num_classes, order=2, *, name="taylor_cross_entropy", **kwargs):
        ...         super().__init__(num_classes, name=name, **kwargs)
        ...         self.order = order
        ...
        ...     def soft_label_loss(self, targets, y_pred):
        ...         wrong = 1 - ops.softmax(y_pred, axis=-1)
        ...         return ops.sum(targets * sum(wrong**i / i for i in range(1, self.order + 1)), axis=-1)
        ...
        ...     def get_config(self):
        ...         return {**super().get_config(), "order": self.order}
        >>> loss = TaylorCrossEntropy(3, order=4)
        >>> network = keras.Sequential([keras.Input([3]), keras.layers.Dense(loss.num_outputs)])
        >>> model = NoisyLabelClassifier(network, loss)
        >>> model.compile("adam", metrics=["accuracy"])
        >>> history = model.fit(np.eye(3), np.arange(3), epochs=5, verbose=0).history
        >>> history["loss"][-1] < history["loss"][0]
        True
        >>> type(loss).from_config(loss.get_config()).order
        4
    """

    seed_generator: keras.random.SeedGenerator | None = None
    needs_classifier: str | None = None
    needs_ids: bool = False
    needs_whole_batch: str | None = None
    divergence_advice: str = ""
    paper: str = ""
    needs: str = ""
    search_space: ClassVar[Mapping[str, Sequence[Any]]] = {}
    _belongs_to_a_classifier = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Let class indices follow a `soft_label_loss` of a subclass, not what its parent makes of indices."""
        super().__init_subclass__(**kwargs)
        if "soft_label_loss" in cls.__dict__ and "class_index_loss" not in cls.__dict__:
            cls.class_index_loss = NoisyLabelLoss.class_index_loss  # type: ignore[method-assign]

    def __init__(
        self,
        num_classes: int,
        *,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: str | None = None,
        ignore_class: int | None = None,
    ):
        # Not Keras's default, its floatx: that may be narrower.
        dtype = dtype or ("float64" if keras.config.floatx() == "float64" else "float32")
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.num_classes = _validation.check_int("num_classes", num_classes, 2)
        _checks.check_dtype(self)
        _checks.check_backend(self)
        self.ignore_class = ignore_class
        if ignore_class is not None:
            self.ignore_class = _validation.check_int("ignore_class", ignore_class, -(2**24))  # float32 holds it

    @staticmethod
    def count_updates() -> Any:
        """The number of updates so far, for schedules; a classifier puts its optimizer's count in this place.

        Returns:
            An integer tensor or variable; 0 without a classifier.
        """
        return 0  # not the optimizer as an attribute, because Keras would save it with the loss

    @property
    def num_outputs(self) -> int:
        """The width of the network's last layer."""
        return self.num_classes

    @property
    def num_prediction_outputs(self) -> int:
        """The number of outputs, from the first on, that `probabilities` reads; the others serve training only."""
        return self.num_classes

    @property
    def reads_logits(self) -> bool:
        """True if the outputs are logits and nothing else, so that they may be divided by a temperature."""
        return True

    @property
    def is_shift_invariant(self) -> bool:
        """True if a number added to all outputs changes nothing, so that of two classes one may have the output 0."""
        return self.reads_logits

    @property
    def state_name(self) -> str:
        """Tag stored with the saved state of a loss; loading refuses another tag."""
        return f"{type(self).__name__}({self.num_classes})"

    def __call__(self, y_true, y_pred, sample_weight=None):
        _checks.check_given(y_true, y_pred)
        _positions.check_mask(y_pred)
        _checks.check_no_mask(self, y_pred)
        y_true, y_pred = self._prepared(y_true, y_pred)
        if sample_weight is not None:
            sample_weight = ops.convert_to_tensor(sample_weight, self.dtype)
            sample_weight = self._loss_weights(sample_weight, ops.convert_to_tensor(y_pred))
        return super().__call__(y_true, y_pred, sample_weight)

    def _prepared(self, y_true, y_pred):
        """Labels and outputs before Keras makes floats of all, with a mask of the shape that `call` returns."""
        return _labels.without_fractions(y_true, len(ops.shape(y_pred))), y_pred

    def _loss_weights(self, weights, y_pred):
        """Weights of the losses, of the shape that `call` returns, or as given if that is `[batch]`."""
        return _positions.weights_of_positions(weights, y_pred)

    def call(self, y_true, y_pred):
        """Loss of each example or, for outputs of more axes, of each position, without reduction.

        The dots are the axes of `y_pred` but the last: `[batch]`, or `[batch, height, width]` for one label a pixel.
        The number of axes alone decides what labels are: beside outputs `[batch, time, num_outputs]`, labels
        `[batch, num_classes]` are class indices of `num_classes` times. Positions are so many examples: the loss is
        that of the outputs `[n, num_outputs]` of all of them.

        Args:
            y_true: class indices `[...]` or `[..., 1]`, or distributions over classes `[..., num_classes]`.
            y_pred: raw network outputs `[..., num_outputs]`, never probabilities.

        Returns:
            `[...]`, in nats; 0 for a label of `ignore_class`, which Keras's reduction leaves out; NaN for any other
            number that is no class, even where its `sample_weight` is 0, and for labels of other sizes than the
            outputs where only a compiled step knows them.

        Raises:
            ValueError: if a shape does not fit, `y_pred` comes from a softmax or sigmoid of Keras, a loss that needs a
                classifier is compiled into a plain Keras model, or labels are distributions and `ignore_class` is one
                of their classes.
        """
        y_true, y_pred = self._checked(y_true, y_pred)
        if len(y_pred.shape) == 2:
            return self._losses_of_examples(y_true, y_pred)
        y_pred = _positions.nan_unless_sizes_fit(y_true, y_pred)
        shape = ops.shape(y_pred)[:-1]
        width = self.num_classes if _labels.are_distributions(y_true, self.num_classes, len(y_pred.shape)) else 1
        rows = ops.reshape(y_pred, [-1, self.num_outputs])
        losses = self._losses_of_examples(ops.reshape(y_true, [-1, width]), rows)
        counts = get_keras_mask(losses)
        losses = ops.reshape(losses, shape)
        if counts is not None:
            set_keras_mask(losses, ops.reshape(counts, shape))
        return losses

    def _checked(self, y_true, y_pred):
        """Labels as a tensor and outputs of the loss's dtype, if both are what `call` takes."""
        _checks.check_owner(self)
        _checks.check_raw(y_pred)
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.cast(y_pred, self.dtype)
        _checks.check_shapes(self, y_true, y_pred)
        return y_true, y_pred

    def _losses_of_examples(self, y_true, y_pred, *remembered):
        """Losses `[n]` for outputs `[n, num_outputs]`, and for what a loss remembers of these examples."""
        if _labels.are_distributions(y_true, self.num_classes):
            return self.soft_label_loss(ops.cast(y_true, self.dtype), y_pred, *remembered)
        indices = ops.cast(ops.reshape(y_true, [-1]), "int32")
        # An accelerator cannot raise, and would quietly take some other class.
        known = _labels.are_known(indices, self.num_classes)
        losses = ops.where(
            known, self.class_index_loss(ops.where(known, indices, 0), y_pred, *remembered), float("nan")
        )
        if self.ignore_class is None:
            return losses
        counts = indices != self.ignore_class
        losses = ops.where(counts, losses, 0)
        set_keras_mask(losses, counts)  # for Keras's reduction; JAX's arrays take no attributes
        return losses

    def soft_label_loss(self, targets: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Loss of each example for labels that are distributions: the one method that every loss implements.

        Args:
            targets: float `[batch, num_classes]`, rows sum to 1, of the loss's dtype.
            y_pred: float `[batch, num_outputs]`, raw network outputs of the same dtype.

        Returns:
            Float `[batch]`, in nats.

        Raises:
            NotImplementedError: if a subclass does not implement it.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `soft_label_loss(targets, y_pred)`.")

    def class_index_loss(self, labels: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Loss of each example for class indices, the same as that of their one-hot rows, value and gradient.

        Args:
            labels: int32 `[batch]`, in `[0, num_classes)`.
            y_pred: float `[batch, num_outputs]`, raw network outputs of the loss's dtype.

        Returns:
            Float `[batch]`, in nats.

        Raises:
            NotImplementedError: if a subclass implements neither this method nor `soft_label_loss`.
        """
        return self.soft_label_loss(_labels.to_distributions(labels, self.num_classes, self.dtype), y_pred)

    def binary_loss(self, present: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Loss of two classes from the logit of the second one, the same as that of the logits `[0, logit]`.

        `MultiLabel` calls it for a loss of two classes that is shift invariant.

        Args:
            present: float `[...]`, the probability of the second class that the label says.
            logits: float `[...]`, of the loss's dtype.

        Returns:
            Float `[...]`, in nats.

        Raises:
            NotImplementedError: if a subclass does not implement `soft_label_loss`.
        """
        columns = (1 - present, present), (ops.zeros_like(logits), logits)
        targets, y_pred = (ops.stack([ops.reshape(one, [-1]) for one in pair], axis=-1) for pair in columns)
        return ops.reshape(self.soft_label_loss(targets, y_pred), ops.shape(logits))

    def logits(self, y_pred: tf.Tensor) -> tf.Tensor:
        """The logits whose softmax the predicted probabilities are; by default the outputs themselves.

        An override uses operations of Keras only, because `deployable` makes a plain Keras model of them.

        Args:
            y_pred: float `[..., num_outputs]`, raw network outputs of the loss's dtype.

        Returns:
            Float `[..., num_classes]`.

        Raises:
            ValueError: by an override, if it cannot read the outputs.
        """
        return y_pred

    def probabilities(self, y_pred: Any) -> tf.Tensor:
        """Predicted class probabilities, `softmax(logits(y_pred))`.

        Args:
            y_pred: float `[..., num_outputs]`, raw network outputs.

        Returns:
            Float `[..., num_classes]` of the loss's dtype, rows sum to 1.

        Raises:
            ValueError: if `y_pred` does not become a tensor.
        """
        return ops.softmax(self.logits(ops.cast(y_pred, self.dtype)), axis=-1)

    def loss_in_validation(self) -> NoisyLabelLoss:
        """The loss of the same outputs that validation reports: this one, unless its targets move or are random.

        Returns:
            A `NoisyLabelLoss`.
        """
        return self

    def evaluation_loss(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> tf.Tensor:
        """The value that validation reports: that of `loss_in_validation`.

        Values whose targets move, or are random, cannot be compared between epochs; validation then reports plain
        cross-entropy.

        Args:
            y_true: labels as `call` takes them.
            y_pred: float `[..., num_outputs]`, raw network outputs.
            sample_weight: float `[batch]`, `[...]` or `[..., 1]`, or `None`.

        Returns:
            A scalar, or `[...]` with `reduction=None`; in nats.

        Raises:
            ValueError: as `call` does.
        """
        return self.loss_in_validation()(y_true, y_pred, sample_weight)

    def build_state(self) -> LossState | None:
        """A new layer with the variables that the loss keeps between steps; it becomes the classifier's `loss_state`.

        Returns:
            A layer, or `None` for a loss that keeps nothing.
        """
        return None

    def attach_state(self, state: LossState | None) -> None:
        """Makes a classifier the owner of the loss, which reads that classifier's layer from now on.

        Args:
            state: the classifier's layer, made by `build_state`.

        Raises:
            ValueError: if the loss needs a classifier of its own and already belongs to one.
        """
        del state
        if self.needs_classifier and self._belongs_to_a_classifier:
            _checks.refuse_second_owner(self)
        self._belongs_to_a_classifier = True

    def prepare_state(self, state: LossState | None, network: keras.layers.Layer) -> None:
        """Makes what the state keeps of the network; the classifier calls it once the network has weights.

        Args:
            state: the classifier's layer, made by `build_state`.
            network: the classifier's network; the same one if it is called again.

        Raises:
            ValueError: by an override, for a network that the loss cannot use.
        """
        del state, network

    def training_loss(
        self, network: keras.layers.Layer, x: Any, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> tf.Tensor:
        """The loss of a training step; an override may run the network again.

        Args:
            network: the classifier's network.
            x: its inputs, a tensor or a structure of tensors.
            y_true: labels as `call` takes them.
            y_pred: float `[..., num_outputs]`, the network's raw outputs in training mode.
            sample_weight: float `[batch]`, `[...]` or `[..., 1]`, or `None`.

        Returns:
            One number, reduced like the value of the loss, which it is by default.

        Raises:
            ValueError: as `call` does.
        """
        del network, x
        return self(y_true, y_pred, sample_weight)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Takes the statistics of a training step; the classifier calls it after the loss, before the update.

        Args:
            y_true: labels as `call` takes them.
            y_pred: float `[..., num_outputs]`, raw network outputs.
            sample_weight: float `[batch]`, `[...]` or `[..., 1]`, or `None`.

        Raises:
            ValueError: by an override, for shapes that do not fit.
        """
        del y_true, y_pred, sample_weight

    def wrap_optimizer(self, optimizer: keras.optimizers.Optimizer, state: Any) -> keras.optimizers.Optimizer:
        """The optimizer to train with, which may treat the variables of the state otherwise than the network's.

        Args:
            optimizer: what `compile` was given.
            state: the classifier's layer, made by `build_state`, or `None`.

        Returns:
            `optimizer` by default.

        Raises:
            ValueError: by an override, for an optimizer that it cannot wrap.
        """
        del state
        return optimizer

    def get_config(self):
        """Constructor arguments; `from_config` gives an equal loss, matrices to the last bit."""
        own = {"num_classes": self.num_classes, "dtype": self.dtype, "ignore_class": self.ignore_class}
        return {**own, **super().get_config()}

    def _check_number(self, *args, **bounds):
        """A number by `check_number` that the loss's arithmetic holds."""
        return _validation.check_number(*args, **bounds, dtype=self.dtype)


def register(cls):
    """Registers a loss for serialisation under the package's name."""
    return keras.saving.register_keras_serializable(package="tfp_noise")(cls)
