"""Updates of compiled metrics, with the labels that each of them reads."""

import keras
from keras import ops
from keras.src.backend import get_keras_mask

from tfp_noise._training.metric_checks import heeds_masks, refused_in_words


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
                with refused_in_words(metric, labels, predictions, given):
                    _check_rank_of_weights(metric, given)
                    metric.update_state(own, predictions, sample_weight=given)


def _with_ignore_class(metric, labels, mask):
    if mask is None or heeds_masks(metric):
        return labels
    return ops.where(mask, ops.cast(labels, "int32"), metric.ignore_class)


def _check_rank_of_weights(metric, weights):
    """Refuses weights of labels for an F-score, which would multiply all examples with all weights."""
    of_keras = type(metric).update_state is keras.metrics.FBetaScore.update_state
    if of_keras and weights is not None and len(weights.shape) > 1:
        raise ValueError("it reads one weight an example.")
