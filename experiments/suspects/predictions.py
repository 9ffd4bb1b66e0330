"""Predictions on which detectors are compared: out of sample by cross-prediction, and in sample.

Both are kept in a folder, from which they are read if they are there: numbers can be computed again without training.
"""

import functools

import keras
import numpy as np

from tfp_noise import NoisyLabelClassifier, callbacks, cross_predict, losses
from tfp_noise._saving.atomic_files import atomic_write

LOSSES = {
    "CE": losses.CrossEntropy,
    "GCE": losses.GeneralizedCrossEntropy,
    "SCE": losses.SymmetricCrossEntropy,
    "LN": losses.LogisticNormal,
    "LN-identity": functools.partial(losses.LogisticNormal, covariance="identity"),
}
OUT_OF_SAMPLE, IN_SAMPLE = "out_of_sample.npz", "in_sample.npz"
_FOLDS = 3


def predictions(folder, loss, noisy_set, data, seed):
    """Trains what has not been trained yet.

    Args:
        folder: a `pathlib.Path` that keeps the predictions. The folds in it refuse other data or settings.
        loss: text, one of `LOSSES`.
        noisy_set: a `NoisySet`.
        data: its `(features, true, given)`.
        seed: int, of folds and networks.

    Returns:
        `(out_of_sample, in_sample)`, dicts of arrays with `probabilities` `[n, K]`, `true` and `given` `[n]`. In sample
        there are also the network's raw `outputs` `[n, num_outputs]` and `area_under_margin` `[n]`.
    """
    features, true, given = data
    build = builder(LOSSES[loss](int(true.max()) + 1), features.shape[1:], noisy_set.units)
    settings = {"epochs": noisy_set.epochs, "batch_size": noisy_set.batch_size}
    probabilities = cross_predict(build, features, given, _FOLDS, seed=seed, workdir=folder, verbose=0, **settings)
    labels = {"true": true, "given": given}
    out_of_sample = {"probabilities": probabilities, **labels}
    _write(folder / OUT_OF_SAMPLE, out_of_sample)
    if not (folder / IN_SAMPLE).exists():
        _write(folder / IN_SAMPLE, {**_trained_on_all(build, features, given, settings, seed), **labels})
    with np.load(folder / IN_SAMPLE) as file:
        return out_of_sample, dict(file)


def builder(loss, input_shape, units):
    """A function that builds a network of one hidden layer, compiled with a copy of the loss."""

    def build():
        made = type(loss).from_config(loss.get_config())
        layers = [keras.layers.Dense(units, activation="relu"), keras.layers.Dense(made.num_outputs)]
        model = NoisyLabelClassifier(keras.Sequential([keras.Input(input_shape), *layers]), made)
        model.compile(keras.optimizers.Adam(2e-3), jit_compile=False, steps_per_execution=10)
        return model

    return build


def _trained_on_all(build, features, labels, settings, seed):
    """Outputs for the examples by a model that was trained on them, and their areas under the margin."""
    keras.utils.set_random_seed(seed)
    model, history = build(), callbacks.MarginHistory(features, labels)
    model.fit(features, labels, callbacks=[history], verbose=0, **settings)
    return {
        "probabilities": model.predict(features, verbose=0),
        "outputs": model.network.predict(features, verbose=0),
        "area_under_margin": history.area_under_margin,
    }


def _write(path, arrays):
    atomic_write(path, lambda temporary: np.savez(temporary, **arrays))
