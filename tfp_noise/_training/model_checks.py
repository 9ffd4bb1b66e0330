"""Checks before a model trains: the size of its batches and its metrics."""

import math
import warnings

import keras
import numpy as np
import tensorflow as tf

from tfp_noise import _validation, distribute
from tfp_noise._training.input_checks import is_array
from tfp_noise.metrics import ExpectedCalibrationError


def check_batches(x, batch_size, validation_split, strategy):
    """Refuses training batches that the replicas cannot divide, where their size is known before they come.

    Where it is not, and for a last batch of an epoch that they cannot divide, there is a warning: the replicas' means
    count alike, however few examples they are of.
    """
    if strategy.num_replicas_in_sync == 1:
        return
    if isinstance(x, tf.data.Dataset):
        sizes = {spec.shape[0] for spec in tf.nest.flatten(x.element_spec) if spec.shape.rank}
        for size in sizes - {None}:
            distribute.check_batch_size(size, strategy)
        if None in sizes:
            warnings.warn(
                f"The {strategy.num_replicas_in_sync} replicas should divide every batch. Those of this dataset have a "
                "size that is not known before they come; in one that they cannot divide, examples on the replica with "
                "fewer of them weigh more. Make it with `batch(..., drop_remainder=True)`.",
                stacklevel=3,
            )
    elif arrays := [leaf for leaf in keras.tree.flatten(x) if is_array(leaf)]:
        batch_size = batch_size or 32  # Keras's own
        distribute.check_batch_size(batch_size, strategy)
        whole, rest = divmod(math.floor(len(arrays[0]) * (1 - validation_split)), batch_size)  # as Keras splits
        if rest % strategy.num_replicas_in_sync:
            warnings.warn(
                f"The {strategy.num_replicas_in_sync} replicas should divide every batch. The last one of an epoch has "
                f"{rest} examples: those on the replica with fewer of them weigh more. Leave them out: the others make "
                f"{whole} whole batches.",
                stacklevel=3,
            )


def check_weights(arguments, ignored=None, batches=False):
    """Refuses weights that are not finite, and those by class of batches that hold labels to be ignored.

    Args:
        arguments: dict, of `fit` or `evaluate`.
        ignored: int, the loss's `ignore_class`, or `None`.
        batches: bool, data come in batches, of whose labels Keras looks each up in `class_weight`.
    """
    weights = arguments.get("sample_weight")
    if weights is not None:
        cure = "Give such examples a weight of 0, or leave them out."
        _validation.check_finite("sample_weight", np.asarray(weights), "example", cure)
    if batches and ignored is not None and arguments.get("class_weight") is not None:
        raise ValueError(
            "`class_weight` must be left out for batches with a loss that has an `ignore_class`, which is no class. "
            f"Received: ignore_class={ignored}. Give batches of (x, y, sample_weight)."
        )


def check_heed_masks(metrics):
    """Refuses metrics that would count examples of a loss's `ignore_class`."""
    for metric in metrics:
        if not isinstance(metric, keras.metrics.MeanMetricWrapper | ExpectedCalibrationError | keras.metrics.Mean):
            raise ValueError(
                f"`metrics` must leave out examples of `ignore_class`, which {type(metric).__name__} cannot. Received: "
                f"{metric.name!r}. Call it on `predict` and the other examples, after training."
            )
