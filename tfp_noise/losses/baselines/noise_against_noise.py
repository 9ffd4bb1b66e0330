"""Stochastic label noise: Gaussian noise on the labels, new at each step (Chen et al. 2021)."""

from typing import Any, ClassVar

import keras
from keras import ops

from tfp_noise import _validation
from tfp_noise.losses import _noise
from tfp_noise.losses._entropies import cross_entropy
from tfp_noise.losses.base import NoisyLabelLoss, register
from tfp_noise.losses.cross_entropy import cross_entropy_like


@register
class NoiseAgainstNoise(NoisyLabelLoss):
    """Cross-entropy to labels with Gaussian noise, drawn at each call.

    `-sum_k (y_k + sigma e_k) log p_k` with `p = softmax(y_pred)` and `e_k ~ N(0, 1)`, neither clipped nor normalised.
    The expectation is cross-entropy. The noise adds `sigma ((sum_k e_k) p - e)` to its gradient `p - y`, a term of
    covariance `sigma^2 (K p p' - p 1' - 1 p' + I)`, which grows with the confidence of the prediction, right or wrong:
    the network cannot settle where it has memorised single labels.

    Validation reports plain cross-entropy and draws nothing.

    Args:
        num_classes: int, K >= 2.
        sigma: float >= 0, standard deviation of the noise; 0 is cross-entropy.
        seed: int in [0, 2^31), of the noise; each replica draws different noise.
        name: name of the loss.
        **kwargs: `reduction`, `dtype` and `ignore_class`, as in `NoisyLabelLoss`.

    Raises:
        TypeError: if `sigma` is not a number or `seed` not an integer.
        ValueError: if `sigma` is negative or `seed` out of range.

    Example:
        >>> import numpy as np
        >>> loss = NoiseAgainstNoise(2, sigma=1.0)
        >>> labels, outputs = np.array([0]), np.array([[0.0, 0.0]])
        >>> bool(loss(labels, outputs) == loss(labels, outputs))
        False
        >>> round(float(loss.evaluation_loss(labels, outputs)), 4)
        0.6931

    References:
        Chen, Chen, Ye, Zhao, Heng, "Noise against noise: stochastic label noise helps combat inherent label noise",
        2021, without the moving average of weights and the label correction that the authors add.
    """

    paper = "Chen et al., 2021"
    search_space: ClassVar = {"sigma": (0.1, 0.2, 0.5, 0.75, 1.0)}  # Englesson et al., 2023, appendix B.2

    def __init__(
        self,
        num_classes: int,
        sigma: float,
        *,
        seed: int = 0,
        name: str = "noise_against_noise",
        **kwargs: Any,
    ):
        super().__init__(num_classes, name=name, **kwargs)
        self.sigma = self._check_number("sigma", sigma, 0)
        self.seed = _validation.check_seed(seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def soft_label_loss(self, targets, y_pred):
        # The noise is float32 always, so that it does not depend on the dtype.
        noise = _noise.standard_normal(_noise.draw_seed(self.seed_generator, y_pred), ops.shape(y_pred))
        noisy = targets + self.sigma * ops.cast(noise, self.dtype)
        # Not the cross-entropy of TensorFlow, whose gradient assumes that labels sum to 1.
        return cross_entropy(noisy, ops.log_softmax(y_pred, axis=-1))

    def loss_in_validation(self):
        return cross_entropy_like(self)

    def get_config(self):
        return {**super().get_config(), "sigma": self.sigma, "seed": self.seed}
