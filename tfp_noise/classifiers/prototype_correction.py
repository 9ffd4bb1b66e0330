"""Self-learning with prototypes: labels are corrected by similarities to examples that stand for a class."""

from typing import Any

import keras
import numpy as np
from keras import ops

from tfp_noise import _validation
from tfp_noise._saving.deployment import input_structure
from tfp_noise._training.network_and_loss import check_one_label
from tfp_noise.classifiers._label_correction import LabelCorrectingClassifier
from tfp_noise.classifiers._layer_outputs import outputs_of_layers
from tfp_noise.losses import NoisyLabelLoss
from tfp_noise.losses._state import StateAfterWarmUp, add_rows, gather


@keras.saving.register_keras_serializable(package="tfp_noise")
class PrototypeCorrection(LabelCorrectingClassifier):
    """A classifier that mixes each label with the class whose prototypes the example's features are most similar to.

    At the end of each epoch from `warm_up` on, every class gets prototypes: those of its examples in the epoch that lie
    where its features are densest, but not close to one another. In the next epoch the label `y` of an example with the
    features `f` becomes

        (1 - weight) y + weight onehot(argmax_k mean_l cos(f, prototype_kl))

    Features are the inputs of the network's last layer, in inference mode, before the step: one more forward pass, a
    third of a step. For this the model keeps the features of the last `num_samples` examples of each class in the
    epoch, `4 num_classes num_samples width` bytes: 26 MB for 100 classes, 1,000 samples and 64 features. They are
    saved, mirrored and resumed with it. No ids and no pass over the data are needed. Examples of weight 0 are not kept.

    Metrics of training compare with the mixed labels. `evaluate`, `predict` and `deployable` are those of the network.

    Args:
        network: a Functional or Sequential `keras.Model` with outputs `[batch, num_outputs]` whose last layer is a
            linear `keras.layers.Dense`.
        loss: as in `NoisyLabelClassifier`, for one class of several an example, without `ignore_class`.
        warm_up: int >= 1, epochs before labels are corrected, fewer than the training has, or `fit` warns.
        weight: float in [0, 1], of the corrected label; the paper's is 0.5.
        num_prototypes: int >= 1, prototypes of a class; the paper's is 8.
        num_samples: int >= 1, examples of a class among which prototypes are found; the paper's is 1,280. Finding them
            takes the time of `num_samples^2` similarities a class.
        name: name of the model.
        **kwargs: other arguments of `NoisyLabelClassifier`.

    Attributes:
        prototypes: layer with the mean prototype of each class and the features of the epoch.

    Raises:
        TypeError: if an argument is of another type.
        ValueError: if a number is out of range, the loss is for several labels, has an `ignore_class` or needs ids, or
            the network is subclassed or does not end in a linear `Dense` with one label an example.
        RuntimeError: on another backend of Keras than TensorFlow.

    Example:
        >>> from tfp_noise import losses
        >>> layers = [keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3)]
        >>> network = keras.Sequential([keras.Input([4]), *layers])
        >>> model = PrototypeCorrection(network, losses.CrossEntropy(3), warm_up=1, num_samples=100)
        >>> model.compile("adam", metrics=["accuracy"])
        >>> history = model.fit(np.eye(12)[:, :4], np.arange(12) % 3, epochs=2, verbose=0)
        >>> model.predict(np.zeros([2, 4]), verbose=0).shape
        (2, 3)

    References:
        Han, Luo, Wang, "Deep self-learning from noisy labels", 2019, Eq. 2 to 6. Departures: features are those of the
        steps of an epoch, not of a pass after it; prototypes are found among the last examples of a class, not among
        random ones; labels are corrected by the present features.
    """

    def __init__(
        self,
        network: keras.layers.Layer,
        loss: NoisyLabelLoss,
        warm_up: int,
        weight: float = 0.5,
        num_prototypes: int = 8,
        num_samples: int = 1000,
        *,
        name: str = "prototype_correction",
        **kwargs: Any,
    ):
        self.weight = _validation.check_number("weight", weight, 0, 1)
        self.num_prototypes = _validation.check_int("num_prototypes", num_prototypes, 1)
        self.num_samples = _validation.check_int("num_samples", num_samples, 1)
        super().__init__(network, loss, warm_up, name=name, **kwargs)

    def add_state(self, network, loss):
        _, features = outputs_of_layers(network)
        needed = 4 * loss.num_classes * self.num_samples * features.shape[-1]
        _validation.check_fits_ram(
            "num_samples", self.num_samples, "the features of samples", needed, "Keep fewer samples."
        )
        check_one_label(type(self).__name__, len(network.outputs[0].shape))
        # Its method, because a model would be tracked as a further layer, with the variables of the network.
        self._call_to_features = keras.Model(input_structure(network), features).__call__
        self.prototypes = _Prototypes(loss.num_classes, features.shape[-1], self)

    def corrected(self, x, targets, sample_weight):
        features = ops.cast(self._call_to_features(x, training=False), "float32")
        corrected = ops.one_hot(self.prototypes.nearest(features), self.loss.num_classes, dtype=targets.dtype)
        weight = self.weight * ops.cast(self.prototypes.has_begun(), targets.dtype)
        self.prototypes.keep(features, ops.argmax(targets, axis=-1), sample_weight)
        return x, (1 - weight) * targets + weight * corrected, sample_weight

    def get_config(self):
        settings = ("weight", "num_prototypes", "num_samples")
        return {**super().get_config(), **{key: getattr(self, key) for key in settings}}


class _Prototypes(StateAfterWarmUp):
    """Features of the epoch's last examples of each class, and the mean prototype of each from the epoch before."""

    def __init__(self, num_classes, width, settings):
        super().__init__(num_classes, name="prototypes")
        self._num_prototypes, self._num_samples = settings.num_prototypes, settings.num_samples
        self.samples = self.variable("samples", np.zeros([num_classes * self._num_samples, width], "float32"))
        self.seen = self.variable("seen", np.zeros(num_classes, "int64"))
        self.means = self.variable("means", np.zeros([num_classes, width], "float32"))
        self.begin_after("warm_up", settings.warm_up)

    def nearest(self, features):
        """The class `[batch]` of the most similar prototypes; a class without any is never it."""
        means = ops.convert_to_tensor(self.means)
        # The mean cosine, times the length of the features, which all classes share.
        similarities = ops.matmul(features, ops.transpose(means))
        return ops.argmax(ops.where(ops.any(means != 0, axis=-1), similarities, -np.inf), axis=-1)

    def keep(self, features, labels, sample_weight=None):
        """Keeps the features `[batch, width]` of all replicas, in the place of the oldest ones of their class.

        Examples of weight 0 are left out.
        """
        counts = ops.ones_like(labels, "bool") if sample_weight is None else ops.reshape(sample_weight, [-1]) > 0
        features, labels, counts = gather(features, ops.cast(labels, "int32"), ops.cast(counts, "int64"))
        one_hot = ops.one_hot(labels, self.num_classes, dtype="int64") * ops.expand_dims(counts, -1)
        before = ops.sum((ops.cumsum(one_hot, axis=0) - one_hot) * one_hot, axis=-1)  # in the batch, of the class
        places = (ops.take(self.seen, labels) + before) % self._num_samples
        places = ops.cast(labels, "int64") * self._num_samples + places
        # A batch may have more of a class.
        kept = ops.expand_dims(ops.logical_and(before < self._num_samples, counts > 0), -1)
        add_rows(self.samples, places, ops.where(kept, features - ops.take(self.samples, places, axis=0), 0))
        self.seen.assign(ops.convert_to_tensor(self.seen) + ops.sum(one_hot, axis=0))

    def end_epoch(self):
        super().end_epoch()
        counts = np.minimum(ops.convert_to_numpy(self.seen), self._num_samples)
        self.seen.assign(ops.zeros_like(self.seen))
        if not self.has_begun():
            return
        samples = ops.convert_to_numpy(self.samples).reshape(self.num_classes, self._num_samples, -1)
        means = [
            _mean_prototype(rows[:count], self._num_prototypes) for rows, count in zip(samples, counts, strict=True)
        ]
        self.means.assign(np.array(means, "float32"))


_DENSE, _DISTINCT = 0.4, 0.95


def _mean_prototype(features, num_prototypes):
    """The mean of the prototypes among features `[n, width]`, each of length 1; zeros without any.

    The density of an example is how many similarities it has that are among the largest 40 % of all. Its nearness is
    the largest similarity to a denser example; that of the densest ones is their smallest similarity to any. Prototypes
    are the densest examples whose nearness is below 0.95 and, if these are too few, the densest others.
    """
    lengths = np.linalg.norm(features, axis=1)
    features = features[lengths > 0].astype(np.float64) / lengths[lengths > 0, np.newaxis]
    if not len(features):
        return np.zeros(features.shape[1])
    similarities = features @ features.T
    density = (similarities > np.quantile(similarities, 1 - _DENSE)).sum(axis=1)
    denser = density[np.newaxis] > density[:, np.newaxis]
    nearness = np.where(denser, similarities, -np.inf).max(axis=1)
    nearness = np.where(density == density.max(), similarities.min(axis=1), nearness)
    order = np.lexsort([-density, nearness >= _DISTINCT])
    return features[order[:num_prototypes]].mean(axis=0)
