"""Softmax of normally distributed logits, averaged over samples (Kendall & Gal 2017, Collier et al. 2020, 2021)."""

import functools
import math
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from tfp_noise import _positions, _validation
from tfp_noise._sobol import sobol_gaussian
from tfp_noise.losses import _noise
from tfp_noise.losses._entropies import cross_entropy, product
from tfp_noise.losses._gradients import with_gradient
from tfp_noise.losses.base import NoisyLabelLoss, register
from tfp_noise.losses.cross_entropy import cross_entropy_like

# The largest size of a tensor over examples, samples and classes in training: 16 MiB in float32. Loss and gradient of
# 1000 samples of 256 examples of 1000 classes then peak at 0.65 GiB, where the noise of all samples alone takes 1 GiB.
_TRAINING_NUMBERS = 2**22
# The same for one example in prediction, because a deployable model is made before the batch size is known.
_PREDICTION_NUMBERS = 2**16
# The same for one example with a label at each of many positions, which come in smaller batches.
_NUMBERS_OF_POSITIONS = 2**20
_MIN_SCALE = 1e-3
# The noise of prediction is rounded to multiples of 1 / 256: int16 in the file of a deployed model, a quarter of the
# size of floats. The variance rises by 1e-6.
_NOISE_STEP = 1 / 256


@register
class Heteroscedastic(NoisyLabelLoss):
    """Negative log of the label's mean probability under normal logits, whose covariance the network predicts.

    The network gives a mean, a diagonal and a factor `V` with R = `rank` columns. With T = `temperature`,

        u_s = loc + d * e_s + V f_s,    d = softplus(raw_diagonal) + 0.001,    e_s, f_s standard normal, [K] and [R]
        p_k = mean_s softmax(u_s / T)_k
        loss = -sum_k y_k log p_k

    so that the covariance of the logits is `diag(d^2) + V V'`. The methods of the family are settings: Het is `rank=0,
    temperature=1`, Het-tau is `rank=0`, Het-tau-Sigma_full is `rank >= 1`. The gradient with respect to the mean is
    `-(y - mean_s softmax(u_s / T) w_s) / T` with `w_s = sum_k y_k softmax(u_s / T)_k / p_k`: samples that agree with
    the label count more.

    In training, each example, sample, step and replica has its own noise. Samples are taken in chunks, and the gradient
    draws their noise a second time instead of storing it, so that memory does not grow with the number of samples.
    Prediction and `evaluation_loss`, the cross-entropy of the predicted probabilities, use fixed noise, the same for
    all examples: scrambled Sobol points (in dimensions above 21,201, SciPy's limit, random numbers). The error of 1000
    points is smaller than that of 1000 random samples: by a factor of 20 for K = 10 and a diagonal below 1, by 1.4 for
    K = 100, a rank of 4 and deviations of 5.

    The cost is proportional to the number of samples: loss and gradient of 100 samples take about 45 times as long as
    those of cross-entropy at K = 10. Metrics predict at each step of training; if that takes too long, lower
    `test_samples` or leave the metrics out.

    Two classes have two logits too, not one logit of a sigmoid.

    Args:
        num_classes: int, K >= 2.
        temperature: float > 0, T, divides the logits.
        rank: int >= 0, R, the number of columns of the factor.
        train_samples: int >= 1, the number of samples for each example in training.
        test_samples: int >= 1, the number of points in prediction and evaluation.
        seed: int in [0, 2^31), of all noise.
        name: name of the loss.
        **kwargs: `reduction`, `dtype` and `ignore_class`, as in `NoisyLabelLoss`.

    Raises:
        TypeError: if a number is of another type.
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

    paper = "Kendall, Gal, 2017; Collier et al., 2020, 2021"
    needs = "a last layer of `num_outputs` units"
    search_space: ClassVar = {"temperature": (0.1, 0.5, 1.0, 10.0, 20.0)}  # Englesson et al., 2023, appendix B.2

    def __init__(
        self,
        num_classes: int,
        temperature: float = 1.0,
        rank: int = 0,
        train_samples: int = 1000,
        test_samples: int = 1000,
        *,
        seed: int = 0,
        name: str = "heteroscedastic",
        **kwargs: Any,
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
        seed = _noise.draw_seed(self.seed_generator, y_pred)
        return cross_entropy(targets, _log_mean_softmax(self._parameters(y_pred), seed, self.train_samples))

    def logits(self, y_pred):
        """Logarithms of the mean probabilities, `[..., num_classes]`, which are their own logits."""
        chunk = max(1, _prediction_numbers(tuple(y_pred.shape)[1:-1]) // self.num_classes)
        total = None
        for start in range(0, self.test_samples, chunk):
            noise = np.split(self._fixed_noise[None, start : start + chunk], [self.num_classes], axis=-1)
            loc, *rest = self._parameters(y_pred)
            part = ops.logsumexp(_log_softmax([loc, *(p * _NOISE_STEP for p in rest)], noise), axis=-2)
            total = part if total is None else _log_add(total, part)
            # Adds 0, but makes the next chunk wait for this one; computed at once they would need the memory of all.
            y_pred = y_pred + 0 * ops.max(total, axis=-1, keepdims=True)
        return total - float(np.log(self.test_samples))

    def evaluation_loss(self, y_true, y_pred, sample_weight=None):
        """Cross-entropy of the predicted probabilities, reduced; it has no random noise, so that it is reproducible."""
        logits = _positions.with_mask_of(y_pred, self.logits(ops.cast(y_pred, self.dtype)))
        return cross_entropy_like(self)(y_true, logits, sample_weight)

    def _parameters(self, y_pred):
        """`loc` and `d`, `[..., K]`, and `V`, `[..., K, R]`, if R > 0; all divided by the temperature."""
        loc, raw, factor = ops.split(y_pred, [self.num_classes, 2 * self.num_classes], axis=-1)
        parameters = [loc, ops.softplus(raw) + _MIN_SCALE]
        if self.rank:
            if len(y_pred.shape) == 2:
                factor = ops.reshape(factor, [-1, self.num_classes, self.rank])
            else:  # not a reshape, which would need the sizes of all axes but one
                factor = ops.stack([factor[..., column :: self.rank] for column in range(self.rank)], axis=-1)
            parameters.append(factor)
        return [parameter / self.temperature for parameter in parameters]

    @functools.cached_property
    def _fixed_noise(self):
        """`[test_samples, K + R]` in units of `_NOISE_STEP`, int16."""
        points = sobol_gaussian(self.num_classes + self.rank, self.test_samples, self.seed)
        return np.rint(points / _NOISE_STEP).astype(np.int16)

    def get_config(self):
        names = ["temperature", "rank", "train_samples", "test_samples", "seed"]
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _prediction_numbers(axes):
    """The largest size of a tensor over samples and classes, for each position of an example with these axes."""
    positions = math.prod(size or 256 for size in axes)  # axes of unknown size are those of images or texts
    return _PREDICTION_NUMBERS if not axes else _NUMBERS_OF_POSITIONS // max(positions, 1)


def _log_softmax(parameters, noise):
    """Log-probabilities `[..., samples, K]` for noise `[batch or 1, samples, K]` and `[batch or 1, samples, R]`."""
    loc, scale, *factor = parameters
    logits = ops.expand_dims(loc, -2) + ops.multiply(ops.expand_dims(scale, -2), noise[0])
    if factor:
        logits = logits + ops.matmul(noise[1], ops.swapaxes(factor[0], -1, -2))
    return ops.log_softmax(logits, axis=-1)


def _log_mean_softmax(parameters, seed, samples):
    """Logarithm of the mean over random samples of the softmax of `loc + scale * e + factor f`, `[batch, K]`.

    With `p_s` the softmax of sample s, `m` the mean and `G` the upstream gradient,

        r_sk = p_sk / (samples * m_k),    g_s = G * r_s - p_s (G . r_s)

    is the gradient with respect to the logits of sample s; those with respect to the parameters are `sum_s g_s`,
    `sum_s g_s * e_s` and `sum_s g_s f_s'`. Automatic differentiation would store noise and softmax of every sample.
    """

    @with_gradient
    def log_sum(*parameters):
        loc = parameters[0]
        batch, num_classes = ops.shape(loc)
        rank = parameters[2].shape[-1] if len(parameters) > 2 else 0
        chunks = -(-samples // _chunk_size(batch * num_classes, samples))
        size = -(-samples // chunks)

        def draw(index):
            seeds = [_noise.fold_in(seed, 2 * index + i) for i in range(2)]
            shapes = [batch, size, num_classes], [batch, size, rank]
            noise = [ops.cast(_noise.standard_normal(*pair), loc.dtype) for pair in zip(seeds, shapes, strict=True)]
            counts = index * size + ops.arange(size) < samples  # the last chunk may have more than are left
            log_weight = ops.where(counts, ops.zeros([], loc.dtype), -np.inf)
            return noise, _log_softmax(parameters, noise) + ops.expand_dims(log_weight, -1)

        def add_probabilities(index, total):
            _, log_p = draw(index)
            return _log_add(total, ops.logsumexp(log_p, axis=1))

        total = ops.fori_loop(0, chunks, add_probabilities, ops.full_like(loc, -np.inf))

        def gradient(upstream):
            def add_gradients(index, sums):
                noise, log_p = draw(index)
                ratio = product(ops.exp(log_p - ops.expand_dims(total, 1)), ops.expand_dims(upstream, 1))
                g = ratio - ops.exp(log_p) * ops.sum(ratio, axis=-1, keepdims=True)
                parts = [ops.sum(g, axis=1), ops.sum(g * noise[0], axis=1)]
                if rank:
                    parts.append(ops.swapaxes(ops.swapaxes(noise[1], 1, 2) @ g, 1, 2))  # g is the larger one
                return tuple(a + b for a, b in zip(sums, parts, strict=True))

            return ops.fori_loop(0, chunks, add_gradients, tuple(map(ops.zeros_like, parameters)))

        return total, gradient

    return log_sum(*parameters) - float(np.log(samples))


def _log_add(a, b):
    """`log(exp(a) + exp(b))`, of their dtype; on other backends, `ops.logaddexp` of Keras 3.15 gives float32."""
    if keras.backend.backend() == "tensorflow":
        return ops.logaddexp(a, b)
    return ops.logsumexp(ops.stack([a, b]), axis=0)


def _chunk_size(numbers, samples):
    """The number of samples that are computed at once, for so many numbers in each: an int where the batch is known."""
    if isinstance(numbers, int):
        return min(max(_TRAINING_NUMBERS // max(numbers, 1), 1), samples)
    return ops.clip(_TRAINING_NUMBERS // ops.maximum(numbers, 1), 1, samples)
