"""Refusal of metrics that cannot read labels and predictions, or that would count what is left out."""

import functools
import inspect

import keras
from keras.src.backend import compute_output_spec, get_keras_mask

from tfp_noise.metrics import ExpectedCalibrationError

_UPDATES_WITH_MASK = keras.metrics.MeanMetricWrapper.update_state, ExpectedCalibrationError.update_state


def heeds_masks(metric):
    """True for metrics whose `update_state` reads the mask of the predictions: a subclass may have one that does not."""
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
        f"a new one for each label `l`, after training: with `known = y[..., l] != {ignored}` on `y[known][:, [l]]` and "
        "`p[known][:, [l]]`, where `p` is what `predict` returns."
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
    if len(compute_output_spec(function, *like).shape) < rank:
        raise ValueError(
            f"`metrics` must have a value for each label to leave out {what_is_left_out(ignored)}. Received: "
            f"{getattr(metric, 'name', metric)!r}, one value for several labels, such as a mean over the labels of an "
            "example. Call it on `predict` and the labels that count, after training."
        )


def check_forms(metrics, labels, predictions):
    """Refuses metrics over a confusion matrix that read labels or predictions in another form than they have."""
    sparse = len(labels.shape) < len(predictions.shape)
    for metric in metrics:
        if getattr(metric, "sparse_y_true", sparse) != sparse or getattr(metric, "sparse_y_pred", False):
            raise ValueError(
                f"`metrics` must read {'class indices' if sparse else 'distributions'} as labels, and probabilities. "
                f"Received: {metric.name!r} of the class {type(metric).__name__}. Take `MeanIoU` or `IoU` with "
                f"`sparse_y_true={sparse}, sparse_y_pred=False`."
            )


def check_reads_several_labels(metric):
    """Refuses metrics that read several labels as one class of several.

    They are those of Keras with "categorical" in their names, those that compare labels with predictions for equality,
    those over a confusion matrix of classes, and `ExpectedCalibrationError`.
    """
    function = _function_of(metric)
    function = getattr(function, "func", function)
    name = getattr(function, "__name__", type(function).__name__)
    of_keras = getattr(function, "__module__", "").startswith("keras.")
    if isinstance(metric, ExpectedCalibrationError):
        cure = (
            "Call `metrics.expected_calibration_error` on `np.stack([1 - p, p], axis=-1)` of each label, after training."
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
