"""Estimators of scikit-learn that train with noisy labels."""

import inspect
import weakref
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from tfp_noise import _validation, losses
from tfp_noise.classifier import NoisyLabelClassifier
from tfp_noise.datasets import own_labels

__all__ = ["SKLearnClassifier"]

# Layers that estimators have trained, so that none is trained by two of them, as the folds of a cross-validation.
_TRAINED: weakref.WeakSet = weakref.WeakSet()


class SKLearnClassifier(ClassifierMixin, BaseEstimator):
    """A `NoisyLabelClassifier` as an estimator of scikit-learn, which predicts classes and their probabilities.

    It works in `cross_val_predict(..., method="predict_proba")`, `Pipeline`, `GridSearchCV` and `clone`, and labels may
    be names. A search compares losses as it compares other parameters: `{"loss": [losses.CrossEntropy,
    functools.partial(losses.GeneralizedCrossEntropy, q=0.5)]}`. Its scores are accuracies on given labels.

    Args:
        network: function `(input_shape, num_outputs) -> keras.Model` of a new network that ends without a softmax.
        loss: function `num_classes -> losses.NoisyLabelLoss`, such as a class of `losses`. Further arguments are given
            by `functools.partial`. A loss that remembers each example gets the `num_examples` of each `fit`.
        optimizer: name of an optimizer, or a `keras.optimizers.Optimizer`, of which each training takes a copy.
        epochs: int, as in `keras.Model.fit`.
        batch_size: int, as in `keras.Model.fit`.
        random_state: int, `numpy.random.RandomState` or `None`, which decides weights and order of examples as in
            scikit-learn. With an int, the same call gives the same numbers on the same machine. `fit` seeds the global
            random generators (`keras.utils.set_random_seed`).
        verbose: as in `keras.Model.fit`.

    Attributes:
        classes_: array `[K]` of the classes, sorted; columns of probabilities are in this order.
        model_: the trained `NoisyLabelClassifier`, which `deployable()` and `export` serve.
        history_: dict of the values after each epoch, as `keras.callbacks.History.history`.
        n_features_in_: int, size of the second axis of the features.
        feature_names_in_: array of the names of the columns, if the features are a table with names.

    Raises:
        TypeError, ValueError: by `fit`, for arguments that do not fit, and for labels of one class alone.

    Example:
        >>> from sklearn.model_selection import cross_val_predict
        >>> def network(input_shape, num_outputs):
        ...     return keras.Sequential([keras.Input(input_shape), keras.layers.Dense(num_outputs)])
        >>> names = np.array(["cat", "dog"] * 4)
        >>> estimator = SKLearnClassifier(network, losses.LogisticNormal, epochs=1)
        >>> cross_val_predict(estimator, np.zeros([8, 3]), names, cv=2, method="predict_proba").shape
        (8, 2)
        >>> estimator.fit(np.zeros([8, 3]), names).classes_.tolist()
        ['cat', 'dog']
    """

    def __init__(
        self,
        network: Callable[[tuple[int, ...], int], keras.Model],
        loss: Callable[[int], losses.NoisyLabelLoss] = losses.CrossEntropy,
        *,
        optimizer: str | keras.optimizers.Optimizer = "adam",
        epochs: int = 10,
        batch_size: int = 32,
        random_state: Any = None,
        verbose: str | int = 0,
    ):
        # scikit-learn's convention: `fit` checks the arguments, which `clone` hands on as they are.
        self.network = network
        self.loss = loss
        self.optimizer = optimizer
        self.epochs = epochs
        self.batch_size = batch_size
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> "SKLearnClassifier":
        """Trains a new model.

        Args:
            X: numbers `[n, ...]`, an array or a table.
            y: `[n]` or `[n, 1]`, the given label of each example in any container: integers, bools, names or whole
                floats, none of them missing.
            sample_weight: float `[n]`, not negative, or `None` for equal weights.

        Returns:
            The estimator itself.

        Raises:
            TypeError: if an argument of the constructor has another type, the loss needs further arguments, columns
                of a data frame are no numbers, or labels are of several types or of another one.
            ValueError: if features are not finite numbers, a label is missing, there are fewer than two classes, a
                weight is negative, columns of pandas have one index in two orders, or `network` returns layers that
                have been trained already.
        """
        if isinstance(self.network, keras.layers.Layer):
            raise TypeError(
                f"`network` must be a function that makes a network. Received: the model {self.network.name!r}. Each "
                "training needs a new one: make it inside a function (input_shape, num_outputs), and pass that."
            )
        _validation.check_callable("network", self.network, "Pass one of (input_shape, num_outputs).")
        for name in ("epochs", "batch_size"):
            _validation.check_int(name, getattr(self, name), 1)
        _validation.check_one_order({"X": X, "y": y, "sample_weight": sample_weight})
        _check_columns(X)
        features, labels = validate_data(self, X, _as_labels(y), allow_nd=True)
        check_classification_targets(labels)
        self.classes_, indices = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"`y` must hold two classes or more. Received one class only: {self.classes_[0]}.")
        weights = None if sample_weight is None else np.asarray(_check_sample_weight(sample_weight, features))
        if weights is not None and weights.min() < 0:
            raise ValueError(
                f"`sample_weight` must not be negative. Received: {weights.min()}. Give an example that shall not "
                "count the weight 0."
            )
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        keras.utils.set_random_seed(seed)
        loss = _make_loss(self.loss, len(self.classes_), len(features))
        self.model_ = NoisyLabelClassifier(self.network(features.shape[1:], loss.num_outputs), loss)
        self.model_.compile(_copy(self.optimizer))
        _check_new(self.model_.network)
        self.history_ = self.model_.fit(
            features,
            indices,
            batch_size=self.batch_size,
            epochs=self.epochs,
            sample_weight=weights,
            verbose=self.verbose,
        ).history
        return self

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Predicts the probability of each class.

        Args:
            X: numbers `[n, ...]`, as in `fit`.

        Returns:
            float32 `[n, K]`, columns in the order of `classes_`; rows sum to 1.

        Raises:
            sklearn.exceptions.NotFittedError: before `fit`.
            TypeError, ValueError: if the features do not fit those of `fit`.
        """
        check_is_fitted(self)
        _check_columns(X)
        features = validate_data(self, X, reset=False, allow_nd=True)
        return self.model_.predict(features, batch_size=self.batch_size, verbose=self.verbose)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predicts the most probable class.

        Args:
            X: numbers `[n, ...]`, as in `fit`.

        Returns:
            `[n]`, of the type of the labels in `fit`.

        Raises:
            sklearn.exceptions.NotFittedError: before `fit`.
            TypeError, ValueError: if the features do not fit those of `fit`.
        """
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def _make_loss(loss, num_classes, num_examples):
    """The loss of a class of `losses`, or of another function of the number of classes."""
    made = None
    if callable(loss) and not isinstance(loss, losses.NoisyLabelLoss):
        signature = inspect.signature(loss)
        remembers = "num_examples" in signature.parameters
        if remembers and signature.parameters["num_examples"].default not in (inspect.Parameter.empty, num_examples):
            raise ValueError(
                f"`loss` must leave `num_examples` out: it is that of each `fit`, here {num_examples}. Received: "
                f"{loss!r:.100}. Pass the class, or a `functools.partial` without it."
            )
        arguments = {"num_examples": num_examples} if remembers else {}
        try:
            signature.bind(num_classes, **arguments)
        except TypeError as error:
            raise TypeError(
                f"`loss` must need no argument but the number of classes. Received: {loss!r:.100}, {error}. Give it "
                "the others by `functools.partial`."
            ) from error
        made = loss(num_classes, **arguments)
    if not isinstance(made, losses.NoisyLabelLoss):
        raise TypeError(
            "`loss` must be a class of `losses`, or a function that makes one of its losses for a number of classes. "
            f"Received: {loss!r:.100}. Pass `losses.CrossEntropy`, or a `functools.partial` of such a class."
        )
    return made


def _copy(optimizer):
    """The optimizer by its name, or a new one like it."""
    if not isinstance(optimizer, (str, keras.optimizers.Optimizer)):
        raise TypeError(
            "`optimizer` must be the name of an optimizer or a `keras.optimizers.Optimizer`. Received: "
            f"{optimizer!r:.100}. Pass 'adam', for instance."
        )
    return optimizer if isinstance(optimizer, str) else type(optimizer).from_config(optimizer.get_config())


def _as_labels(labels):
    """Labels in the types of NumPy: of pandas' nullable integers and bools, scikit-learn would make floats."""
    array = own_labels.to_array(labels)
    if array.ndim == 2 and array.shape[1] == 1:
        array = column_or_1d(array, warn=True)
    if array.ndim != 1 or not len(array):
        return labels  # which scikit-learn refuses
    values = own_labels.to_list("y", array)
    if not all(isinstance(value, float | complex) for value in values):  # which are for scikit-learn to judge
        own_labels.check_kind("y", values)
    stays = array.dtype != object or (isinstance(values[0], str) and hasattr(labels, "dtype"))
    return array if stays else np.asarray(values)


def _check_columns(table):
    """Refuses a data frame with columns of text, categories, dates or Python objects, or of sparse numbers alone."""
    if hasattr(table, "sparse"):
        raise TypeError("`X` must be dense. Received a sparse data frame. Pass `X.sparse.to_dense()`.")
    if hasattr(table, "columns") and hasattr(table, "iloc"):
        one_hot = "make_column_transformer((OneHotEncoder(sparse_output=False), COLUMNS), remainder='passthrough')"
        _validation.check_columns("X", table, f"Encode categories in a `Pipeline`, by `{one_hot}`.")


def _check_new(network):
    """Refuses layers with weights that an estimator has trained: they know examples that others are tested with."""
    layers = [layer for layer in network._flatten_layers() if layer.trainable_variables]
    if used := [layer.name for layer in layers if layer in _TRAINED]:
        raise ValueError(
            f"`network` must make new layers at each call. Received: {used[0]!r}, which another `fit` has trained: it "
            "may know the examples that it shall predict. Make all layers inside the function, or set "
            "`trainable = False` for those of a pretrained network."
        )
    _TRAINED.update(layers)
