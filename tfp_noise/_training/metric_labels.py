"""Labels in the form that a model's Keras metrics can read."""

import keras

from tfp_noise import _labels


def without_ignored(y, mask, loss, rank):
    """Labels without the loss's `ignore_class`, which metrics cannot read, and a mask that leaves those examples out.

    Args:
        y: class indices or distributions.
        mask: the mask that Keras has for the predictions, or `None`.
        loss: a `NoisyLabelLoss`.
        rank: int, how many axes the predictions have.
    """
    if loss.ignore_class is None or _labels.are_distributions(y, loss.num_classes, rank):
        return y, mask
    y = _labels.to_class_indices(y, loss.num_classes, rank)
    valid = keras.ops.not_equal(y, loss.ignore_class)
    y = keras.ops.where(valid, y, keras.ops.zeros_like(y))
    return y, valid if mask is None else keras.ops.logical_and(valid, mask)


def in_form(y, num_classes, distributions, rank):
    """Labels as distributions or, for `distributions=False`, as class indices, beside predictions of `rank` axes.

    Keras chooses the metric for "accuracy" by the form of the first batch. Labels in the other form, such as class
    indices in validation after mixed labels in training, would give that metric wrong numbers.
    """
    if distributions:
        return _labels.to_distributions(y, num_classes, rank=rank)
    return _labels.to_class_indices(y, num_classes, rank)
