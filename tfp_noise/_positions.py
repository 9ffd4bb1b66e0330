"""Weights, predictions and labels of outputs with a label at each position, such as a pixel or a token."""

import keras
import numpy as np
from keras import ops
from keras.src.backend import get_keras_mask, set_keras_mask

from tfp_noise import _labels, _validation


def as_rows(name, probabilities):
    """Probabilities `[n, ..., K]` as an array with a row for each position; those `[n, K]` as they are."""
    array = _validation.as_numbers(name, probabilities)
    if array.ndim <= 2:
        return array
    if array.shape[-1] < 2:
        raise ValueError(
            f"`{name}` must have shape [n, ..., num_classes], at least two classes. Received shape {array.shape}."
        )
    return array.reshape(-1, array.shape[-1])


def as_examples(probabilities, labels=None):
    """Probabilities `[n, ..., K]` and labels `[n, ...]`, with each position as an example; those of examples as given.

    Args:
        probabilities: numbers in any container.
        labels: class indices in any container, or `None`.
    """
    rows, shape = as_rows("probabilities", probabilities), np.shape(probabilities)
    if labels is not None and len(shape) > 2:
        labels = _validation.check_indices("labels", labels, rank=None)
        if labels.shape != shape[:-1]:
            in_list = shape == (1, *labels.shape, shape[-1])
            cure = " Are `probabilities` in a list? Pass the array in it." if in_list else ""
            raise ValueError(
                f"`labels` must have the shape {shape[:-1]} of `probabilities` without the classes. Received: "
                f"{labels.shape}.{cure}"
            )
        labels = labels.reshape(-1)
    return rows, labels


def weights_of_positions(weights, outputs):
    """Weights as floats of the shape of the losses, `outputs.shape[:-1]`; those of outputs `[batch, n]` stay as given.

    Args:
        weights: numbers `[batch]`, `[...]` or `[..., 1]`, or a scalar.
        outputs: tensor `[..., n]`.
    """
    _check_rank_of_weights(weights)
    check_weights(weights, tuple(outputs.shape)[:-1])
    rank, axes = len(outputs.shape), len(weights.shape)
    if rank == 2:
        return weights
    if axes == 1:
        weights = ops.reshape(weights, [-1] + [1] * (rank - 2))
    elif axes == rank:
        weights = ops.squeeze(weights, -1)
    return _spread(weights, ops.shape(outputs)[:-1])


def _spread(weights, shape):
    """Weights broadcast to a shape, as a copy: Keras multiplies weights in place, which PyTorch refuses for a view."""
    return ops.copy(ops.broadcast_to(weights, shape))


def check_weights(weights, sizes, num_labels=1):
    """Refuses weights that are neither one an example nor one for each loss.

    Args:
        weights: tensor, array or `tf.TensorSpec` of known rank.
        sizes: the axes of labels that are class indices, `[batch]` or `[batch, ...]`, `None` where one is not known.
        num_labels: int, how many labels each example or position has.
    """
    given, rank = tuple(weights.shape), len(sizes) + 1
    per_example = same_sizes(given, tuple(sizes)[:1]) or not given  # a scalar scales the loss, as in Keras
    per_loss = _labels.are_class_indices(weights, rank) and same_sizes(given[: rank - 1], sizes)
    per_label = num_labels > 1 and same_sizes(given, (*sizes, num_labels))
    if not (per_example or per_loss or per_label):
        cure = f" Or pass a weight for each label, [..., {num_labels}]." if num_labels > 1 else ""
        if same_sizes(given, (sizes[0], 1)):
            cure = f" Pass `sample_weight[:, 0]` for weights of examples.{cure}"
        raise ValueError(
            "`sample_weight` must be numbers [batch], or one for each loss, [...] or [..., 1], where the dots are the "
            f"axes of the outputs but the last. Received shape {given} for losses of shape "
            f"{tuple(sizes)}.{cure}"
        )


def _check_rank_of_weights(weights):
    """Refuses weights whose number of axes a trace does not know, which would be broadcast in any way."""
    if _labels.rank_of(weights) is None:
        raise ValueError(
            "`sample_weight` must have a rank that is known when the step is traced. Received: weights of any rank. "
            "Keras traces a step for any rank where weights of another rank follow. Pass weights of one form "
            "throughout, or call `compile` again in between."
        )


def weights_of_labels(weights, outputs, num_labels):
    """Weights as floats of the shape `[..., num_labels]` of losses that are one a label.

    Args:
        weights: numbers as `weights_of_positions` takes them, or `[..., num_labels]`.
        outputs: tensor `[..., n]`.
        num_labels: int, L.
    """
    _check_rank_of_weights(weights)
    shape = (*tuple(outputs.shape)[:-1], num_labels)
    if same_sizes(weights.shape, shape):
        return weights
    check_weights(weights, shape[:-1], num_labels)
    weights = weights_of_positions(weights, outputs)
    if len(weights.shape) < len(shape):
        weights = ops.expand_dims(weights, -1)
    return _spread(weights, (*ops.shape(outputs)[:-1], num_labels))


def with_mask_of_labels(outputs, num_labels):
    """Outputs whose mask of Keras, if they have one, is that of each label of a position."""
    mask = get_keras_mask(outputs)
    if mask is None:
        return outputs
    masked = ops.copy(outputs)
    set_keras_mask(masked, ops.broadcast_to(ops.expand_dims(mask, -1), (*ops.shape(outputs)[:-1], num_labels)))
    return masked


def with_mask_of(outputs, made):
    """The tensor that was `made` of outputs, with the mask that Keras has for them."""
    if (mask := get_keras_mask(outputs)) is not None:
        set_keras_mask(made, mask)
    return made


def check_mask(outputs):
    """Refuses a mask of Keras of another shape than the losses, `outputs.shape[:-1]`, which Keras would broadcast."""
    mask = get_keras_mask(outputs)
    if mask is not None and not same_sizes(mask.shape, outputs.shape[:-1]):
        raise ValueError(
            f"The mask of `y_pred` must have the axes of `y_pred` but the last. Received a mask of shape "
            f"{tuple(mask.shape)} with `y_pred` of shape {tuple(outputs.shape)}. Does a layer change the axes and hand "
            "the mask on?"
        )


def nan_unless_sizes_fit(labels, outputs):
    """Outputs as given, or all NaN if labels have other axes in the middle where a trace does not know their sizes.

    TensorFlow then raises, too, but for a step that XLA compiles, from which assertions vanish.
    """
    between = slice(1, len(outputs.shape) - 1)
    if None not in (*labels.shape[between], *outputs.shape[between]) or keras.backend.backend() != "tensorflow":
        return outputs
    import tensorflow as tf

    sizes = tf.shape(labels)[between], tf.shape(outputs)[between]
    tf.debugging.assert_equal(*sizes, "`y_true` must have the axes of `y_pred` but the last.")
    return ops.where(ops.all(ops.equal(*sizes)), outputs, float("nan"))


def same_sizes(one, other):
    """True for shapes of one length that do not differ where both are known."""
    pairs = zip(tuple(one), tuple(other), strict=False)
    return len(one) == len(other) and all(a == b or a is None or b is None for a, b in pairs)
