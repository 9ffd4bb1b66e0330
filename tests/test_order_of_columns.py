"""Columns of pandas with one index in two orders, in every public callable that matches examples by position."""

import warnings

import keras
import numpy as np
import pytest

import tfp_noise
from tests.helpers.nonsense_under_test import FEATURES, LABELS, METHODS, OBSERVED, RIGHT, K, N
from tests.helpers.public_names import public_callables
from tfp_noise import datasets, losses

pandas = pytest.importorskip("pandas")

CALLABLES = public_callables()
WEIGHTS, IDS = np.ones(N), np.arange(N)
# Arguments that may be left out, and are of the same examples as the others.
OPTIONAL = {
    "datasets.Examples": {"observed": OBSERVED, "votes": np.eye(K, dtype=int)[LABELS]},
    "datasets.from_arrays": {"true_labels": LABELS},
    "metrics.mean_kl_divergence": {"where": LABELS == 0},
    "noise.corrupt": {"ids": IDS},
    "noise.draw_labels": {"ids": IDS},
    "suspects.rank": {"score": np.linspace(0, 1, N)},
    "ExpectedCalibrationError.update_state": {"sample_weight": WEIGHTS},
}
LEFT_OUT = {
    "datasets.from_votes": "it takes a table for single votes",
    "noise.corrupt_dataset_by_example": "its arrays are of two splits",
}


def network(input_shape=(4,), num_outputs=K):
    return keras.Sequential([keras.Input(input_shape), keras.layers.Dense(num_outputs)])


def classifier():
    model = tfp_noise.NoisyLabelClassifier(network(), losses.CrossEntropy(K))
    model.compile("sgd", run_eagerly=True)
    return model


def compiled():
    model = network()
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=True)
    return model


def batches(*batch):
    yield batch


DATA = {"x": FEATURES, "y": LABELS, "sample_weight": WEIGHTS}
VOTES = {"item": IDS, "annotator": IDS, "label": LABELS}
# Calls that the table of valid arguments has not: a function, and arguments that are arrays of the same examples.
FURTHER = {
    "fit": (lambda **data: classifier().fit(**data, verbose=0), DATA),
    "fit, dict": (
        lambda **data: classifier().fit(**data, verbose=0),
        {"x": FEATURES, "y": {"labels": LABELS, "ids": IDS}},
    ),
    "fit, batch": (
        lambda **data: classifier().fit(batches(FEATURES, *data.values()), steps_per_epoch=1, verbose=0),
        {"y": LABELS, "sample_weight": WEIGHTS},
    ),
    "fit, validation": (
        lambda **data: classifier().fit(FEATURES, LABELS, validation_data=tuple(data.values()), verbose=0),
        DATA,
    ),
    "evaluate": (lambda **data: classifier().evaluate(**data, verbose=0), DATA),
    "SKLearnClassifier.fit": (
        lambda **data: tfp_noise.wrappers.SKLearnClassifier(network, epochs=1).fit(**data),
        {"X": FEATURES, "y": LABELS, "sample_weight": WEIGHTS},
    ),
    "cross_predict": (
        lambda **data: tfp_noise.cross_predict(compiled, **data, folds=2, epochs=1, verbose=0),
        {"features": FEATURES, "labels": LABELS},
    ),
    "from_arrays, test": (
        lambda **data: datasets.from_arrays(FEATURES, LABELS, test=tuple(data.values()), validation_share=0.5),
        {"features": FEATURES, "labels": LABELS},
    ),
    "from_votes": (
        lambda **data: datasets.from_votes(votes=VOTES, **data, validation_share=0.5),
        {"features": FEATURES, "true_labels": LABELS},
    ),
}


def call_of(name):
    """A function, and valid arguments."""
    if name in FURTHER:
        return FURTHER[name]
    function, right = METHODS[name]() if name in METHODS else (CALLABLES[name], RIGHT[name]())
    return function, {**right, **OPTIONAL.get(name, {})}


def mapped(made, value, path=()):
    """The value with `made(path, leaf)` in place of each of its leaves."""
    if isinstance(value, dict):
        return {key: mapped(made, part, (*path, key)) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(mapped(made, part, (*path, key)) for key, part in enumerate(value))
    return made(path, value)


def arrays_of(arguments):
    """Paths of all arrays of `N` examples that pandas takes."""
    paths = []

    def look(path, leaf):
        if isinstance(leaf, np.ndarray) and leaf.ndim in (1, 2) and len(leaf) == N:
            paths.append(path)

    mapped(look, arguments)
    return paths


def call(name, reversed_path=None):
    """Calls the function with columns and tables of pandas, of which one has the index in another order."""
    function, arguments = call_of(name)
    paths = arrays_of(arguments)

    def made(path, leaf):
        if path not in paths:
            return leaf
        index = IDS[::-1] if path == reversed_path else IDS
        return (pandas.Series if leaf.ndim == 1 else pandas.DataFrame)(leaf, index=index)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        function(**mapped(made, arguments))


NAMES = [name for name in [*RIGHT, *METHODS, *FURTHER] if name not in LEFT_OUT and len(arrays_of(call_of(name)[1])) > 1]


@pytest.mark.parametrize("name", NAMES)
def test_columns_in_another_order_are_refused(name):
    call(name)
    for path in arrays_of(call_of(name)[1]):
        with pytest.raises(ValueError, match=r"must be in the order of .* the same index in another order"):
            call(name, path)


def test_an_index_with_repetitions_is_not_sorted_by():
    p, labels = pandas.DataFrame([[0.9, 0.1], [0.2, 0.8]], index=[0, 0]), pandas.Series([0, 1], index=[0, 0])
    assert tfp_noise.metrics.accuracy(p, labels) == 1
    p, labels = pandas.concat([p, p.set_axis([1, 2])]), pandas.concat([labels.set_axis([1, 2]), labels])
    with pytest.raises(
        ValueError, match=r"another order.* Sort one as the other; or, if positions are right, `labels\.to"
    ):
        tfp_noise.metrics.accuracy(p, labels)


def test_columns_with_another_index_belong_to_the_same_examples_by_position():
    p, labels = pandas.DataFrame([[0.9, 0.1], [0.2, 0.8]], index=[7, 8]), pandas.Series([0, 1], index=[1, 0])
    assert tfp_noise.metrics.accuracy(p, labels) == 1
