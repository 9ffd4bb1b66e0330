"""Updates of compiled metrics, with the labels that each of them reads."""

import tensorflow as tf
from keras import ops
from keras.src.backend import get_keras_mask

from tfp_noise._training.metric_checks import heeds_masks


def update_metrics(compiled, labels, predictions, weights):
    """Does what `update_state` of Keras's `CompileMetrics` does, but with the labels that each metric can read.

    A metric over a confusion matrix, such as `MeanIoU`, knows no masks, but may have an `ignore_class`: that is its
    label of each position that the mask of the predictions leaves out.

    Raises:
        ValueError: if a metric cannot read labels, predictions or weights of their shapes.
    """
    for of_outputs, given in ((compiled._flat_metrics, None), (compiled._flat_weighted_metrics, weights)):
        for metrics in filter(None, of_outputs):
            for metric in metrics.metrics:
                own = _with_ignore_class(metric, labels, get_keras_mask(predictions))
                try:
                    metric.update_state(own, predictions, sample_weight=given)
                except (TypeError, ValueError, tf.errors.InvalidArgumentError) as error:
                    raise ValueError(_refusal(metric, own, predictions, given, error)) from error


def _with_ignore_class(metric, labels, mask):
    if mask is None or heeds_masks(metric):
        return labels
    return ops.where(mask, ops.cast(labels, "int32"), metric.ignore_class)


def _refusal(metric, labels, predictions, weights, error):
    """Words for a metric whose `update_state` failed, with a cure if the shapes show one."""
    shapes = f"labels of shape {tuple(labels.shape)} and predictions of shape {tuple(predictions.shape)}"
    rank, width, cure = len(predictions.shape), predictions.shape[-1], ""
    if weights is not None:
        shapes += f" with `sample_weight` of shape {tuple(weights.shape)}"
    if weights is not None and len(weights.shape) == 2 == rank:
        cure = " Pass weights [batch], or give it as one of `metrics`, which are not weighted."
    elif rank > 2 and len(labels.shape) == rank:
        cure = (
            f" Call it on `y.reshape(-1, {width})` and `p.reshape(-1, {width})`, where `p` is what `predict` returns, "
            "after training."
        )
    return (
        f"`metrics` and `weighted_metrics` must read {shapes}, which {type(metric).__name__} cannot. Received: "
        f"{metric.name!r}, which raises: {error}{cure}"
    )
