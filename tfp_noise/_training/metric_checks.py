"""Refusal of metrics that cannot read labels and predictions, or that would count what is left out."""

import contextlib
import functools
import inspect

import keras
import tensorflow as tf
from keras.src.backend import compute_output_spec, get_keras_mask

from tfp_noise import _validation
from tfp_noise.losses import NoisyLabelLoss
from tfp_noise.metrics import ExpectedCalibrationError

_UPDATES_WITH_MASK = keras.metrics.MeanMetricWrapper.update_state, ExpectedCalibrationError.update_state


def heeds_masks(metric):
    """True for metrics whose `update_state` reads the mask of the predictions; a subclass may override that."""
    return type(metric).update_state in _UPDATES_WITH_MASK


def check_leave_out(metrics, ignored, labels, predictions, num_labels=1):
    """Refuses metrics that cannot leave out examples of a loss's `ignore_class`, or positions under a mask of Keras.

    Args:
        metrics: list of Keras metrics.
        ignored: the loss's `ignore_class`, or `None`.
        labels: tensor as metrics read it: class indices, distributions, or several labels.
        predictions: tensor of probabilities, with a mask of Keras or without.
        num_labels: int, how many labels each example or position has.
    """
    mask = get_keras_mask(predictions)
    if mask is None and ignored is None:
        return
    has_place = mask is None or len(mask.shape) == len(labels.shape)  # one-hot labels have none for `ignore_class`
    for metric in metrics:
        leaves_out = has_place and getattr(metric, "ignore_class", None) is not None
        if not heeds_masks(metric) and not leaves_out:
            takes_it = has_place and "ignore_class" in inspect.signature(type(metric)).parameters
            first = f"Give it `ignore_class={-1 if ignored is None else ignored}`, or call" if takes_it else "Call"
            if isinstance(metric, keras.metrics.Mean) and type(metric).result is keras.metrics.Mean.result:
                first = "Pass a function with a value for each label instead, which Keras takes the mean of, or call"
            raise ValueError(
                f"`metrics` must leave out {what_is_left_out(ignored)}, which {type(metric).__name__} cannot. "
                f"Received: {metric.name!r}. {first} {_on_what_is_known(ignored, num_labels)}"
            )
    for metric in metrics:
        if mask is not None:
            check_has_value_for_each(metric, labels, predictions, len(mask.shape), ignored)


def _on_what_is_known(ignored, num_labels):
    """The end of a cure: what a metric that knows no masks is called on."""
    if ignored is None:
        return (
            "it on `predict` without those, after training: on `y[known]` and `p[known]`, where `p` is what `predict` "
            "returns and `known` is True at positions that the mask keeps."
        )
    if num_labels == 1:
        return (
            "it on `predict` without those, after training: on `y[known]` and `p[known]`, where `p` is what `predict` "
            f"returns and `known` is `y != {ignored}`."
        )
    return (
        f"a new one for each label `l`, after training: with `known = y[..., l] != {ignored}` on `y[known][:, [l]]` "
        "and `p[known][:, [l]]`, where `p` is what `predict` returns."
    )


def what_is_left_out(ignored):
    """Words for what metrics do not count: the loss's `ignore_class`, or if it has none, what a mask leaves out."""
    return "positions under a mask of Keras" if ignored is None else "examples of `ignore_class`"


def check_has_value_for_each(metric, labels, predictions, rank, ignored):
    """Refuses the mean of a function with fewer values than a mask has, such as one number for a batch.

    Args:
        metric: as `compile` takes it.
        labels: tensor or `keras.KerasTensor`.
        predictions: tensor or `keras.KerasTensor`.
        rank: int, how many axes the mask has.
        ignored: the loss's `ignore_class`, or `None`.
    """
    function = _function_of(metric)
    if isinstance(function, keras.metrics.Metric):  # `check_leave_out` knows it by its class
        return
    like = (keras.KerasTensor(tensor.shape, tensor.dtype) for tensor in (labels, predictions))
    with refused_in_words(metric, labels, predictions):
        values = compute_output_spec(function, *like)
    if len(values.shape) < rank:
        raise ValueError(
            f"`metrics` must have a value for each label to leave out {what_is_left_out(ignored)}. Received: "
            f"{getattr(metric, 'name', metric)!r}, one value for several labels, such as a mean over the labels of an "
            "example. Call it on `predict` and the labels that count, after training."
        )


@contextlib.contextmanager
def refused_in_words(metric, labels, predictions, weights=None):
    """Names a metric that fails on labels, predictions or weights, and a cure if their shapes show one."""
    try:
        yield
    except (TypeError, ValueError, tf.errors.InvalidArgumentError) as error:
        shapes = f"labels of shape {tuple(labels.shape)} and predictions of shape {tuple(predictions.shape)}"
        rank, width, cure = len(predictions.shape), predictions.shape[-1], ""
        if weights is not None:
            shapes += f" with `sample_weight` of shape {tuple(weights.shape)}"
        if weights is not None and len(weights.shape) == 2 == rank:
            cure = " Pass weights [batch], or give it as one of `metrics`, which are not weighted."
        elif rank > 2 and len(labels.shape) == rank:
            cure = (
                f" Call it on `y.reshape(-1, {width})` and `p.reshape(-1, {width})`, where `p` is what `predict` "
                "returns, after training."
            )
        raise ValueError(
            f"`metrics` and `weighted_metrics` must read {shapes}, which {type(metric).__name__} cannot. Received: "
            f"{getattr(metric, 'name', metric)!r}, which raises: {error}{cure}"
        ) from error


def check_reads_probabilities(metric, cross_entropy):
    """Refuses as metrics what reads raw outputs in place of probabilities, and loss objects that reduce a batch.

    Args:
        metric: as `compile` takes it.
        cross_entropy: text, the metrics of Keras that are the cross-entropy of the labels.
    """
    function = None if metric is None or isinstance(metric, str) else _function_of(metric)
    of = getattr(function, "func", function)
    arguments = getattr(function, "keywords", None) or getattr(of, "_fn_kwargs", {})
    kind = type(metric if isinstance(metric, keras.Metric) else of).__name__
    received = f"Received: {getattr(metric, 'name', metric)!r}, {_validation.with_article(kind)}"
    if isinstance(of, NoisyLabelLoss):
        raise ValueError(
            f"`metrics` must read probabilities, which losses of raw outputs do not. {received}. `fit` reports the "
            f'classifier\'s own loss as "loss" and "val_loss"; for cross-entropy take {cross_entropy}.'
        )
    if isinstance(of, keras.Loss) and of.reduction not in (None, "none"):
        name = type(of).__name__
        cure = f"`keras.metrics.{name}()`" if hasattr(keras.metrics, name) else "it with `reduction=None`"
        raise ValueError(
            f"`metrics` must have a value for each label, of which Keras takes the mean. {received}: a loss "
            f"that reduces a batch to one number, so that a smaller batch would count as much as others. Take {cure}."
        )
    if arguments.get("from_logits") or getattr(of, "from_logits", False) or getattr(of, "_from_logits", False):
        raise ValueError(
            f"`metrics` must read probabilities. {received}, with `from_logits=True`. Leave `from_logits` out."
        )


def check_forms(metrics, labels, predictions):
    """Refuses metrics of one class of several that read labels or predictions in another form than they have.

    Of Keras's metrics, those with "sparse" in their names and `IoU` with `sparse_y_true` read class indices, all others
    labels of the shape of the predictions: class indices beside these are paired with entries of another example, or
    with none, by the size of the batch.
    """
    sparse = len(labels.shape) < len(predictions.shape)
    form = "class indices" if sparse else "distributions"
    for metric in metrics:
        name, of_keras = _name_of(_function_of(metric))
        if (
            of_keras
            and not isinstance(_function_of(metric), keras.Metric)
            and name.lower().startswith("sparse") != sparse
        ):
            raise ValueError(
                f"`metrics` must read {form} as labels, which {name} does not. Received: {metric.name!r}. Take "
                f'"accuracy", a metric {"with" if sparse else "without"} "sparse" in its name, or labels that are '
                f"{'distributions' if sparse else 'class indices'}."
            )
        if getattr(metric, "sparse_y_true", sparse) != sparse or getattr(metric, "sparse_y_pred", False):
            raise ValueError(
                f"`metrics` must read {form} as labels, and probabilities. "
                f"Received: {metric.name!r} of the class {type(metric).__name__}. Take `MeanIoU` or `IoU` with "
                f"`sparse_y_true={sparse}, sparse_y_pred=False`."
            )
        if sparse and not hasattr(metric, "sparse_y_true") and _compares_entries(metric):
            raise ValueError(
                f"`metrics` must read class indices as labels, which {type(metric).__name__} does not. Received: "
                f"{metric.name!r}. Pass one-hot labels in their place, which every loss takes: "
                f"`keras.utils.to_categorical(y, {predictions.shape[-1]})`."
            )


def _compares_entries(metric):
    """True for metrics of Keras whose own `update_state` pairs labels with predictions, entry by entry."""
    update = type(metric).update_state
    wrapped = isinstance(metric, keras.metrics.MeanMetricWrapper)
    return not wrapped and update.__module__.startswith("keras.") and "y_true" in inspect.signature(update).parameters


def check_reads_several_labels(metric):
    """Refuses metrics that read several labels as one class of several.

    They are those of Keras with "categorical" in their names or over a confusion matrix of classes, its `Accuracy`,
    which compares labels with probabilities, and `ExpectedCalibrationError`.
    """
    function = _function_of(metric)
    name, of_keras = _name_of(function)
    if isinstance(metric, ExpectedCalibrationError):
        cure = (
            "Call `metrics.expected_calibration_error` on `np.stack([1 - p, p], axis=-1)` of each label after training."
        )
    elif getattr(type(function), "update_state", None) is keras.metrics.IoU.update_state:
        cure = "Take `BinaryIoU([1], threshold=0.5)`, which counts all labels together."
    elif of_keras and ("categorical" in name or name == "accuracy"):
        cure = 'Take "accuracy", the fraction of labels that are right.'
    else:
        return
    raise ValueError(
        f"`metrics` must read several labels an example, which {name} cannot. Received: "
        f"{getattr(metric, 'name', metric)!r}. {cure}"
    )


def _function_of(metric):
    """The function whose mean a metric is; a metric of another kind as an instance."""
    metric = keras.metrics.get(metric)
    wrapped = isinstance(metric, keras.metrics.MeanMetricWrapper)
    return functools.partial(metric._fn, **metric._fn_kwargs) if wrapped else metric


def _name_of(function):
    """The name of what `_function_of` gives, and True if it is Keras's own."""
    function = getattr(function, "func", function)
    named = function if hasattr(function, "__name__") else type(function)
    return named.__name__, named.__module__.startswith("keras.")
