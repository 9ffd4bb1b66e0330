"""Ids of examples beside their labels, `{"labels": labels, "ids": ids}`, for losses that remember each example."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from tfp_noise import _labels, _validation


def with_positions(y, loss):
    """Labels in memory beside the positions of their examples, if the loss needs ids and they are not there.

    Raises:
        ValueError: if ids are not there and the labels are fewer than the examples that the loss remembers, or ids are
            there and some are those of two examples, which would share a memory.
    """
    if not loss.needs_ids or not hasattr(y, "__len__"):
        return y
    _validation.check_dense("y", y)  # which has a length, but does not tell it
    if not _labels.have_ids(y):
        if isinstance(y, Mapping):
            return y  # which is refused as in batches
        if len(y) < loss.num_examples:
            raise ValueError(
                f"`y` must be the labels of all {loss.num_examples} examples, the `num_examples` of the loss, if it "
                f"comes without ids, because positions are then the ids. Received: {len(y)}. Make the loss with "
                f"`num_examples={len(y)}`; or, for a part of the data, pass the positions in all of it: "
                '`y={"labels": labels, "ids": positions}`.'
            )
        return {"labels": y, "ids": np.arange(len(y))}
    ids, counts = np.unique(_validation.check_ids('y["ids"]', y["ids"], text=False), return_counts=True)
    if (counts > 1).any():
        first = int(np.argmax(counts > 1))
        raise ValueError(
            f'`y["ids"]` must be distinct, because an example is remembered by its id. Received: {ids[first]} for '
            f"{counts[first]} examples. Leave ids out, so that positions are the ids, or number the examples."
        )
    return y


def check_remembered(y, loss):
    """Refuses labels in memory of which some are others than their ids had in earlier training.

    Args:
        y: labels, after the other checks.
        loss: the loss of the classifier.

    Raises:
        ValueError: if an id has another label than before.
    """
    if not (loss.needs_ids and _labels.have_ids(y)):
        return
    classes, before, changed = loss.changed_labels(y["labels"], y["ids"])
    if changed.any():
        first = int(changed.argmax())
        raise ValueError(
            "`y` must give each id the label that it had in earlier training, because the loss remembers each example "
            f"by its id. Received: another label for {changed.sum()} of {len(changed)} ids, first for the id "
            f"{y['ids'][first]}: class {classes[first]}, and class {before[first]} before. If the same examples come "
            'in another order, pass the ids that they had: `y={"labels": labels, "ids": ids}`. For other data, or '
            "labels that were corrected, make a new loss, and with it a new classifier, which may take over the "
            "network: `NoisyLabelClassifier(model.network, loss)`."
        )


def split(name, y, num_examples):
    """Labels, and their ids if the loss needs them, else `None`; ids that it does not need are left out.

    Args:
        name: text, the argument's name in errors.
        y: labels, with or without ids, in arrays or as `tf.TensorSpec`s.
        num_examples: int, how many examples the loss remembers; `None` for a loss that needs no ids.
    """
    if num_examples is None:
        if isinstance(y, Mapping) and not _labels.have_ids(y):
            cure = f"y[{next(iter(y))!r}]" if len(y) == 1 else '{"labels": labels, "ids": ids}'
            raise ValueError(
                f'`{name}` must be labels, or {{"labels": labels, "ids": ids}}. Received: a dict of '
                f"{sorted(map(str, y))}. Pass `{cure}`."
            )
        return _labels.without_ids(y), None
    if not _labels.have_ids(y):
        received = f"a dict of {sorted(map(str, y))}" if isinstance(y, dict) else "labels alone"
        raise ValueError(
            f'`{name}` must be {{"labels": labels, "ids": ids}} in batches, because the loss remembers each example by '
            f"its id in [0, {num_examples}). Received: {received}. Make batches of (x, {{...}}): of a "
            "`tf.data.Dataset` of single examples `(x, y)` in a fixed order by "
            '`dataset.enumerate().map(lambda i, xy: (xy[0], {"labels": xy[1], "ids": i}))`, before it is shuffled; by '
            "`pipeline.batches(..., with_ids=True)`; or pass arrays `fit(x, y)`, whose positions are the ids."
        )
    return y["labels"], y["ids"]


def check_array(name, ids, size, num_examples):
    """`ids` of any container as an int array `[size]` with values in `[0, num_examples)`."""
    name = f'{name}["ids"]'
    ids = _validation.check_ids(name, ids, text=False)
    if ids.shape != (size,):
        raise ValueError(f"`{name}` must have shape [{size}], one for each label. Received shape {ids.shape}.")
    outside = ~_labels.are_known(ids, num_examples)
    if outside.any():
        position = int(outside.argmax())
        raise ValueError(f"{_range(name, num_examples)} Received: {ids[position]} at position {position}. {_CURE}")
    return ids


def check_spec(name, spec):
    """Refuses the ids of a dataset by their `tf.TensorSpec`."""
    if not (isinstance(spec, tf.TensorSpec) and spec.dtype.is_integer and spec.shape.rank == 1):
        raise TypeError(
            f'`{name}["ids"]` must be integers [batch]. Received a dataset with ids {spec}. Number the examples by '
            "`dataset.enumerate()` before it is batched; ids of any shape get one by `tf.ensure_shape(ids, [None])`."
        )


def assert_ids(name, ids, num_examples):
    """An operation that fails unless all ids of a batch lie in `[0, num_examples)`."""
    ids = tf.cast(ids, tf.int64)
    inside = _labels.are_known(ids, num_examples)
    message = _range(f'{name}["ids"]', num_examples) + " Received:"
    return tf.debugging.Assert(tf.reduce_all(inside), [message, tf.boolean_mask(ids, ~inside), _CURE])


_CURE = "Number the examples from 0, and make the loss with their number as `num_examples`."


def _range(name, num_examples):
    return f"`{name}` must lie in [0, {num_examples}), the `num_examples` of the loss."
