"""Shifted Gaussian noise: regression on log-ratios of labels, drawn towards an averaged network (Englesson 2024)."""

from typing import Any

import numpy as np
from keras import ops

from tfp_noise import _labels, _positions, _validation
from tfp_noise.losses._averaged_network import AveragedNetwork
from tfp_noise.losses._checks import check_state
from tfp_noise.losses._gaussian_nll import SCALES
from tfp_noise.losses.base import NoisyLabelLoss, register
from tfp_noise.losses.cross_entropy import cross_entropy_like


@register
class ShiftedGaussianNoise(NoisyLabelLoss):
    """Negative log-likelihood of a label's log-ratios under a Gaussian, shifted by an averaged copy of the network.

    The label `y` becomes `s = (1 - t) y + t / K`, and `z = V log s` its isometric log-ratios, where the K - 1 rows of V
    are orthonormal, and orthogonal to the vector of ones. The network gives `K - 1` means m and as many numbers c:

        loss = -log N(z'; m, S S'),    S = I + c c',    z' = a^e z + (1 - a^e) m_average

    where `a = label_decay`, e is the number of finished epochs, and `m_average` is the mean that a copy of the network
    with averaged weights gives for the same inputs in training mode, without a gradient. So labels are corrected: from
    the given one, in the first epoch, towards the copy's prediction. Large c takes weight from examples that do not
    fit, as in `LogisticNormal`. The predicted probabilities are `softmax(V' m)`.

    `label_decay=1` is Gaussian regression on the log-ratios, without a copy, and needs no classifier. Otherwise the
    loss trains in a `NoisyLabelClassifier` of its own, which saves and mirrors the copy's weights, and a step runs the
    network forward twice. Validation reports the cross-entropy of the probabilities, because the targets of training
    move. A call of the loss itself, which knows no inputs, has no shift.

    In a training loop without `fit`, compute the loss of a step with
    `classifier.compute_loss(x, y, classifier(x, training=True))`, which also moves the average, and call
    `classifier.loss_state.end_epoch()` after each epoch.

    Args:
        num_classes: int, K >= 2.
        label_decay: float in (0, 1], the paper's alpha: what an epoch leaves of the given label's weight.
        average_decay: float in [0, 1), the paper's beta: what a step leaves of the previous average's weight. The
            average reaches back about `1 / (1 - average_decay)` steps: short trainings need a smaller value.
        target_smoothing: float in [1e-30, 1], t; 1 warns, because nothing is left of the labels.
        name: name of the loss.
        **kwargs: `reduction`, `dtype` and `ignore_class`, as in `NoisyLabelLoss`.

    Raises:
        TypeError: if an argument is not a number.
        ValueError: if a number is out of range, or a loss with a shift is compiled into a plain Keras model.

    Warns:
        UserWarning: if `target_smoothing` is 1.

    Example:
        >>> import keras
        >>> from tfp_noise import NoisyLabelClassifier
        >>> loss = ShiftedGaussianNoise(3)
        >>> network = keras.Sequential([keras.Input([4]), keras.layers.Dense(loss.num_outputs)])
        >>> model = NoisyLabelClassifier(network, loss)
        >>> model.compile("adam")
        >>> history = model.fit(np.eye(4)[:3], np.arange(3), epochs=2, verbose=0)
        >>> model.predict(np.eye(4), verbose=0).shape
        (4, 3)

    References:
        Englesson, Azizpour, "Robust classification via regression for learning with noisy labels", 2024. The formulas
        and the defaults, which are those for CIFAR, are the authors' code's (Clothing1M: 0.7, 0.9999, 0.1; WebVision:
        0.999, 0.9999, 0.01). Departure: e counts finished epochs, in the code also the part of the present one.
    """

    paper = "Englesson, Azizpour, 2024"
    needs = "a `NoisyLabelClassifier`; a last layer of `num_outputs` units"
    divergence_advice = (
        "Unlike those of cross-entropy, the gradients of ShiftedGaussianNoise are not bounded: they grow with the "
        "residual. Take a lower learning rate than with cross-entropy."
    )

    def __init__(
        self,
        num_classes: int,
        label_decay: float = 0.995,
        average_decay: float = 0.9999,
        target_smoothing: float = 0.001,
        *,
        name: str = "shifted_gaussian_noise",
        **kwargs: Any,
    ):
        super().__init__(num_classes, name=name, **kwargs)
        self.label_decay = self._check_number("label_decay", label_decay, maximum=1, above=0)
        check_state(self)
        self.average_decay = self._check_number("average_decay", average_decay, 0, below=1)
        self.target_smoothing = self._check_number("target_smoothing", target_smoothing, maximum=1, above=0)
        if self.target_smoothing == 1:
            _validation.warn_of_no_labels("target_smoothing")

    @property
    def needs_classifier(self):
        return None if self.label_decay == 1 else "its targets move towards the outputs of an averaged network"

    @property
    def num_prediction_outputs(self):
        return self.num_classes - 1

    @property
    def num_outputs(self):
        return 2 * (self.num_classes - 1)

    @property
    def reads_logits(self):
        return False

    def logits(self, y_pred):
        """`V' m`, by sums in place of a product with the `[K - 1, K]` matrix V."""
        counts, norms = self._counts_and_norms()
        ratios = ops.divide(y_pred[..., : self.num_prediction_outputs], norms)
        of_later = ops.flip(ops.cumsum(ops.flip(ratios, axis=-1), axis=-1), axis=-1)
        batch_axes = [[0, 0]] * (len(ratios.shape) - 1)
        return ops.pad(of_later, [*batch_axes, [0, 1]]) - ops.pad(ops.multiply(counts, ratios), [*batch_axes, [1, 0]])

    def _log_ratios(self, targets):
        """`V log s`, `[..., K - 1]`: `(sum_{k <= i} log s_k - i log s_{i+1}) / sqrt(i (i + 1))`, without V."""
        counts, norms = self._counts_and_norms()
        off = self.target_smoothing / self.num_classes
        logs = ops.log((1 - self.target_smoothing) * targets + off) - float(np.log(off))  # 0 for most: sums stay exact
        return ops.divide(ops.cumsum(logs[..., :-1], axis=-1) - ops.multiply(counts, logs[..., 1:]), norms)

    def _log_ratios_of_classes(self, labels):
        """The same of class indices `[batch]`: `log s` is `log s_y` for one class and equal for all others."""
        counts, norms = self._counts_and_norms()
        off = self.target_smoothing / self.num_classes
        step = float(np.log1p((1 - self.target_smoothing) / off))
        places, labels = ops.arange(self.num_classes - 1, dtype="int32"), ops.expand_dims(labels, -1)
        of_earlier = ops.where(places == labels - 1, -step * counts / norms, 0)
        return ops.where(places >= labels, step / norms, of_earlier)

    def _counts_and_norms(self):
        # NumPy arrays: of tensors in a network, an export to ONNX makes inputs.
        counts = np.arange(1.0, self.num_classes)
        return counts.astype(self.dtype), np.sqrt(counts**2 + counts).astype(self.dtype)

    def soft_label_loss(self, targets, y_pred):
        return self._negative_log_density(self._log_ratios(targets), y_pred)

    def class_index_loss(self, labels, y_pred):
        return self._negative_log_density(self._log_ratios_of_classes(labels), y_pred)

    def _negative_log_density(self, log_ratios, y_pred):
        loc, factor = ops.split(y_pred, 2, axis=-1)
        one = ops.ones([], self.dtype)
        constant = 0.5 * float(np.log(2 * np.pi)) * (self.num_classes - 1)
        return SCALES["low_rank"](loc - log_ratios, factor, one) + constant

    def build_state(self):
        return None if self.label_decay == 1 else AveragedNetwork(self.num_classes, self.average_decay)

    def attach_state(self, state):
        super().attach_state(state)
        self.state = lambda: state  # a function, because Keras would save an attribute of the loss a second time

    def prepare_state(self, state, network):
        if state is not None:
            state.follow(network)

    def training_loss(self, network, x, y_true, y_pred, sample_weight=None):
        """The loss to targets shifted towards the averaged network, reduced; it moves the average first.

        With the mean `m + (1 - a^e) (z - m_average)` in place of m, the loss to the label's z is that to z'.
        """
        if self.label_decay == 1:
            return self(y_true, y_pred, sample_weight)
        state = self.state()
        state.update()
        averaged, _ = ops.split(ops.cast(state.outputs(network, x), self.dtype), 2, axis=-1)
        loc, factor = ops.split(ops.cast(y_pred, self.dtype), 2, axis=-1)
        rank, y_true = len(y_pred.shape), ops.convert_to_tensor(y_true)
        labels = y_true if _labels.are_distributions(y_true, self.num_classes, rank) else ops.cast(y_true, "int32")
        targets = _labels.to_distributions(labels, self.num_classes, self.dtype, rank)
        label_weight = self.label_decay ** ops.cast(state.epochs, self.dtype)
        shift = (1 - label_weight) * ops.stop_gradient(self._log_ratios(targets) - averaged)
        shifted = ops.concatenate([loc + shift, factor], axis=-1)
        return self(y_true, _positions.with_mask_of(y_pred, shifted), sample_weight)

    def evaluation_loss(self, y_true, y_pred, sample_weight=None):
        """Cross-entropy of the predicted probabilities, reduced, because the targets of training move."""
        logits = _positions.with_mask_of(y_pred, self.logits(ops.cast(y_pred, self.dtype)))
        return cross_entropy_like(self)(y_true, logits, sample_weight)

    def get_config(self):
        names = ("label_decay", "average_decay", "target_smoothing")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
