"""Softmax of normally distributed logits, averaged over samples (Kendall & Gal 2017, Collier et al. 2020, 2021)."""

import functools
import math
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from tfp_noise import _positions, _validation
from tfp_noise._sobol import sobol_bits, sobol_gaussian
from tfp_noise.losses import _noise
from tfp_noise.losses import _normal_logits as normal_logits
from tfp_noise.losses._entropies import cross_entropy
from tfp_noise.losses.base import NoisyLabelLoss, register
from tfp_noise.losses.cross_entropy import cross_entropy_like

# The default numbers of points in training, for few classes and a high temperature, and for other losses, which need
# more for the same error. Errors and costs: results/heteroscedastic/table.md.
_POINTS, _MORE_POINTS = 512, 1024
_FEW_CLASSES, _HIGH_TEMPERATURE = 32, 0.5
# The largest size of a tensor over samples and classes for one example in prediction, because a deployable model is
# made before the batch size is known.
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

    In training, the mean over s is one over `train_points` scrambled Sobol points, which all examples of a batch share.
    Each step and replica shifts them at random, and each example gives them random signs. Every point by itself is thus
    normally distributed, so that the mean probability is unbiased (its logarithm, the loss, is not, as with random
    samples). The papers' way is `train_samples=1000`: other random numbers for each example and sample. Points cost a
    fraction of that, and by default the errors of the loss and its gradient are no larger at temperatures from 0.5 on,
    and within a few percent of them at 0.1 (`results/heteroscedastic/table.md`).

    Samples are taken in chunks, so that memory does not grow with their number. Class indices need one pass over them.
    The gradient of soft labels, and of random samples, computes the noise a second time instead of storing it.

    Prediction and `evaluation_loss`, the cross-entropy of the predicted probabilities, use fixed noise, the same for
    all examples: scrambled Sobol points (in dimensions above 21,201, SciPy's limit, random numbers). The error of 1000
    points is smaller than that of 1000 random samples: by a factor of 20 for K = 10 and a diagonal below 1, by 1.4 for
    K = 100, a rank of 4 and deviations of 5. Metrics predict at each step of training; if that takes too long, lower
    `test_samples` or leave the metrics out.

    Two classes have two logits too, not one logit of a sigmoid.

    Args:
        num_classes: int, K >= 2.
        temperature: float > 0, T, divides the logits. At 1 wrong labels are learned nearly as by cross-entropy; at 10
            or 20 later, so that short trainings learned fewer (docs/choose_a_loss.md).
        rank: int >= 0, R, the number of columns of the factor.
        train_samples: int >= 1, the number of random samples of each example in training; `None` for points.
        test_samples: int >= 1, the number of points in prediction and evaluation.
        train_points: int >= 1, the number of quasi-random points in training, best a power of two; `None` for none
            if `train_samples` is given, else 512, or 1024 for more than 32 classes or a temperature below 0.5.
        seed: int in [0, 2^31), of all noise.
        name: name of the loss.
        **kwargs: `reduction`, `dtype` and `ignore_class`, as in `NoisyLabelLoss`.

    Raises:
        TypeError: if a number is of another type.
        ValueError: if a number is out of range, or `train_samples` and `train_points` are both given.

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
        quasi-random noise.
    """

    paper = "Kendall, Gal, 2017; Collier et al., 2020, 2021"
    needs = "a last layer of `num_outputs` units"
    search_space: ClassVar = {"temperature": (0.1, 0.5, 1.0, 10.0, 20.0)}  # Englesson et al., 2023, appendix B.2

    def __init__(
        self,
        num_classes: int,
        temperature: float = 1.0,
        rank: int = 0,
        train_samples: int | None = None,
        test_samples: int = 1000,
        *,
        train_points: int | None = None,
        seed: int = 0,
        name: str = "heteroscedastic",
        **kwargs: Any,
    ):
        super().__init__(num_classes, name=name, **kwargs)
        self.temperature = self._check_number("temperature", temperature, above=0)
        self.rank = _validation.check_int("rank", rank, 0)
        if train_samples is not None and train_points is not None:
            raise ValueError(
                "Pass `train_samples`, for random numbers, or `train_points`, for quasi-random ones, not both. "
                f"Received: train_samples={train_samples!r} and train_points={train_points!r}"
            )
        if train_samples is not None:
            train_samples = _validation.check_int("train_samples", train_samples, 1)
        elif train_points is not None:
            train_points = _validation.check_int("train_points", train_points, 1)
        else:
            few = self.num_classes <= _FEW_CLASSES and self.temperature >= _HIGH_TEMPERATURE
            train_points = _POINTS if few else _MORE_POINTS
        self.train_samples, self.train_points = train_samples, train_points
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
        return cross_entropy(targets, normal_logits.log_mean_softmax(*self._sampled(y_pred)))

    def class_index_loss(self, labels, y_pred):
        if self.train_points is None:
            return super().class_index_loss(labels, y_pred)
        return -normal_logits.log_mean_of_labels(labels, *self._sampled(y_pred))

    def _sampled(self, y_pred):
        """Parameters, the function that draws noise for them, and the number of samples."""
        parameters, seed = self._parameters(y_pred), _noise.draw_seed(self.seed_generator, y_pred)
        if self.train_points is None:
            return parameters, normal_logits.independent_noise(parameters, seed), self.train_samples
        return *normal_logits.shared_noise(parameters, seed, self._points), self.train_points

    def logits(self, y_pred):
        """Logarithms of the mean probabilities, `[..., num_classes]`, which are their own logits."""
        chunk = max(1, _prediction_numbers(tuple(y_pred.shape)[1:-1]) // self.num_classes)
        total = None
        for start in range(0, self.test_samples, chunk):
            noise = np.split(self._fixed_noise[:, start : start + chunk], [self.num_classes])
            loc, *rest = self._parameters(y_pred)
            log_p = normal_logits.log_softmax([loc, *(p * _NOISE_STEP for p in rest)], noise)
            part = ops.logsumexp(log_p, axis=-1)
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
    def _points(self):
        return sobol_bits(self.rank + self.num_classes, self.train_points, self.seed)

    @functools.cached_property
    def _fixed_noise(self):
        """`[K + R, test_samples]` in units of `_NOISE_STEP`, int16."""
        points = sobol_gaussian(self.num_classes + self.rank, self.test_samples, self.seed)
        return np.rint(points.T / _NOISE_STEP).astype(np.int16)

    def get_config(self):
        names = ["temperature", "rank", "train_samples", "test_samples", "train_points", "seed"]
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _prediction_numbers(axes):
    """The largest size of a tensor over samples and classes, for each position of an example with these axes."""
    positions = math.prod(size or 256 for size in axes)  # axes of unknown size are those of images or texts
    return _PREDICTION_NUMBERS if not axes else _NUMBERS_OF_POSITIONS // max(positions, 1)


def _log_add(a, b):
    """`log(exp(a) + exp(b))`, of their dtype; on other backends, `ops.logaddexp` of Keras 3.15 gives float32."""
    if keras.backend.backend() == "tensorflow":
        return ops.logaddexp(a, b)
    return ops.logsumexp(ops.stack([a, b]), axis=0)
