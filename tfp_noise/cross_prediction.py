"""Predictions for each example by a model that was not trained on it."""

import os
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike
from sklearn.model_selection import KFold, StratifiedKFold

from tfp_noise import _class_probabilities, _positions, _validation
from tfp_noise._saving.fold_files import FoldFiles
from tfp_noise._saving.model_digest import model_digest
from tfp_noise._training.fold_examples import examples_of
from tfp_noise._training.model_checks import check_new_weights
from tfp_noise._training.training_facts import described
from tfp_noise.classifier import NoisyLabelClassifier

__all__ = ["cross_predict"]

_FEW = 8  # examples, by whose outputs models are compared
_CURE = "Does the loss's `from_logits` fit the last layer of the model that `build` returns? Did training diverge?"


def cross_predict(
    build: Callable[[], keras.Model],
    features: Any,
    labels: ArrayLike | None = None,
    folds: int = 5,
    *,
    epochs: int,
    batch_size: int = 32,
    seed: int = 0,
    workdir: str | os.PathLike[str] | None = None,
    verbose: str | int = "auto",
) -> np.ndarray:
    """Predicts every example by a model that was trained on the other folds.

    The examples are divided into `folds` parts with equal fractions of each class. For each part a fresh model is
    trained on the rest. `keras.utils.set_random_seed` is called before each model is built, so that the same call gives
    the same numbers on the same machine; the state of the global random generators is another one afterwards.

    A `NoisyLabelClassifier` predicts probabilities. The outputs of another model are taken as its loss declares them:
    logits, whose softmax is taken, with `from_logits=True`, else probabilities. One output alone is that of class 1 of
    two classes. Losses of Keras over distributions (`CategoricalCrossentropy`) are given one-hot labels.

    A model with a label at each position, such as a pixel, has outputs `[n, ..., K]` and labels `[n, ...]`. Whole
    examples are then divided at random, whatever classes they show. A class that is in few examples may be in none that
    a fold's model is trained on; that model gives it a low probability, so that its labels look wrong.

    Labels of the `ignore_class` of the model's loss are not trained on, but predicted like the others.

    A `tf.data.Dataset` is read about `2 + folds (epochs + 1)` times and never held in memory as a whole. It must give
    the same examples in the same order each time: two passes are compared before the first training. The folds are
    those of arrays in the same order. The order of training is another one, and with it the numbers: `fit` shuffles an
    array as a whole, and a dataset within a buffer of 256 MB, of which up to three are in memory. Shuffle a larger
    dataset that is sorted by class beforehand, by `shuffle(..., reshuffle_each_iteration=False)`.

    Args:
        build: function without arguments that returns a new, compiled `NoisyLabelClassifier` or `keras.Model`.
        features: array or data frame of `n` examples, or a dict, tuple or list of them, as `fit` takes them; or a
            finite `tf.data.Dataset` of single examples: `(x, y)`, or `x` with `labels`.
        labels: int `[n]` or, at each position, `[n, ...]`: the given labels in `[0, K)`, or the `ignore_class` of the
            model's loss; `None` for those in the dataset, whose shape must be known.
        folds: int, at least 2; each class must have at least as many examples. With labels at each position, there must
            be as many examples.
        epochs: int, how long each model is trained.
        batch_size: int, as in `fit`.
        seed: int, for the folds, the weights and the order of examples.
        workdir: a folder that keeps the predictions of each finished fold, or `None`. The same call takes them from
            there; a call with other data or settings is refused.
        verbose: progress as `fit` shows it: `"auto"`, 0, 1 or 2.

    Returns:
        float32 `[n, K]` or `[n, ..., K]`, probabilities in the order of the examples; rows sum to 1.

    Raises:
        TypeError: if `build` does not return a Keras model, or the features are neither arrays nor a dataset.
        ValueError: if a class has fewer examples than folds, the model is not compiled, was trained before or shares
            weights with that of another fold, its loss does not say what its outputs are, labels do not fit the
            predictions, lie outside `[0, K)` or have the index of `features` in another order, the predictions are no
            distributions, `workdir` belongs to another call, or a dataset holds batches, does not end, or changes from
            pass to pass.

    Example:
        >>> def build():
        ...     model = keras.Sequential([keras.Input([4]), keras.layers.Dense(2)])
        ...     model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        ...     return model
        >>> probabilities = cross_predict(build, np.zeros([8, 4]), np.arange(8) % 2, epochs=1, folds=2, verbose=0)
        >>> probabilities.shape, np.allclose(probabilities.sum(axis=1), 1)
        ((8, 2), True)

    References:
        Northcutt, Jiang, Chuang, "Confident learning: estimating uncertainty in dataset labels", 2021, section 3.1.
    """
    if isinstance(build, keras.layers.Layer):
        raise TypeError(
            f"`build` must be a function that makes a model. Received: the model {build.name!r}. Each fold needs a new "
            "one: make it inside a function, and pass that."
        )
    _validation.check_callable("build", build, "Pass the function that makes a model.")
    folds, seed = _validation.check_int("folds", folds, 2), _validation.check_seed(seed)
    epochs = _validation.check_int("epochs", epochs, 1)
    batch_size = _validation.check_int("batch_size", batch_size, 1)
    if type(verbose) not in (str, int) or verbose not in ("auto", 0, 1, 2):
        raise ValueError(f"`verbose` must be 'auto', 0, 1 or 2. Received: {verbose!r:.100}.")
    examples = examples_of(features, labels)
    given = examples.labels
    model = _fresh_model(build, seed)
    _check_sizes(given, folds, _class_probabilities.ignore_class(model))
    shape = _shape_of_prediction(model, examples)
    _class_probabilities.check_labels(model, given, shape)
    stored = None
    if workdir is not None:
        outputs = model.predict(**examples.inputs(np.arange(min(_FEW, len(given))), batch_size), verbose=0)
        facts = {"features": examples.described(), "labels": described(given), "folds": folds, "seed": seed}
        facts |= {"epochs": epochs, "batch_size": batch_size, "build": model_digest(model, outputs)}
        stored = FoldFiles(_validation.check_path("workdir", workdir), facts)
    splitter = StratifiedKFold if given.ndim == 1 else KFold
    splits = splitter(folds, shuffle=True, random_state=seed).split(given, given)
    probabilities = np.empty([len(given), *shape], np.float32)
    trained: list[keras.Variable] = []
    for fold, (others, own) in enumerate(splits):
        predicted = stored.read(fold, own) if stored else None
        if predicted is None:
            model = _fresh_model(build, seed, fold)
            check_new_weights(model, trained, "fold", ", and have seen the examples that it is to predict")
            one_hot = _class_probabilities.one_hot_rows(model, shape[-1])
            with_ids = getattr(model.loss, "needs_ids", False)
            model.fit(**examples.training(others, batch_size, one_hot, with_ids), epochs=epochs, verbose=verbose)
            predicted = _class_probabilities.predict(model, **examples.inputs(own, batch_size), verbose=verbose)
            _check_rows(predicted)
            trained = model.trainable_variables
            if stored:
                stored.write(fold, own, predicted)
        probabilities[own] = predicted
    return probabilities


def _check_sizes(labels, folds, ignored):
    """Refuses labels of one class alone, and classes, or with positions all, of fewer than `folds` examples."""
    classes, sizes = np.unique(labels, return_counts=True)
    known = classes[classes != ignored]
    if len(known) < 2:
        received = f"class {known[0]} only" if len(known) else "none"
        raise ValueError(f"`labels` must be of at least two classes. Received: {received}.")
    if labels.ndim > 1:
        if len(labels) < folds:
            raise ValueError(f"`labels` must be of at least `folds` = {folds} examples. Received: {len(labels)}.")
        return
    rare = sizes < folds
    if rare.any():
        counted = [f"{size} of class {one}" for one, size in zip(classes[rare], sizes[rare], strict=True)]
        listed = ", ".join(counted[:10]) + (f" and {len(counted) - 10} more" if len(counted) > 10 else "")
        cure = f"Pass `folds={sizes.min()}`, or leave" if sizes.min() > 1 else "Leave"
        raise ValueError(
            f"`labels` must have at least `folds` = {folds} examples of each class. Received: {listed}. {cure} the "
            "examples of those classes out."
        )


def _fresh_model(build, seed, fold=0):
    """A model from `build`, with weights and an order of examples that depend on seed and fold alone."""
    keras.utils.set_random_seed(int(np.random.SeedSequence([seed, fold]).generate_state(1)[0]))
    model = _class_probabilities.check_compiled("build", build())
    steps = int(model.optimizer.iterations)
    if steps:
        raise ValueError(
            f"`build` must give a new model each time. Received one that was trained for {steps} steps and may have "
            "seen the examples that it is to predict. Make the layers and the optimizer inside the function."
        )
    return model


def _shape_of_prediction(model, examples):
    """`(..., K)` for one example."""
    if isinstance(model, NoisyLabelClassifier) and examples.labels.ndim == 1:
        return (model.loss.num_classes,)
    probabilities = _class_probabilities.predict(model, **examples.inputs([0], batch_size=1), verbose=0)
    _check_rows(probabilities)
    return probabilities.shape[1:]


def _check_rows(probabilities):
    _validation.check_distribution_rows("predictions", _positions.as_rows("predictions", probabilities), _CURE)
