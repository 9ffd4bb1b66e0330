"""Softmax of normally distributed logits, averaged over samples (Kendall & Gal 2017, Collier et al. 2020, 2021)."""

import functools

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tfp_noise import _random, _validation
from tfp_noise._random import sobol_gaussian
from tfp_noise.losses._entropies import cross_entropy, product
from tfp_noise.losses.base import NoisyLabelLoss, register
from tfp_noise.losses.smearing import cross_entropy_like

# The numbers of one tensor over examples, samples and classes in training: 16 MiB in float32. Loss and gradient then
# peak at 0.65 GiB for 1000 samples of 256 examples of 1000 classes, where the noise alone is 1 GiB.
_TRAINING_NUMBERS = 2**22
# The same for one example in prediction, where the batch is not known when a model is made of it.
_PREDICTION_NUMBERS = 2**16
_MIN_SCALE = 1e-3
# Prediction's noise is a multiple of 1 / 256: short integers in the file of a deployed model, where floats take four
# times the room. The variance rises by 1e-6.
_NOISE_STEP = 1 / 256


@register
class Heteroscedastic(NoisyLabelLoss):
    """Negative log of the label's mean probability when the logits are normal with a covariance of each example's own.

    The network gives a mean, a diagonal and a factor `V` of R = `rank` columns, and with T = `temperature`

        u_s = loc + d * e_s + V f_s,    d = softplus(raw_diagonal) + 0.001,    e_s, f_s standard normal, [K] and [R]
        p_k = mean_s softmax(u_s / T)_k
        loss = -log p_y,    of a distribution y over classes -sum_k y_k log p_k

    so that the covariance of the logits is `diag(d^2) + V V'`. The methods of the family are settings: Het is `rank=0,
    temperature=1`, Het-tau is `rank=0`, Het-tau-Sigma_full is `rank >= 1`. The gradient for the mean is
    `-(y - mean_s softmax(u_s / T) w_s) / T`, `w_s = sum_k y_k softmax(u_s / T)_k / p_k`: samples that agree with the
    label count more.

    In training the noise is another one for each example, sample, step and replica. Samples are taken in chunks, and
    the gradient draws their noise again instead of keeping it: the memory does not grow with their number.
    Prediction, and `evaluation_loss`, the cross-entropy of the predicted probabilities, use fixed noise, the same for
    each example: scrambled Sobol points of `seed` (in dimensions beyond 21,201, SciPy's limit, random numbers). 1000 of
    them err less than 1000 random samples: by a factor of 20 for K = 10 and a diagonal below 1, by 1.4 for K = 100, a
    rank of 4 and deviations of 5.

    The cost grows with the samples: loss and gradient of 100 samples take about 45 times cross-entropy's time at K =
    10. Metrics in training predict at each step; where that is too dear, lower `test_samples` or leave them out.

    Two classes have two logits as well, not a sigmoid's single one.

    Args:
        num_classes: int, K >= 2.
        temperature: float > 0, divides the logits.
        rank: int >= 0, R, columns of the factor.
        train_samples: int >= 1, samples of each example in training.
        test_samples: int >= 1, points in prediction and evaluation.
        seed: int in [0, 2^31), of all noise.
        name: name of the loss.
        **kwargs: `reduction`, `dtype` and `ignore_class`, as in `NoisyLabelLoss`.

    Raises:
        TypeError: for a number of the wrong type.
        ValueError: if a number is out of range.

    Example:
        >>> import numpy as np
        >>> loss = Heteroscedastic(10, temperature=0.5, rank=2)
        >>> loss.num_outputs  # loc [10], raw diagonal [10], factor [10, 2] row by row
        40
        >>> loss(np.array([3]), np.zeros((1, 40))).shape
        TensorShape([])
        >>> loss.probabilities(np.zeros((1, 40))).shape
        TensorShape([1, 10])

    References:
        Kendall, Gal, "What uncertainties do we need in Bayesian deep learning for computer vision?", 2017 (Het).
        Collier, Mustafa, Kokiopoulou, Jenatton, Berent, "A simple probabilistic method for deep classification under
        input-dependent label noise", 2020 (temperature); "Correlated input-dependent label noise in large-scale image
        classification", 2021 (factor). Englesson, Mehrpanah, Azizpour 2023, Eq. 13, 14 and A.6 (gradient). Departures
        from Collier et al.'s code: probabilities by logsumexp, not clipped at 1e-7; no single logit for two classes;
        quasi-random noise in prediction.
    """

    def __init__(
        self,
        num_classes,
        temperature=1.0,
        rank=0,
        train_samples=1000,
        test_samples=1000,
        *,
        seed=0,
        name="heteroscedastic",
        **kwargs,
    ):
        super().__init__(num_classes, name=name, **kwargs)
        self.temperature = self._check_number("temperature", temperature, above=0)
        self.rank = _validation.check_int("rank", rank, 0)
        self.train_samples = _validation.check_int("train_samples", train_samples, 1)
        self.test_samples = _validation.check_int("test_samples", test_samples, 1)
        self.seed = _validation.check_seed(seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    @property
    def num_outputs(self):
        return self.num_classes * (2 + self.rank)

    @property
    def num_prediction_outputs(self):
        return self.num_outputs

    @property
    def reads_logits(self):
        return False

    def soft_label_loss(self, targets, y_pred):
        seed = _random.draw_seed(self.seed_generator)
        return cross_entropy(targets, _log_mean_softmax(self._parameters(y_pred), seed, self.train_samples))

    def logits(self, y_pred):
        """Logarithms of the mean probabilities, `[batch, num_classes]`: what these are the softmax of."""
        chunk = max(1, _PREDICTION_NUMBERS // self.num_classes)
        total = None
        for start in range(0, self.test_samples, chunk):
            noise = np.split(self._fixed_noise[None, start : start + chunk], [self.num_classes], axis=-1)
            loc, *rest = self._parameters(y_pred)
            part = ops.logsumexp(_log_softmax([loc, *(p * _NOISE_STEP for p in rest)], noise), axis=1)
            total = part if total is None else ops.logaddexp(total, part)
            # Nothing is added, but the next chunk has to wait for it; at once they would take the memory of all.
            y_pred = y_pred + 0 * ops.max(total, axis=-1, keepdims=True)
        return total - float(np.log(self.test_samples))

    def evaluation_loss(self, y_true, y_pred, sample_weight=None):
        """Cross-entropy of the predicted probabilities, reduced: without random noise, so that it repeats."""
        return cross_entropy_like(self)(y_true, self.logits(ops.cast(y_pred, self.dtype)), sample_weight)

    def _parameters(self, y_pred):
        """`loc` and `d`, `[batch, K]`, and with a rank `V`, `[batch, K, R]`, all divided by the temperature."""
        loc, raw, factor = ops.split(y_pred, [self.num_classes, 2 * self.num_classes], axis=-1)
        parameters = [loc, ops.softplus(raw) + _MIN_SCALE]
        if self.rank:
            parameters.append(ops.reshape(factor, [-1, self.num_classes, self.rank]))
        return [parameter / self.temperature for parameter in parameters]

    @functools.cached_property
    def _fixed_noise(self):
        """`[test_samples, K + R]` in units of `_NOISE_STEP`, int16."""
        points = sobol_gaussian(self.num_classes + self.rank, self.test_samples, self.seed)
        return np.rint(points / _NOISE_STEP).astype(np.int16)

    def get_config(self):
        names = ["temperature", "rank", "train_samples", "test_samples", "seed"]
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _log_softmax(parameters, noise):
    """Log-probabilities of each sample `[batch, samples, K]`, of noise `[batch or 1, samples, K]` and `[..., R]`."""
    loc, scale, *factor = parameters
    logits = ops.expand_dims(loc, 1) + ops.expand_dims(scale, 1) * noise[0]
    if factor:
        logits = logits + ops.matmul(noise[1], ops.swapaxes(factor[0], 1, 2))
    return ops.log_softmax(logits, axis=-1)


def _log_mean_softmax(parameters, seed, samples):
    """Logarithm of the mean over random samples of the softmax of `loc + scale * e + factor f`, `[batch, K]`.

    With `p_s` the softmax of sample s, `m` the mean and `G` the gradient that comes from above,

        r_sk = p_sk / (samples * m_k),    g_s = G * r_s - p_s (G . r_s)

    is the gradient for the logits of sample s; those for the parameters are `sum_s g_s`, `sum_s g_s * e_s` and
    `sum_s g_s f_s'`. Automatic differentiation would keep the noise and the softmax of every sample.
    """

    @tf.custom_gradient
    def log_sum(*parameters):
        shape, dtype = tf.shape(parameters[0]), parameters[0].dtype
        batch, num_classes = tf.unstack(shape)
        rank = parameters[2].shape[-1] if len(parameters) > 2 else 0
        chunks = -(-samples // tf.clip_by_value(_TRAINING_NUMBERS // tf.maximum(batch * num_classes, 1), 1, samples))
        size = -(-samples // chunks)

        def draw(index):
            seeds = [_random.fold_in(seed, 2 * index + i) for i in range(2)]
            shapes = [batch, size, num_classes], [batch, size, rank]
            noise = [tf.cast(_random.standard_normal(*pair), dtype) for pair in zip(seeds, shapes, strict=True)]
            counts = index * size + tf.range(size) < samples  # in the last chunk there may be too many
            log_weight = tf.where(counts, tf.zeros([], dtype), -np.inf)
            return noise, _log_softmax(parameters, noise) + log_weight[:, tf.newaxis]

        def add_probabilities(index, total):
            _, log_p = draw(index)
            return index + 1, ops.logaddexp(total, ops.logsumexp(log_p, axis=1))

        def over_chunks(add, *start):
            return tf.while_loop(lambda index, *_: index < chunks, add, [0, *start])[1:]

        (total,) = over_chunks(add_probabilities, tf.fill(shape, tf.cast(-np.inf, dtype)))

        def gradient(upstream):
            def add_gradients(index, *sums):
                noise, log_p = draw(index)
                ratio = product(tf.exp(log_p - total[:, tf.newaxis]), upstream[:, tf.newaxis])
                g = ratio - tf.exp(log_p) * tf.reduce_sum(ratio, axis=-1, keepdims=True)
                parts = [tf.reduce_sum(g, axis=1), tf.reduce_sum(g * noise[0], axis=1)]
                if rank:
                    parts.append(tf.matmul(g, noise[1], transpose_a=True))
                return index + 1, *(a + b for a, b in zip(sums, parts, strict=True))

            return over_chunks(add_gradients, *map(tf.zeros_like, parameters))

        return total, gradient

    return log_sum(*parameters) - float(np.log(samples))
