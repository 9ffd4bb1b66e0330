"""Losses of single examples before they are reduced, for methods that choose among examples or weigh them."""

import tensorflow as tf
from keras import ops
from keras.src.backend import get_keras_mask

from tfp_noise import _positions
from tfp_noise.losses._checks import check_one_class
from tfp_noise.losses._state import gather


def check_own_loss(kind, loss):
    """Refuses a loss that is not the mean of one number for each example, for a class of classifiers, `kind`.

    Args:
        kind: text, the name of the class.
        loss: a `NoisyLabelLoss`.
    """
    check_one_class("loss", loss)
    if loss.needs_whole_batch:
        raise ValueError(
            f"`loss` must be one number for each example by itself for {kind}, which takes each example's loss. "
            f"Received: {type(loss).__name__}, for which {loss.needs_whole_batch}. Take another loss, such as "
            "`losses.CrossEntropy`."
        )
    if loss.build_state() is not None:
        raise ValueError(
            f"`loss` must keep nothing between steps for {kind}. Received: {type(loss).__name__}, which learns from "
            "the predictions of one network for all examples alike. Take another loss, such as `losses.CrossEntropy`."
        )
    if loss.reduction not in ("sum_over_batch_size", "mean"):
        raise ValueError(
            f"`loss.reduction` must be the mean over a batch for {kind}, which weighs the examples itself. Received: "
            f"{loss.reduction!r}. Leave `reduction` out."
        )


def example_losses(loss, y_true, y_pred, sample_weight=None):
    """Losses of examples or positions before reduction.

    Args:
        loss: a `NoisyLabelLoss` that `check_own_loss` accepts.
        y_true: labels as the loss takes them.
        y_pred: raw network outputs `[..., num_outputs]`.
        sample_weight: as the loss takes it, or `None`.

    Returns:
        `(losses, weights, counts)`, each `[...]`: the losses without weights, their weights, and a boolean, false for
        what a mask of Keras or `ignore_class` leaves out, whose weight is 0.
    """
    _positions.check_mask(y_pred)
    losses = loss.call(*loss._prepared(y_true, y_pred))
    counts = ops.ones_like(losses, dtype="bool")
    for mask in (get_keras_mask(y_pred), get_keras_mask(losses)):
        if mask is not None:
            counts = ops.logical_and(counts, ops.cast(mask, "bool"))
    weights = ops.cast(counts, loss.dtype)
    if sample_weight is not None:
        given = loss._loss_weights(ops.convert_to_tensor(sample_weight, loss.dtype), y_pred)
        weights = weights * (ops.reshape(given, [-1]) if len(y_pred.shape) == 2 else given)
    return losses, weights, counts


def smallest(losses, counts, fraction):
    """The smallest losses of the whole batch, on all replicas together.

    Args:
        losses: float `[...]`, of this replica's part of the batch.
        counts: boolean `[...]`, false for losses that are never chosen.
        fraction: float tensor in [0, 1], the fraction that is chosen of those that count, rounded down, but at least
            one.

    Returns:
        `(chosen, number)`: a boolean `[...]` for this replica's part, and how many are chosen on all replicas, a float.
        Of equal losses, the first is chosen.
    """
    own = ops.reshape(ops.where(counts, losses, float("inf")), [-1])
    everyone, all_counts = gather(own, ops.reshape(ops.cast(counts, losses.dtype), [-1]))
    # The small number, because in float32 `(1 - 0.35) 20` may lie a little below 13.
    number = ops.maximum(ops.floor(fraction * ops.sum(all_counts) + 1e-4), 1)
    ranks = ops.take(ops.argsort(ops.argsort(everyone)), _places(own))
    chosen = ops.reshape(ops.cast(ranks, losses.dtype) < number, ops.shape(losses))
    return ops.logical_and(chosen, counts), number


def _places(own):
    """The positions of this replica's entries `own`, `[n]`, among those of all replicas as `gather` returns them."""
    places = ops.arange(ops.shape(own)[0])
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return places
    (sizes,) = gather(ops.shape(places)[0] * ops.ones([1], "int32"))
    earlier = ops.arange(context.num_replicas_in_sync) < context.replica_id_in_sync_group
    return places + ops.sum(ops.where(earlier, sizes, 0))
