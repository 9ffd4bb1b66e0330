"""Class probabilities and labels of any compiled Keras classifier, by the loss it was compiled with."""

import inspect

import keras
import numpy as np
from scipy import special

from tfp_noise import _validation
from tfp_noise._training.raw_outputs import check_raw_outputs
from tfp_noise._validation import wording
from tfp_noise.classifier import NoisyLabelClassifier
from tfp_noise.losses import NoisyLabelLoss
from tfp_noise.losses._checks import check_one_class

_CURE = (
    "Compile it with a crossentropy of `keras.losses`, such as `SparseCategoricalCrossentropy(from_logits=True)`, or "
    "wrap its network in a `NoisyLabelClassifier`."
)


def check_compiled(name, model):
    """`model` if it is a Keras model that was compiled with one loss that says what its outputs are.

    Args:
        name: text, the argument's name.
        model: what it gave.

    Raises:
        TypeError: if it is no Keras model.
        ValueError: if it is not compiled, or its loss leaves open whether the outputs are logits or probabilities.
    """
    if not isinstance(model, keras.Model):
        raise TypeError(
            f"`{name}` must give a compiled Keras model. Received: {model!r:.100}. Return the model from the function, "
            "after `model.compile(...)`."
        )
    if not model.compiled:
        raise ValueError(f"`{name}` must give a compiled model. Received one before `model.compile(...)`. {_CURE}")
    loss = _loss(model)
    if isinstance(loss, NoisyLabelLoss):
        check_one_class(name, loss)
    from_logits = isinstance(loss, NoisyLabelLoss) or _from_logits(loss)
    if from_logits is None:
        raise ValueError(
            f"The model of `{name}` must have a loss that says whether outputs are logits or probabilities. Received "
            f"the loss {model.loss!r:.100}, which has no `from_logits`. {_CURE}"
        )
    if from_logits and getattr(model, "outputs", None):
        check_raw_outputs(name, model, model.inputs)
    return model


_POSITIONS_CURE = (
    "Pass class indices, with a label for each position that is predicted. For one label an example, flatten the "
    "output before the last layer."
)


def predict(model, x, **kwargs):
    """Float32 `[n, K]` or `[n, ..., K]`, class probabilities of a model that `check_compiled` lets through.

    Predictions of a `NoisyLabelClassifier` are probabilities. Those of another model are logits if its loss has
    `from_logits=True`; with a binary loss its one output is that of class 1.

    Args:
        model: a compiled model.
        x: what `model.predict` takes.
        **kwargs: as in `model.predict`.

    Raises:
        ValueError: for outputs that are not `[n, ..., K]`, or, with a binary loss, not `[n, ..., 1]`.
    """
    outputs, loss = model.predict(x, **kwargs), _loss(model)
    binary = _name(loss).startswith("binary_")
    shape = getattr(outputs, "shape", None)
    if not shape or len(shape) < 2 or (shape[-1] == 1) != binary:
        raise ValueError(
            f"`model.predict` must give one array [n, ..., {1 if binary else 'K'}] where the loss is {_name(loss)}. "
            f"Received {type(outputs).__name__} of shape {shape}. Use the loss that fits the output: a binary one for "
            "one output, a categorical one for an output a class."
        )
    if isinstance(model, NoisyLabelClassifier):
        return outputs.astype(np.float32)
    if isinstance(loss, NoisyLabelLoss):
        return np.asarray(loss.probabilities(keras.ops.convert_to_tensor(outputs)), np.float32)
    outputs, from_logits = outputs.astype(np.float64), _from_logits(loss)
    if binary:
        ones = special.expit(outputs) if from_logits else outputs
        return np.concatenate([1 - ones, ones], axis=-1).astype(np.float32)
    return (special.softmax(outputs, axis=-1) if from_logits else outputs).astype(np.float32)


def one_hot_rows(model, num_classes):
    """Float32 `[K, K]`, the labels for a loss of Keras over distributions; `None` for a loss that takes indices."""
    loss = _loss(model)
    over_distributions = not isinstance(loss, NoisyLabelLoss) and _name(loss).startswith("categorical_")
    return np.eye(num_classes, dtype=np.float32) if over_distributions else None


def ignore_class(model):
    """The class index that the model's loss leaves out, or `None`."""
    return getattr(_loss(model), "ignore_class", None)


def check_labels(model, labels, shape):
    """Refuses labels that do not fit the predictions of the model.

    Args:
        model: a compiled model.
        labels: int `[n, ...]`, class indices.
        shape: `(..., K)`, the shape of the prediction of one example.

    Raises:
        ValueError: for labels of other positions, or outside of `[0, K)` and not the loss's `ignore_class`.
    """
    if labels.shape[1:] != shape[:-1]:
        cure = "Pass `labels[..., 0]`." if labels.shape[1:] == (*shape[:-1], 1) else _POSITIONS_CURE
        axes = ", ".join(["n", *map(str, shape[:-1])])
        raise ValueError(
            f"`labels` must have shape [{axes}], where the model predicts [{axes}, {shape[-1]}]. Received shape "
            f"{labels.shape}. {cure}"
        )
    ignored = ignore_class(model)
    _validation.check_labels("labels", labels, shape[-1], ignored, labels.ndim, wording.NO_LABEL_FOR_LOSS)


def _loss(model):
    loss = model.loss
    if isinstance(loss, (list, tuple)) and len(loss) == 1:
        loss = loss[0]
    return keras.losses.get(loss) if isinstance(loss, str) else loss


def _name(loss):
    return str(getattr(loss, "name", None) or getattr(loss, "__name__", type(loss).__name__))


def _from_logits(loss):
    """True if the loss reads logits, `None` if it does not say."""
    if inspect.isfunction(loss):
        parameter = inspect.signature(loss).parameters.get("from_logits")
        return None if parameter is None else bool(parameter.default)
    return getattr(loss, "from_logits", None)
