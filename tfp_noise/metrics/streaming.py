"""Expected calibration error as a Keras metric that accumulates over batches, for `compile`."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tfp_noise import _labels, _positions, _validation


@keras.saving.register_keras_serializable(package="tfp_noise")
class ExpectedCalibrationError(keras.metrics.Metric):
    """Gap between confidence and accuracy over batches: `sum_b |sum_{n in b} w_n (hit_n - confidence_n)| / sum_n w_n`.

    The result is `expected_calibration_error` of all examples seen, however they were split into batches and replicas:
    each bin accumulates its sum of differences, and the sums of the replicas are added. A confidence that lies on the
    boundary of two bins up to rounding may be counted in either.

    Args:
        num_bins: int >= 1.
        name: name of the metric.
        dtype: dtype of the sums, float32 (the default) or float64.

    Raises:
        TypeError, ValueError: if `num_bins` is not an integer of at least 1, or `dtype` is narrower than float32.

    Example:
        >>> metric = ExpectedCalibrationError(num_bins=15)
        >>> metric.update_state([0], [[0.9, 0.1]])
        >>> metric.update_state([1], [[0.9, 0.1]])
        >>> round(float(metric.result()), 4)
        0.4

    References:
        Guo, Pleiss, Sun, Weinberger. On calibration of modern neural networks. ICML 2017, Eq. 3.
    """

    def __init__(self, num_bins: int = 15, name: str = "expected_calibration_error", dtype: str | None = None):
        super().__init__(name=name, dtype=dtype or "float32")  # because Keras's default, floatx, may be narrower
        self.num_bins = _validation.check_int("num_bins", num_bins, 1)
        if self.dtype not in ("float32", "float64"):
            raise ValueError(
                f"`dtype` must be float32 or float64. Received: {self.dtype}. Leave it out: sums over a data set need "
                "that precision under every mixed-precision policy."
            )
        self._direction = "down"  # tells `EarlyStopping` and `ModelCheckpoint` that smaller is better
        self.differences = self.add_variable([self.num_bins], "zeros", self.dtype, name="differences")
        self.weight = self.add_variable([], "zeros", self.dtype, name="weight")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch.

        Args:
            y_true: class indices `[...]` or `[..., 1]`, or distributions `[..., num_classes]`, whose most probable
                class counts as the label.
            y_pred: probabilities `[..., num_classes]`, rows sum to 1; the dots are `batch` and any further axes.
            sample_weight: weights `[batch]`, `[...]` or `[..., 1]`; 1 by default.

        Raises:
            TypeError, ValueError: if labels do not fit or rows are not distributions; checked only outside of compiled
                functions.
        """
        mask = getattr(y_pred, "_keras_mask", None)
        if tf.executing_eagerly():  # in a compiled step, the classifier has checked the labels before
            y_true = _check_batch(y_true, y_pred, sample_weight)
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.cast(y_pred, self.dtype)
        labels = _labels.to_class_indices(y_true, y_pred.shape[-1], len(y_pred.shape))
        hits = ops.cast(labels, "int32") == ops.cast(ops.argmax(y_pred, axis=-1), "int32")
        confidence = ops.max(y_pred, axis=-1)
        weight = ops.ones_like(confidence)
        if sample_weight is not None:
            weight = _positions.weights_of_positions(ops.cast(sample_weight, self.dtype), y_pred)
            weight = ops.reshape(weight, ops.shape(confidence))
        if mask is not None:
            weight = weight * ops.cast(mask, self.dtype)
        bins = ops.clip(ops.floor(confidence * self.num_bins), 0, self.num_bins - 1)
        of_bins = ops.one_hot(ops.cast(bins, "int32"), self.num_bins, dtype=self.dtype)
        difference = weight * (ops.cast(hits, self.dtype) - confidence)
        # Not a matrix product, because accelerators may compute that with fewer digits.
        of_bins = ops.expand_dims(difference, -1) * of_bins
        self.differences.assign_add(ops.sum(of_bins, axis=list(range(len(of_bins.shape) - 1))))
        self.weight.assign_add(ops.sum(weight))

    def result(self):
        """Float from 0 to 1; 0 if no example was seen."""
        return ops.divide_no_nan(ops.sum(ops.abs(self.differences)), self.weight)

    def get_config(self):
        return {**super().get_config(), "num_bins": self.num_bins}


def _check_batch(y_true, y_pred, sample_weight):
    """Labels as an array, after a check that they and the weights fit the predictions `[..., num_classes]`."""
    _validation.check_one_order({"y_true": y_true, "y_pred": y_pred, "sample_weight": sample_weight})
    y_true = _validation.as_label_array("y_true", y_true)
    num_classes = _validation.check_distributions("y_pred", _positions.as_rows("y_pred", y_pred)).shape[1]
    rank, sizes = len(np.shape(y_pred)), np.shape(y_pred)[:-1]
    whole = y_true.dtype.kind == "f" and (y_true == np.floor(y_true)).all()
    if whole and not _labels.are_distributions(y_true, num_classes, rank):
        y_true = y_true.astype(np.int64)  # Keras's own metrics accept class indices as floats
    if rank > 2 and y_true.ndim not in (rank - 1, rank):
        raise ValueError(
            f"`y_true` must have the axes {sizes} of `y_pred`. Received shape {y_true.shape}. Is `y_pred` in a list? "
            "Pass the array in it."
        )
    _validation.check_targets("y_true", y_true, num_classes, rank=rank)
    if len(y_true) != len(y_pred):
        raise ValueError(f"`y_true` and `y_pred` must have the same length. Received: {len(y_true)} and {len(y_pred)}.")
    if y_true.shape[: rank - 1] != sizes:
        raise ValueError(f"`y_true` must have the axes {sizes} of `y_pred`. Received shape {y_true.shape}.")
    if sample_weight is not None:
        weights = _validation.as_numbers("sample_weight", sample_weight)
        _validation.check_finite("sample_weight", weights, "example")
        if weights.shape not in (sizes[:1], sizes, (*sizes, 1)) or weights.min() < 0:
            raise ValueError(
                f"`sample_weight` must hold a number of at least 0 for each of {len(y_true)} examples. Received: "
                f"{sample_weight!r:.100}."
            )
    return y_true
