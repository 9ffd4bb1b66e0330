"""Measures beyond the scores of every run: ensembles of epochs, top-k, attacks, human judgement.

An experiment declares its measures. Each makes a Keras callback for one run, which may look at the model while it
trains. After the training the callback's `scores` are stored among the run's.
"""

import dataclasses

import keras
import numpy as np

from experiments import evaluation
from tfp_noise import _validation, attacks, datasets, metrics, pipeline

# Examples that are attacked at a time: their floats are in memory, 3 GB of ImageNet.
_CHUNK = 5_000


@dataclasses.dataclass(frozen=True)
class Measure:
    """The base of all measures."""

    def callback(self, noisy, epochs, data_dir):
        """Make a callback for one run.

        Args:
            noisy: the noisy `Dataset` of the run; only its test split is looked at.
            epochs: int, how many epochs the training has.
            data_dir: where TensorFlow Datasets keeps its data.

        Returns:
            A `keras.callbacks.Callback` whose `scores(probabilities)`, called with the trained model's test
            probabilities, returns a dict of scores. A callback that keeps something from epoch to epoch has
            `get_state()` and `set_state(state)`, as `tfp_noise.callbacks.BackupAndRestore` wants.
        """
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class SnapshotEnsembles(Measure):
    """Test accuracy of the mean probabilities of models from evenly spread epochs of one training, the last included.

    Model i of `count` is the one after epoch `round(i * epochs / count)`; a count above the number of epochs, as in a
    smoke run, is left out. Score `ensembles`: a dict from count to accuracy. The memory does not depend on the number
    of models, because sums are kept and no predictions: one float64 `[test examples, classes]` a count, 32 MB for the
    four default counts and 10,000 examples of 100 classes.

    Args:
        counts: ints >= 1, how many models are averaged.

    References:
        Zhang et al. Delving deep into label smoothing. 2021, Eq. 10 and Table III.
    """

    counts: tuple[int, ...] = (6, 10, 15, 20)

    def __post_init__(self):
        for count in self.counts:
            _validation.check_int("counts", count, 1)

    def epochs_of(self, count, epochs):
        """Return the epochs, counted from 1, whose models make an ensemble."""
        return [round(i * epochs / count) for i in range(1, count + 1)]

    def callback(self, noisy, epochs, data_dir):
        del data_dir
        members = {count: self.epochs_of(count, epochs) for count in self.counts if count <= epochs}
        return _Snapshots(noisy.test, members)


class _Snapshots(keras.callbacks.Callback):
    def __init__(self, test, members):
        super().__init__()
        self.test, self.members = test, members
        self.sums = dict.fromkeys(members, 0.0)

    def on_epoch_end(self, epoch, logs=None):
        del logs
        due = [count for count, epochs in self.members.items() if epoch + 1 in epochs]
        if due:
            probabilities = evaluation.predict(self.model, self.test).astype(np.float64)
            for count in due:
                self.sums[count] = self.sums[count] + probabilities

    def get_state(self):
        return {str(count): total for count, total in self.sums.items()}

    def set_state(self, state):
        self.sums = {int(count): total for count, total in state.items()}

    def scores(self, probabilities):
        del probabilities
        means = {count: total / count for count, total in self.sums.items()}
        return {"ensembles": {str(count): metrics.accuracy(mean, self.test.labels) for count, mean in means.items()}}


@dataclasses.dataclass(frozen=True)
class TopAccuracy(Measure):
    """Fraction of test examples whose label is among the most probable classes. Score `test_top{k}_accuracy`.

    Args:
        k: int from 1 to the number of classes.
    """

    k: int = 5

    def __post_init__(self):
        _validation.check_int("k", self.k, 1)

    def callback(self, noisy, epochs, data_dir):
        del epochs, data_dir
        _check_classes("k", self.k, noisy)
        return _AfterTraining(
            lambda _, probabilities: {
                f"test_top{self.k}_accuracy": metrics.top_k_accuracy(probabilities, noisy.test.labels, self.k)
            }
        )


@dataclasses.dataclass(frozen=True)
class Attacks(Measure):
    """Test accuracy after the fast gradient sign method, and after projected gradient ascent, on the trained model.

    Scores `fgsm_accuracy`, `pgd_accuracy`, and with `top` also `fgsm_top{top}_accuracy`, `pgd_top{top}_accuracy`.

    Args:
        epsilon: float, the largest change of a feature; features are from 0 to 1.
        step_size: float, the change of a feature in one step of projected gradient ascent.
        num_steps: int >= 1, the steps of projected gradient ascent.
        top: int from 1 to the number of classes, or `None`.

    References:
        Zhang et al. Delving deep into label smoothing. 2021, Eq. 11 and 12, Tables VIII and IX.
    """

    epsilon: float = 8 / 255
    step_size: float = 2 / 255
    num_steps: int = 20
    top: int | None = None

    def __post_init__(self):
        _validation.check_number("epsilon", self.epsilon, 0)
        _validation.check_number("step_size", self.step_size, 0)
        _validation.check_int("num_steps", self.num_steps, 1)
        if self.top is not None:
            _validation.check_int("top", self.top, 1)

    def callback(self, noisy, epochs, data_dir):
        del epochs, data_dir
        if self.top is not None:
            _check_classes("top", self.top, noisy)
        features = noisy.test.features
        if features.dtype != np.uint8:  # which `pipeline.to_float` divides by 255
            _validation.check_unit_features(f"test.features of {noisy.name!r}", np.asarray(pipeline.to_float(features)))
        return _AfterTraining(lambda model, _: self._scores(model, noisy.test))

    def _scores(self, model, test):
        found = {}
        for name in ("fgsm", "pgd"):
            probabilities = np.concatenate(
                [self._attacked(name, model, test.take(slice(i, i + _CHUNK))) for i in range(0, len(test), _CHUNK)]
            )
            found[f"{name}_accuracy"] = metrics.accuracy(probabilities, test.labels)
            if self.top:
                found[f"{name}_top{self.top}_accuracy"] = metrics.top_k_accuracy(probabilities, test.labels, self.top)
        return found

    def _attacked(self, name, model, examples):
        """Probabilities `[n, num_classes]` of a part of the test examples after an attack."""
        clean = np.asarray(pipeline.to_float(examples.features))
        if name == "fgsm":
            changed = attacks.fast_gradient_sign(model, clean, examples.labels, bound=self.epsilon)
        else:
            changed = attacks.projected_gradient(
                model,
                clean,
                examples.labels,
                bound=self.epsilon,
                step=self.step_size,
                iterations=self.num_steps,
                seed=0,
            )
        return model.predict(changed, batch_size=evaluation.PREDICTION_BATCH, verbose=0)


@dataclasses.dataclass(frozen=True)
class HumanDistance(Measure):
    """Mean KL divergence of a model's test probabilities from CIFAR-10H's annotators, where the model is right.

    Score `human_divergence`, in nats.

    References:
        Zhang et al. Delving deep into label smoothing. 2021, Table XII.
    """

    def callback(self, noisy, epochs, data_dir):
        del epochs
        human = datasets.cifar10h.load(noisy.test, data_dir)  # a missing file is an error before the training

        def scores(_, probabilities):
            right = probabilities.argmax(axis=1) == noisy.test.labels
            return {"human_divergence": metrics.mean_kl_divergence(human, probabilities, where=right)}

        return _AfterTraining(scores)


def _check_classes(name, count, data):
    """Refuse a count of classes before the training; the score itself would refuse it only after it."""
    if count > data.num_classes:
        classes = f"{data.num_classes}, the classes of {data.name!r}"
        raise ValueError(f"`{name}` must be at most {classes}. Received: {count}.")


class _AfterTraining(keras.callbacks.Callback):
    """A measure of the trained model alone."""

    def __init__(self, measure):
        super().__init__()
        self.measure = measure

    def scores(self, probabilities):
        return self.measure(self.model, probabilities)
