"""Dynamic bootstrapping: a mixture fitted to the losses says how much an example's own label counts."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from keras.src.losses.loss import scale_loss_for_distribution

from tfp_noise import _random, _validation
from tfp_noise._training.network_and_loss import check_one_label
from tfp_noise.classifiers import _beta_mixture
from tfp_noise.classifiers._label_correction import LabelCorrectingClassifier
from tfp_noise.losses import NoisyLabelLoss
from tfp_noise.losses._entropies import cross_entropy, smallest
from tfp_noise.losses._state import StateAfterWarmUp, add_rows, gather


@keras.saving.register_keras_serializable(package="tfp_noise")
class DynamicBootstrap(LabelCorrectingClassifier):
    """A classifier that replaces part of each label by its own prediction: the more, the likelier the label is wrong.

    Cross-entropies of right and of wrong labels have two distributions. At the end of each epoch from `warm_up` on, a
    mixture of two beta distributions is fitted to those of the epoch, scaled from their 5th to their 95th percentile to
    [0, 1]. In the next epoch `b`, the posterior probability of the component of large losses given the example's
    present cross-entropy, replaces the label `y` by

        y' = (1 - b) y + b prediction

    where the prediction is the most probable class, or the softmax with `hard=False`. Two examples are then mixed:
    `loss(c y'_1 + (1 - c) y'_2, network(c x_1 + (1 - c) x_2))` with `c` of `Beta(mixup, mixup)`, one for a batch, each
    of those over which an optimizer accumulates gradients. After
    the warm-up, `prior_weight KL(uniform || mean prediction of the batch)` keeps predictions from becoming all one
    class; `sample_weight` weighs this mean, too.

    In the warm-up, `b` is 0: training with mixup. Cross-entropies and predictions are those of the unmixed examples in
    inference mode, before the step: one more forward pass, a third of a step. The mixture needs no ids and no pass over
    the data, because it only reads how often each cross-entropy occurred in the epoch, which is kept in 2,048 bins of
    0.7 %, for any number of examples. It belongs to the model: it is saved, mirrored and resumed with it.

    Metrics of training compare with the mixed labels. `evaluate`, `predict` and `deployable` are those of the network.

    Args:
        network: as in `NoisyLabelClassifier`, with outputs `[batch, num_outputs]`.
        loss: as in `NoisyLabelClassifier`, for one class of several an example, without `ignore_class`.
        warm_up: int >= 1, epochs before the first mixture is used, fewer than the training has, or `fit` warns; the
            paper's is 105 of 300.
        hard: bool, True for the most probable class as prediction, False for the softmax.
        mixup: int >= 0, parameter of the beta distribution of `c`; 0 mixes nothing. The paper's is 32.
        prior_weight: float >= 0, of the divergence from uniform predictions; the paper's is 1. It assumes about as many
            examples of each class.
        name: name of the model.
        **kwargs: other arguments of `NoisyLabelClassifier`.

    Attributes:
        mixture: layer with the mixture's table of posteriors and the counts of the epoch.

    Raises:
        TypeError: if an argument is of another type.
        ValueError: if a number is out of range, the loss is for several labels, has an `ignore_class` or needs ids, the
            network has a label at each position, or, when training starts, inputs to be mixed are not floats.
        RuntimeError: on another backend of Keras than TensorFlow.

    Example:
        >>> from tfp_noise import losses
        >>> network = keras.Sequential([keras.Input([4]), keras.layers.Dense(3)])
        >>> model = DynamicBootstrap(network, losses.CrossEntropy(3), warm_up=1)
        >>> model.compile("adam", metrics=["accuracy"])
        >>> history = model.fit(np.eye(12)[:, :4], np.arange(12) % 3, epochs=2, verbose=0)
        >>> model.predict(np.zeros([2, 4]), verbose=0).shape
        (2, 3)

    References:
        Arazo, Ortego, Albert, O'Connor, McGuinness, "Unsupervised label noise modeling and loss correction", 2019,
        Eq. 3 to 9 (M-DYR-H, M-DYR-S), and their code for numbers that the paper does not print. Departures: the
        cross-entropies of an epoch are those of its steps, not of a pass after it; the mixture is fitted by maximum
        likelihood, not by moments; the prediction is in inference mode.
    """

    def __init__(
        self,
        network: keras.layers.Layer,
        loss: NoisyLabelLoss,
        warm_up: int,
        hard: bool = True,
        mixup: int = 32,
        prior_weight: float = 1.0,
        *,
        name: str = "dynamic_bootstrap",
        **kwargs: Any,
    ):
        self.hard = _validation.check_bool("hard", hard)
        self.mixup = _validation.check_int("mixup", mixup, 0, "Pass 0 to mix nothing.")
        self.prior_weight = _validation.check_number("prior_weight", prior_weight, 0)
        super().__init__(network, loss, warm_up, name=name, **kwargs)

    def add_state(self, network, loss):
        del network
        self.mixture = _LossMixture(loss.num_classes, self.warm_up)
        self.mixing_seed_generator = keras.random.SeedGenerator()

    def build(self, input_shape):
        super().build(input_shape)
        check_one_label(type(self).__name__, self._outputs_rank)

    def corrected(self, x, targets, sample_weight):
        logits = self.loss.logits(ops.cast(self.network(x, training=False), self.loss.dtype))
        log_p = ops.log_softmax(logits, axis=-1)
        losses = cross_entropy(targets, log_p)
        wrong = ops.expand_dims(self.mixture.posterior(losses), -1)
        self.mixture.count(losses, sample_weight)
        one_hot = ops.one_hot(ops.argmax(log_p, axis=-1), self.loss.num_classes, dtype=self.loss.dtype)
        targets = (1 - wrong) * targets + wrong * (one_hot if self.hard else ops.exp(log_p))
        return self._mixed(x, targets, sample_weight) if self.mixup else (x, targets, sample_weight)

    def data_loss(self, x, y, y_pred, sample_weight, training):
        loss = super().data_loss(x, y, y_pred, sample_weight, training)
        if not training or not self.prior_weight:
            return loss
        mean = self._mean_prediction(y_pred, sample_weight)
        divergence = -ops.mean(ops.log(ops.maximum(mean, smallest(mean.dtype)))) - np.log(self.loss.num_classes)
        weight = self.prior_weight * ops.cast(self.mixture.has_begun(), loss.dtype)
        return loss + scale_loss_for_distribution(weight * divergence)

    def _mean_prediction(self, y_pred, sample_weight):
        """Mean prediction `[num_classes]` of the batch on all replicas, with weights; uniform if these are all 0."""
        predictions, replicas = self.loss.probabilities(y_pred), tf.distribute.get_replica_context()
        weights = ops.ones_like(predictions[:, 0]) if sample_weight is None else ops.reshape(sample_weight, [-1])
        weights = ops.cast(weights, predictions.dtype)
        sums = ops.sum(weights[:, np.newaxis] * predictions, axis=0), ops.sum(weights)
        if replicas is not None and replicas.num_replicas_in_sync > 1:
            sums = replicas.all_reduce("SUM", sums)
        total, count = sums
        return ops.where(count > 0, ops.divide_no_nan(total, count), 1 / self.loss.num_classes)

    def _mixed(self, x, targets, sample_weight):
        """Inputs, labels and weights of mixed pairs; weights scale each example's part of the loss."""
        if not all(keras.backend.is_float_dtype(leaf.dtype) for leaf in keras.tree.flatten(x)):
            raise ValueError(
                "`mixup` must be 0 for inputs that are not floats. Received: "
                f"{keras.tree.map_structure(lambda leaf: leaf.dtype.name, x)}. Pass floats, such as "
                "`examples.inputs`, or `mixup=0`."
            )
        seed = _random.draw_seed(self.mixing_seed_generator)
        # The median of 2 a - 1 uniform numbers is of Beta(a, a). Gamma variates, by which others draw it, lack a kernel
        # for XLA.
        numbers = tf.sort(_random.uniform(_random.fold_in(seed, 0), [2 * self.mixup - 1]))
        own = ops.cast(numbers[self.mixup - 1], targets.dtype)
        partners = tf.argsort(_random.uniform(_random.fold_in(seed, 1), [tf.shape(targets)[0]]))

        def mix(values):
            weight = ops.cast(own, values.dtype)
            return weight * values + (1 - weight) * ops.take(values, partners, axis=0)

        x = keras.tree.map_structure(mix, x)
        if sample_weight is None:
            return x, mix(targets), None
        sample_weight = ops.cast(ops.reshape(sample_weight, [-1]), targets.dtype)
        mixed = mix(sample_weight)
        targets = tf.math.divide_no_nan(mix(ops.expand_dims(sample_weight, -1) * targets), ops.expand_dims(mixed, -1))
        return x, targets, mixed

    def get_config(self):
        settings = ("hard", "mixup", "prior_weight")
        return {**super().get_config(), **{key: getattr(self, key) for key in settings}}


_BINS, _LEAST, _LARGEST = 2048, 1e-4, 100.0  # of cross-entropies in nats, in equal steps of their logarithm
_TABLE = 100
_PERCENTILES = 0.05, 0.95


class _LossMixture(StateAfterWarmUp):
    """Counts of the cross-entropies in an epoch, and a table of posteriors from the mixture of the epoch before."""

    def __init__(self, num_classes, warm_up):
        super().__init__(num_classes, name="mixture")
        self.counts = self.variable("counts", np.zeros(_BINS, "float32"))
        self.table = self.variable("table", np.zeros(_TABLE, "float32"))
        self.bounds = self.variable("bounds", np.array([0, 1], "float32"))
        self.begin_after("warm_up", warm_up)

    def posterior(self, losses):
        """Probability `[batch]` that each label is wrong; 0 in the warm-up."""
        low, high = ops.unstack(ops.cast(self.bounds, losses.dtype))
        places = ops.clip(_TABLE * (losses - low) / (high - low), 0, _TABLE - 1)
        return ops.cast(ops.take(self.table, ops.cast(places, "int32")), losses.dtype)

    def count(self, losses, sample_weight):
        """Adds cross-entropies `[batch]`, of all replicas, to the counts."""
        weights = ops.ones_like(losses) if sample_weight is None else ops.reshape(sample_weight, [-1])
        losses, weights = gather(ops.cast(losses, "float32"), ops.cast(weights, "float32"))
        scaled = ops.log(ops.maximum(losses, _LEAST) / _LEAST) / np.log(_LARGEST / _LEAST)
        add_rows(self.counts, ops.cast(ops.clip(_BINS * scaled, 0, _BINS - 1), "int32"), weights)

    def end_epoch(self):
        super().end_epoch()
        counts = ops.convert_to_numpy(self.counts).astype(np.float64)
        self.counts.assign(ops.zeros_like(self.counts))
        values = _LEAST * (_LARGEST / _LEAST) ** ((np.arange(_BINS) + 0.5) / _BINS)
        if not self.has_begun() or not counts.any():
            return
        ranks = counts.cumsum() / counts.sum()
        first, last = np.searchsorted(ranks, _PERCENTILES)
        if first == last:  # almost all are equal, so that nothing tells two components apart
            return
        low, high = values[[first, last]]
        inner = slice(first, last + 1)
        mixture = _beta_mixture.fit((values[inner] - low) / (high - low), counts[inner])
        posterior = mixture.posterior(np.linspace(0, 1, _TABLE))
        posterior[posterior.argmax() :] = posterior.max()  # a larger loss is never less suspicious
        self.table.assign(posterior.astype("float32"))
        self.bounds.assign(np.array([low, high], "float32"))
