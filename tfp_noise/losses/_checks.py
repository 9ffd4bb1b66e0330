"""Checks of a loss (a `NoisyLabelLoss`), of its owner, and of the labels and outputs that it is called with."""

import keras
from keras.src.backend import get_keras_mask

from tfp_noise import _backends, _labels, _positions


def check_dtype(loss):
    """Refuses arithmetic that is narrower than float32."""
    if loss.dtype not in ("float32", "float64"):
        raise ValueError(
            f"`dtype` must be float32 or float64. Received: {loss.dtype}. A loss keeps its arithmetic wide under every "
            "mixed-precision policy; give the policy to the network, not to the loss."
        )


def check_backend(loss):
    """Refuses a dtype that the backend of Keras does not compute in, and state that it does not keep."""
    backend = keras.backend.backend()
    if loss.dtype == "float64" and backend == "torch":
        raise ValueError(
            "`dtype` must be float32 on PyTorch. Received: float64, which several operations of Keras round to float32 "
            "there. Leave `dtype` out, and a floatx of float64 too."
        )
    if loss.dtype == "float64" and backend == "jax":
        import jax

        if not jax.config.jax_enable_x64:
            raise ValueError(
                "`dtype` must be float32 unless JAX computes in 64 bits. Received: float64. Set the environment "
                "variable JAX_ENABLE_X64=1 before Keras is imported, or leave `dtype` out."
            )
    if isinstance(type(loss).needs_classifier, str):  # a property may read what a constructor has yet to set
        check_state(loss)


def check_state(loss):
    """Refuses a loss that needs a classifier on a backend that has none."""
    if loss.needs_classifier:
        _backends.require_tensorflow(type(loss).__name__, loss.needs_classifier)


def check_no_ignore_class(loss):
    """Refuses `ignore_class` in a loss that is not a sum over independent examples."""
    if loss.needs_whole_batch and loss.ignore_class is not None:
        raise ValueError(
            f"`ignore_class` must be None for this {type(loss).__name__}, because {loss.needs_whole_batch}. Received: "
            f"{loss.ignore_class}. Leave those examples out of the data."
        )


def check_no_mask(loss, outputs):
    """Refuses outputs under a mask in a loss that is not a sum over independent examples."""
    if loss.needs_whole_batch and get_keras_mask(outputs) is not None:
        raise ValueError(
            f"`y_pred` must have no mask of Keras for this {type(loss).__name__}, because {loss.needs_whole_batch}. "
            "Received: outputs with a mask. Leave out what masks, such as `Masking` or `mask_zero=True` of `Embedding`."
        )


def refuse_second_owner(loss):
    """Says that a loss belongs to another classifier already."""
    kind = type(loss).__name__
    raise ValueError(
        f"`loss` must belong to one classifier, because {loss.needs_classifier}. Received: a {kind} that belongs to "
        f"another one. Make a second loss: `{kind}.from_config(loss.get_config())`."
    )


def check_one_class(name, loss):
    """Refuses a loss of several labels where a class of each example is needed.

    Args:
        name: text, the argument that gives the loss.
        loss: a `NoisyLabelLoss`.
    """
    if hasattr(loss, "num_labels"):
        raise ValueError(
            f"`{name}` must have a loss for one class of several an example. Received: a {type(loss).__name__} for "
            f"{loss.num_labels} labels. Treat each label by itself, as two classes: `np.stack([1 - p, p], axis=-1)` "
            "are its probabilities."
        )


def check_owner(loss):
    """Refuses a loss that needs a classifier where `keras.Model.compile(loss=...)` calls it, by Keras's name scope."""
    check_state(loss)
    if loss.needs_classifier and "compile_loss" in _scope():
        raise ValueError(
            f"{type(loss).__name__} must belong to a `NoisyLabelClassifier`, because {loss.needs_classifier}. "
            "Received: `compile(loss=...)` of another Keras model, which keeps nothing for a loss between steps. "
            "Wrap the network: `NoisyLabelClassifier(network, loss)`."
        )


def _scope():
    import tensorflow as tf  # a loss that needs a classifier exists on this backend only

    return tf.get_current_name_scope()


def check_raw(outputs):
    """Refuses probabilities, by the mark that Keras's softmax and sigmoid leave on them."""
    if hasattr(outputs, "_keras_logits"):
        raise ValueError(
            "`y_pred` must hold raw outputs. Received: the output of a softmax or sigmoid, to which the loss would "
            "apply a softmax again. Leave the activation out of the last layer."
        )


def what_it_reads(loss):
    """Words for the loss and what its outputs are read for."""
    labels = getattr(loss, "num_labels", None)
    return f"{type(loss).__name__} reads for {f'{loss.num_classes} classes' if labels is None else f'{labels} labels'}"


def check_multi_label_shapes(loss, labels, outputs):
    """Refuses tensors that are not labels `[..., loss.num_labels]` and outputs `[..., loss.num_outputs]`."""
    rank, wide = _check_ranks(loss, labels, outputs), loss.num_labels
    shape = tuple(labels.shape)
    rows = len(shape) == rank and shape[-1] == wide
    if not (rows or (wide == 1 and len(shape) == rank - 1)) or not _positions.same_sizes(
        shape[: rank - 1], outputs.shape[:-1]
    ):
        raise ValueError(
            f"`y_true` must be numbers in [0, 1] of shape [..., {wide}], one a label, where the dots are the axes of "
            f"`y_pred` but the last. Received shape {shape} with `y_pred` of shape {tuple(outputs.shape)}. For class "
            "indices, one of several classes an example, use a loss with that `num_classes`, without MultiLabel."
        )


def _check_ranks(loss, labels, outputs):
    """The number of axes of outputs `[..., loss.num_outputs]`, whose labels have a known number of axes."""
    rank = len(outputs.shape)
    if rank < 2 or outputs.shape[-1] != loss.num_outputs:
        raise ValueError(
            f"`y_pred` must have shape [batch, ..., {loss.num_outputs}], the outputs that {what_it_reads(loss)}. "
            f"Received shape {tuple(outputs.shape)}."
        )
    if _labels.rank_of(labels) is None:
        raise ValueError(
            "`y_true` must have a rank that is known when the step is traced. Received: labels of any rank. Keras "
            "traces a step for any rank where columns, or distributions of the same dtype, follow class indices. Pass "
            "class indices as [...] throughout, without a last axis of size 1, and distributions as floats."
        )
    return rank


def check_shapes(loss, labels, outputs):
    """Refuses tensors that are not labels and outputs `[..., loss.num_outputs]`."""
    rank = _check_ranks(loss, labels, outputs)
    distributions = _labels.are_distributions(labels, loss.num_classes, rank)
    known = distributions or _labels.are_class_indices(labels, rank)
    if not known or not _positions.same_sizes(labels.shape[: rank - 1], outputs.shape[:-1]):
        raise ValueError(
            f"`y_true` must be class indices [...] or [..., 1], or distributions [..., {loss.num_classes}], where the "
            f"dots are the axes of `y_pred` but the last. Received shape {tuple(labels.shape)} with `y_pred` of shape "
            f"{tuple(outputs.shape)}. Is `num_classes` right?"
        )
    if distributions and loss.ignore_class is not None and 0 <= loss.ignore_class < loss.num_classes:
        raise ValueError(
            f"`y_true` must be class indices where `ignore_class` is one of the classes. Received: distributions "
            f"{tuple(labels.shape)} with ignore_class={loss.ignore_class}, of which none would be left out. Pass class "
            "indices, or leave `ignore_class` out and give such rows a `sample_weight` of 0."
        )
