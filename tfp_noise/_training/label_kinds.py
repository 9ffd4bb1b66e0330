"""The labels that a loss takes, one class of several or several labels: their checks, and what metrics see of them."""

import keras
from keras import ops
from keras.src.backend import get_keras_mask

from tfp_noise import _labels, _positions, _validation
from tfp_noise._training import metric_checks
from tfp_noise._validation import tensors
from tfp_noise.losses import MultiLabel


def label_kind(loss):
    """The kind of labels that a `NoisyLabelLoss` takes."""
    return _SeveralLabels(loss) if isinstance(loss, MultiLabel) else _OneClass(loss)


class _Kind:
    """Checks of metrics that both kinds of labels have, once for each form of labels: they trace functions."""

    def __init__(self, loss):
        self._ignored, self._forms_checked = loss.ignore_class, set()

    @property
    def labels(self):
        """Facts that the checks of a dataset's labels depend on."""
        return type(self), self.width, self._ignored

    def metrics(self, metrics):
        """Metrics as `compile` is given them, after a check that they read probabilities."""
        for metric in keras.tree.flatten(metrics):
            metric_checks.check_reads_probabilities(metric, self.cross_entropy)
        return metrics

    def check_metrics(self, metrics, y, predictions):
        """Refuses metrics that cannot read labels of `for_metrics`, or predictions with its mask."""
        form = len(y.shape), get_keras_mask(predictions) is not None
        if form not in self._forms_checked:
            metric_checks.check_leave_out(metrics, self._ignored, y, predictions, self.num_labels)
            self._check_form(metrics, y, predictions)
            self._forms_checked.add(form)

    def _check_form(self, metrics, y, predictions):
        """Refuses metrics that read labels in another form than they have."""


class _OneClass(_Kind):
    """One class of several for each example or position: its index, or a distribution over classes.

    Methods are given the name of an argument for errors, labels, and `rank`, how many axes the outputs have.

    Keras chooses the metric for "accuracy" by the form of the first batch. Labels in the other form, such as class
    indices in validation after mixed labels in training, would give that metric wrong numbers; they are converted.
    """

    cross_entropy = "`keras.metrics.SparseCategoricalCrossentropy()`, or without `Sparse` beside distributions"

    def __init__(self, loss):
        super().__init__(loss)
        self.width, self.num_labels = loss.num_classes, 1
        self._metrics_take_distributions = None

    def check_array(self, name, y, rank):
        """The labels of an array in the form that a model is traced for."""
        _validation.check_targets(name, y, self.width, self._ignored, rank)
        if _labels.are_class_indices(y, rank):
            return y.reshape(y.shape[: rank - 1])
        # All distributions are floats, so that the model is traced once.
        return y.astype(keras.config.floatx()) if y.dtype.kind in "biu" else y

    def check_spec(self, name, spec, rank):
        """Refuses the labels of a dataset by their `tf.TensorSpec`."""
        tensors.check_label_spec(name, spec, self.width, rank)

    def check_tensor(self, name, y, rank):
        """Assertions on a batch of a dataset, and a function that gives its labels once they are made."""
        if _labels.are_distributions(y, self.width, rank):
            return tensors.assert_distributions(name, y, self._ignored), lambda y: y
        indices = _labels.are_class_indices(y, rank)
        check = tensors.assert_labels(name, y, self.width, self._ignored)
        return check, lambda y: _labels.to_class_indices(y, self.width, rank) if indices else y

    def for_metrics(self, y, y_pred):
        """Labels as metrics read them, and the mask of the predictions, without the examples of `ignore_class`."""
        mask, rank = get_keras_mask(y_pred), len(y_pred.shape)
        distributions = _labels.are_distributions(y, self.width, rank)
        if self._ignored is not None and not distributions:
            y = _labels.to_class_indices(y, self.width, rank)
            y, mask = _without(y, ops.not_equal(y, self._ignored), mask)
        self.settle_form(distributions)
        if self._metrics_take_distributions:
            return _labels.to_distributions(y, self.width, rank=rank), mask
        return _labels.to_class_indices(y, self.width, rank), mask

    def settle_form(self, distributions):
        """Notes the form in which metrics read all labels, distributions or class indices, unless it is known."""
        if self._metrics_take_distributions is None:
            self._metrics_take_distributions = distributions

    def _check_form(self, metrics, y, predictions):
        metric_checks.check_forms(metrics, y, predictions)

    def weights_for_metrics(self, weights, y_pred):
        """Weights of examples or positions as metrics read them."""
        return _positions.weights_of_positions(weights, y_pred)


class _SeveralLabels(_Kind):
    """Several labels for each example or position, each present or absent, or a probability: numbers in [0, 1].

    The methods are those of `_OneClass`. Metrics see 0 or 1: probabilities above one half count as present.
    """

    cross_entropy = "`keras.metrics.BinaryCrossentropy()`"

    def __init__(self, loss):
        super().__init__(loss)
        self.width = self.num_labels = loss.num_labels

    def check_array(self, name, y, rank):
        _validation.check_multi_labels(name, y, self.width, self._ignored, rank)
        return y.reshape(*y.shape[: rank - 1], self.width).astype(keras.config.floatx())

    def check_spec(self, name, spec, rank):
        tensors.check_multi_label_spec(name, spec, self.width, rank)

    def check_tensor(self, name, y, rank):
        column = _labels.rank_of(y) == rank - 1
        check = tensors.assert_multi_labels(name, y, self._ignored)
        return check, lambda y: ops.cast(ops.expand_dims(y, -1) if column else y, keras.config.floatx())

    def metrics(self, metrics):
        """Metrics as `compile` is given them; Keras would take "accuracy" for that of one class of several."""

        def named(metric):
            if isinstance(metric, str) and metric.lower() in ("accuracy", "acc"):
                return keras.metrics.BinaryAccuracy(name=metric)
            if metric is not None:
                metric_checks.check_reads_several_labels(metric)
            if self._ignored is not None and metric is not None:
                like = keras.KerasTensor((self.width + 2, self.width))
                metric_checks.check_has_value_for_each(metric, like, like, 2, self._ignored)
            return metric

        return keras.tree.map_structure(named, super().metrics(metrics))

    def for_metrics(self, y, y_pred):
        mask = get_keras_mask(_positions.with_mask_of_labels(y_pred, self.width))
        y = ops.cast(ops.reshape(y, (*ops.shape(y_pred)[:-1], self.width)), keras.config.floatx())
        present = ops.cast(y > 0.5, y.dtype)
        return (present, mask) if self._ignored is None else _without(present, ops.not_equal(y, self._ignored), mask)

    def weights_for_metrics(self, weights, y_pred):
        every = self._ignored is not None or len(y_pred.shape) > 2
        return _positions.weights_of_labels(weights, y_pred, self.width) if every else weights


def _without(y, valid, mask):
    """Labels with 0 in place of those that metrics cannot read, and a mask that leaves them out."""
    y = ops.where(valid, y, ops.zeros_like(y))
    return y, valid if mask is None else ops.logical_and(valid, mask)
