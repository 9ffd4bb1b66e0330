"""Checks before a model trains: the size of its batches, weights of examples, and new weights of the network."""

import math
import warnings

import keras
import numpy as np
import tensorflow as tf

from tfp_noise import _positions, _validation, distribute
from tfp_noise._training.input_checks import is_array


def check_batches(x, batch_size, validation_split, strategy):
    """Refuses batches whose size is known and not a multiple of the number of replicas.

    If the size is not known, or only the last batch of an epoch is not such a multiple, there is a warning, because the
    means of all replicas have equal weights, even if one is the mean of fewer examples.
    """
    if strategy.num_replicas_in_sync == 1:
        return
    if isinstance(x, tf.data.Dataset):
        sizes = {spec.shape[0] for spec in tf.nest.flatten(x.element_spec) if spec.shape.rank}
        for size in sizes - {None}:
            distribute.check_batch_size(size, strategy)
        if None in sizes:
            warnings.warn(
                f"The sizes of batches should be multiples of the {strategy.num_replicas_in_sync} replicas. Those of "
                "this dataset are not known in advance; in a batch of another size, examples on the replica with fewer "
                "of them weigh more. Make it with `batch(..., drop_remainder=True)`.",
                stacklevel=3,
            )
    elif arrays := [leaf for leaf in keras.tree.flatten(x) if is_array(leaf)]:
        batch_size = batch_size or 32  # Keras's default
        distribute.check_batch_size(batch_size, strategy)
        whole, rest = divmod(math.floor(len(arrays[0]) * (1 - validation_split)), batch_size)  # as Keras splits
        if rest % strategy.num_replicas_in_sync:
            warnings.warn(
                f"The sizes of batches should be multiples of the {strategy.num_replicas_in_sync} replicas. The last "
                f"one of an epoch has {rest} examples: those on the replica with fewer of them weigh more. Leave them "
                f"out: the others make {whole} whole batches.",
                stacklevel=3,
            )


def check_weights(arguments, y, ignored=None, rank=2, num_labels=1, needs_ids=False):
    """Refuses example weights that are not finite or do not fit, and class weights where Keras cannot look labels up.

    Args:
        arguments: dict, the keyword arguments of `fit` or `evaluate`.
        y: labels; `None` for data in batches, for which Keras looks up every label in `class_weight`.
        ignored: int, the loss's `ignore_class`, or `None`.
        rank: int, how many axes the model's outputs have.
        num_labels: int, how many labels each example or position has.
        needs_ids: bool, true for a loss whose labels stand beside ids.
    """
    weights = arguments.get("sample_weight")
    if weights is not None:
        cure, weights = "Give such examples a weight of 0, or leave them out.", np.asarray(weights)
        _validation.check_finite("sample_weight", weights, "example", cure)
        if hasattr(y, "shape"):
            _positions.check_weights(weights, y.shape[: rank - 1], num_labels)
    if arguments.get("class_weight") is None:
        return
    if num_labels > 1:
        raise ValueError(
            "`class_weight` must be left out for several labels an example, because Keras looks up one label an "
            f"example. Received: {arguments['class_weight']}, for {num_labels} labels. Pass a weight of each label: "
            f"{_weights_as(y, 'np.where(labels == 1, weight_of_present, weight_of_absent)')}."
        )
    if rank > 2:
        raise ValueError(
            "`class_weight` must be left out for labels at each position, because Keras looks up one label an example. "
            f"Received: {arguments['class_weight']}, for outputs of {rank} axes. Pass a weight of each position: "
            f"{_weights_as(y, 'weights[labels]')}, with an array of a weight a class."
        )
    if needs_ids:
        raise ValueError(
            "`class_weight` must be left out for a loss that remembers examples by ids, because Keras looks up labels "
            f"without ids. Received: {arguments['class_weight']}. Pass a weight of each example: "
            f"{_weights_as(y, 'weights[labels]')}, with an array of a weight a class."
        )
    if y is None and ignored is not None:
        raise ValueError(
            "`class_weight` must be left out for batches and a loss with an `ignore_class`, which has no class weight. "
            f"Received: ignore_class={ignored}. Pass batches of (x, y, sample_weight)."
        )


def _weights_as(y, weights):
    """Code that passes weights: beside labels in memory, or in the batches."""
    return f"batches of `(x, y, {weights})`" if y is None else f"`sample_weight={weights}`"


def check_labels_given(y):
    """Refuses a step without labels."""
    if y is None:
        raise ValueError("`y` must hold the labels. Received: None. Pass `fit(x, y)` or batches of (x, y).")


def check_new_weights(model, trained, training, consequence=""):
    """Refuses a model of `build` with trainable variables that were trained before, as layers made elsewhere have.

    Args:
        model: what `build` returned.
        trained: list of the trainable variables of the model before.
        training: text, what the model before was trained in: "fold" or "trial".
        consequence: text, what follows from it.
    """
    seen = set(map(id, trained))
    shared = [variable.path for variable in model.trainable_variables if id(variable) in seen]
    if shared:
        raise ValueError(
            f"`build` must give new weights each time. Received a model with {len(shared)} that were trained in the "
            f"{training} before, such as {shared[0]!r}{consequence}. Make or load the layers inside the function, or "
            "freeze those that are shared: `layer.trainable = False`."
        )
