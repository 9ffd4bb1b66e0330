"""Updates of compiled metrics: the labels that each of them reads, and refusal of those that count what is left out."""

import inspect

import keras
from keras import ops
from keras.src.backend import get_keras_mask

from tfp_noise.metrics import ExpectedCalibrationError

_HEED_MASKS = keras.metrics.MeanMetricWrapper | ExpectedCalibrationError | keras.metrics.Mean


def update_metrics(compiled, labels, predictions, weights):
    """Does what `update_state` of Keras's `CompileMetrics` does, but with the labels that each metric can read.

    A metric over a confusion matrix, such as `MeanIoU`, knows no masks, but may have an `ignore_class`: that is its
    label of each position that the mask of the predictions leaves out.
    """
    for of_outputs, given in ((compiled._flat_metrics, None), (compiled._flat_weighted_metrics, weights)):
        for metrics in filter(None, of_outputs):
            for metric in metrics.metrics:
                own = _with_ignore_class(metric, labels, get_keras_mask(predictions))
                metric.update_state(own, predictions, sample_weight=given)


def _with_ignore_class(metric, labels, mask):
    if mask is None or isinstance(metric, _HEED_MASKS):
        return labels
    return ops.where(mask, ops.cast(labels, "int32"), metric.ignore_class)


def check_heed_masks(metrics, ignored, labels, predictions):
    """Refuses metrics that cannot leave out examples of a loss's `ignore_class`, or positions under a mask of Keras.

    Args:
        metrics: list of Keras metrics.
        ignored: the loss's `ignore_class`, or `None`.
        labels: tensor as metrics read it: class indices, distributions, or several labels.
        predictions: tensor of probabilities, with a mask of Keras or without.
    """
    mask = get_keras_mask(predictions)
    if mask is None and ignored is None:
        return
    has_place = mask is None or len(mask.shape) == len(labels.shape)  # one-hot labels have none for `ignore_class`
    for metric in metrics:
        leaves_out = has_place and getattr(metric, "ignore_class", None) is not None
        if not isinstance(metric, _HEED_MASKS) and not leaves_out:
            takes_it = has_place and "ignore_class" in inspect.signature(type(metric)).parameters
            cure = f"Give it `ignore_class={-1 if ignored is None else ignored}`, or call" if takes_it else "Call"
            raise ValueError(
                f"`metrics` must leave out {what_is_left_out(ignored)}, which {type(metric).__name__} cannot. "
                f"Received: {metric.name!r}. {cure} it on `predict` without those, after training."
            )


def what_is_left_out(ignored):
    """Words for what metrics do not count: the loss's `ignore_class`, or if it has none, what a mask leaves out."""
    return "positions under a mask of Keras" if ignored is None else "examples of `ignore_class`"


def check_forms(metrics, labels, predictions):
    """Refuses metrics over a confusion matrix that read labels or predictions in another form than they have."""
    sparse = len(labels.shape) < len(predictions.shape)
    for metric in metrics:
        if getattr(metric, "sparse_y_true", sparse) != sparse or getattr(metric, "sparse_y_pred", False):
            raise ValueError(
                f"`metrics` must read {'class indices' if sparse else 'distributions'} as labels, and probabilities. "
                f"Received: {metric.name!r} of the class {type(metric).__name__}. Take `MeanIoU` or `IoU` with "
                f"`sparse_y_true={sparse}, sparse_y_pred=False`."
            )
