"""Training of an audit's networks, with any loss, under the eyes of callbacks."""

import dataclasses
import functools
import math
import pathlib

import keras
import numpy as np

from tfp_noise import cross_predict, losses
from tfp_noise.audit.data import AuditedData
from tfp_noise.audit.networks import MakeNetwork
from tfp_noise.classifier import NoisyLabelClassifier

_LEARNING_RATE = 2e-3
_EXAMPLES_SEEN = 40_000  # by a training of the default length
_STEPS_AN_EPOCH = 800  # at most, where a larger batch makes that possible
_BATCH_SIZES = (32, 64, 128, 256)


def default_epochs(num_examples: int) -> int:
    """A number of epochs that gives small and large data about as many steps, between 10 and 60."""
    return min(max(round(_EXAMPLES_SEEN / num_examples), 10), 60)


@dataclasses.dataclass(frozen=True)
class Training:
    """Settings that all networks of an audit are trained with.

    Args:
        data: the examples.
        make_network: function of input shape and number of outputs.
        epochs: number of epochs.
        seed: seed of weights and order.
        callbacks: for every `fit`.
    """

    data: AuditedData
    make_network: MakeNetwork
    epochs: int
    seed: int
    callbacks: tuple[keras.callbacks.Callback, ...] = ()

    @property
    def batch_size(self) -> int:
        """Examples in a step, more for large data: so many epochs of small steps would not make them better."""
        fitting = (size for size in _BATCH_SIZES if len(self.data) <= _STEPS_AN_EPOCH * size)
        return next(fitting, _BATCH_SIZES[-1])

    def batches(self, num_examples: int) -> int:
        """Number of batches of a training on so many examples."""
        return self.epochs * math.ceil(num_examples / self.batch_size)

    def classifier(self, loss: losses.NoisyLabelLoss) -> NoisyLabelClassifier:
        """A new compiled classifier."""
        network = self.make_network(self.data.features.shape[1:], loss.num_outputs)
        model = NoisyLabelClassifier(network, loss)
        model.compile(keras.optimizers.Adam(_LEARNING_RATE), jit_compile=False)
        # Set on the instance, because `cross_predict` calls `fit` itself.
        model.fit = functools.partial(model.fit, callbacks=list(self.callbacks))  # type: ignore[method-assign]
        return model

    def trained(self, loss: losses.NoisyLabelLoss, positions: np.ndarray) -> NoisyLabelClassifier:
        """A new classifier, trained on the given labels of the examples at these positions."""
        keras.utils.set_random_seed(self.seed)
        model = self.classifier(loss)
        model.fit(
            self.data.features[positions],
            self.data.labels[positions],
            batch_size=self.batch_size,
            epochs=self.epochs,
            verbose=0,
        )
        return model

    def predicted_out_of_sample(self, folds: int, workdir: pathlib.Path) -> np.ndarray:
        """Predictions for each example, float32 `[n, K]`, by networks with a robust loss that did not see it."""
        num_classes = len(self.data.class_names)
        return cross_predict(
            lambda: self.classifier(losses.GeneralizedCrossEntropy(num_classes)),
            self.data.features,
            self.data.labels,
            epochs=self.epochs,
            folds=folds,
            batch_size=self.batch_size,
            seed=self.seed,
            workdir=workdir,
            verbose=0,
        )
