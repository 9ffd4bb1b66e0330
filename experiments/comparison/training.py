"""Training of a small network by one method, scored on its way, and repeated without a new compilation."""

import dataclasses
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import models
from experiments.sources.label_noise import Noise
from tfp_noise import NoisyLabelClassifier, cross_predict, pipeline

HIDDEN = (128, 128)
_PREDICTED = 1000  # examples in a call, so that what a convolution keeps of them fits into memory


@dataclasses.dataclass(frozen=True)
class ComparedSet:
    """A data set, and how long networks are trained on it.

    Args:
        load: function of a seed and a folder of prepared data that returns a `Dataset`.
        epochs: passes over the training split.
        batch_size: examples a step.
        noises: noise that its labels get, one after the other.
        periods: int, the number of equal parts of a training. Accuracies are measured after each of them, and each is
            what Keras calls an epoch, so that online label smoothing renews its targets as often. Fewer than `epochs`
            for small tables, because an epoch of Keras costs more than their steps.
        augmentation: as in `pipeline.batches`, for the methods that augment.
        model: a name that `models.build` knows; `None` for two hidden layers of `HIDDEN` units.
        learning_rate: float, Adam's.
        searched: bool, search over the values of the methods that declare some; without it each method has its
            authors' values, or its defaults.
        search_seeds: tuple of int, the seeds of a search's trainings with each value.
    """

    load: Callable
    epochs: int
    batch_size: int
    noises: tuple[Noise, ...] = ()
    periods: int = 10
    augmentation: Callable | None = None
    model: str | None = None
    learning_rate: float = 5e-3
    searched: bool = True
    search_seeds: tuple[int, ...] = (0, 1)

    def network(self, input_shape, num_outputs):
        """Return a new network, whose stages of layers are named "stage1" and so on.

        Args:
            input_shape: tuple of int, of one example.
            num_outputs: int, how many outputs the loss needs.
        """
        if self.model is not None:
            return models.build(self.model, input_shape, num_outputs)
        hidden = [keras.layers.Dense(size, activation="relu", name=f"stage{i}") for i, size in enumerate(HIDDEN, 1)]
        layers = [keras.Input(input_shape), keras.layers.Flatten(), *hidden, keras.layers.Dense(num_outputs)]
        return keras.Sequential(layers)

    def optimizer(self, **arguments):
        """Return a new Adam.

        Args:
            arguments: others of its arguments, by name.
        """
        return keras.optimizers.Adam(self.learning_rate, **arguments)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Changes of the training that a method makes beside its loss.

    Args:
        optimizer: arguments of Adam.
        augmented: bool, train on examples that are augmented as the data set declares.
        averaged: bool, predict with a moving average of the weights, by `keras.callbacks.SwapEMAWeights`.
    """

    optimizer: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    augmented: bool = False
    averaged: bool = False


PLAIN = Recipe()


class Trainer:
    """A network that is trained by one method, each time from new weights.

    TensorFlow takes longer to compile a step than to train on a small table. One trainer compiles once for all seeds,
    and before each training gives every variable the value that it would have in a new model.

    Args:
        data: noisy `Dataset`; the others that it trains on must have as many examples.
        loss: a `NoisyLabelLoss`.
        task: the `ComparedSet`.
        build: function of a network and the loss that returns a `NoisyLabelClassifier`, not compiled. One that keeps
            more than variables cannot train again.
        recipe: the `Recipe`.
    """

    def __init__(self, data, loss, task, build=NoisyLabelClassifier, recipe=PLAIN):
        self.task, self.recipe, self._with_ids = task, recipe, loss.needs_ids
        self._steps = self._batches(data, 0).steps_per_epoch * task.epochs // task.periods
        self.model = build(task.network(data.input_shape, loss.num_outputs), loss)
        optimizer = task.optimizer(use_ema=recipe.averaged, **recipe.optimizer)
        self.model.compile(optimizer, jit_compile=False, steps_per_execution=self._steps)
        self.model.optimizer.build(self.model.trainable_variables)
        self._compiled = tf.function(self._classes, reduce_retracing=True)
        self._start = [np.array(variable) for variable in self.variables()]

    def scores(self, data, seed):
        """Train, and return accuracies.

        Args:
            data: noisy `Dataset`.
            seed: int, of weights and order.

        Returns:
            A dict: "last" and "best", accuracies on clean test labels at the end, and at the first of the periods
            with the highest accuracy on given validation labels; "validation" and "best_validation", the latter
            accuracies at the same times; "memorised", the fraction of the wrong training labels that are predicted at
            the end, `None` if there are none or nobody knows them; "seconds", the processor's time for all periods
            but the first.
        """
        self._restart(seed)
        seen = _Accuracies(data, self._predicted)
        averages = [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)] if self.recipe.averaged else []
        self._fit(self._batches(data, seed), self.task.periods, [*averages, seen])
        best = int(np.argmax(seen.validation))
        return {
            "last": round(seen.test[-1], 4),
            "best": round(seen.test[best], 4),
            "validation": round(seen.validation[-1], 4),
            "best_validation": round(seen.validation[best], 4),
            "memorised": self._memorised(data.train),
            "seconds": round(seen.seconds, 2),
        }

    def period(self, data):
        """Return a function without arguments that trains for one period, compiled, for measurements of its cost.

        Args:
            data: noisy `Dataset`.
        """
        batches = self._batches(data, 0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a training that ends before its labels are corrected
            self._fit(batches, 1, [])
        iterator = iter(batches.train)
        return lambda: self.model.train_function(iterator)

    def _batches(self, data, seed):
        augmentation = self.task.augmentation if self.recipe.augmented else None
        return pipeline.batches(data, self.task.batch_size, augmentation, seed=seed, with_ids=self._with_ids)

    def _fit(self, batches, epochs, callbacks):
        steps = {"steps_per_epoch": self._steps, "epochs": epochs}
        self.model.fit(batches.train, **steps, shuffle=False, callbacks=callbacks, verbose=0)

    def _predicted(self, features):
        """Predicted classes, an array `[n]`."""
        starts = range(0, len(features), _PREDICTED)
        return np.concatenate([self._compiled(features[start : start + _PREDICTED]).numpy() for start in starts])

    def _classes(self, features):
        """Predicted classes of as many examples as one call takes, a tensor `[n]`."""
        outputs = self.model.network(features, training=False)
        return keras.ops.argmax(self.model.loss.probabilities(outputs), axis=1)

    def _memorised(self, train):
        if train.labels is None or not train.mislabelled.any():
            return None
        wrong = train.take(np.flatnonzero(train.mislabelled))
        return round(float(np.mean(self._predicted(wrong.inputs) == wrong.observed)), 4)

    def _restart(self, seed):
        keras.utils.set_random_seed(seed)
        new = self.task.network(self.model.network.input_shape[1:], self.model.loss.num_outputs)
        for variable, value in zip(self.variables(), self._start, strict=True):
            variable.assign(value)
        self.model.network.set_weights(new.get_weights())

    def variables(self):
        """Return all variables of the training: weights, the loss's state, the optimizer's, random generators."""
        random = self.model.loss.seed_generator
        return [*self.model.variables, *self.model.optimizer.variables, *([random.state] if random else [])]


def out_of_sample(data, loss, task, seed, folds, epochs):
    """Predictions for the training examples by networks that were trained on those of the other folds, `[n, K]`."""

    def build():
        own = loss(data.num_classes)
        model = NoisyLabelClassifier(task.network(data.input_shape, own.num_outputs), own)
        model.compile(task.optimizer(), jit_compile=False)
        return model

    return cross_predict(
        build,
        data.train.inputs,
        data.train.training_labels,
        folds=folds,
        epochs=epochs,
        batch_size=task.batch_size,
        seed=seed,
        verbose=0,
    )


class _Accuracies(keras.callbacks.Callback):
    """Accuracies on given validation labels and on clean test labels after each period of the training."""

    def __init__(self, data, predicted):
        super().__init__()
        self.predicted, self.examples = predicted, (data.validation, data.test)
        self.features = tf.constant(np.concatenate([one.inputs for one in self.examples]))
        self.validation, self.test, self.seconds, self._since = [], [], 0.0, None

    def on_epoch_end(self, epoch, logs=None):
        now = time.process_time()
        if self._since is not None:
            self.seconds += now - self._since
        held_out, clean = self.examples
        validation, test = np.split(self.predicted(self.features), [len(held_out)])
        self.validation.append(float(np.mean(validation == held_out.training_labels)))
        self.test.append(float(np.mean(test == clean.labels)))
        self._since = time.process_time()
