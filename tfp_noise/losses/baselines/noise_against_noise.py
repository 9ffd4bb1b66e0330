"""Stochastic label noise: Gaussian noise on the labels, drawn anew at each step (Chen et al. 2021)."""

import keras
from keras import ops

from tfp_noise import _validation
from tfp_noise._random import draw_seed, standard_normal
from tfp_noise.losses._entropies import cross_entropy
from tfp_noise.losses.base import NoisyLabelLoss, register
from tfp_noise.losses.cross_entropy import cross_entropy_like


@register
class NoiseAgainstNoise(NoisyLabelLoss):
    """Cross-entropy to labels with Gaussian noise that is drawn anew at each call.

    `-sum_k (y_k + sigma e_k) log p_k` with `p = softmax(y_pred)` and `e_k ~ N(0, 1)`, neither clipped nor normalised.
    Its expectation is cross-entropy; to the gradient of that, `p - y`, the noise adds `sigma ((sum_k e_k) p - e)`, of
    covariance `sigma^2 (K p p' - p 1' - 1 p' + I)`: it grows with the confidence of the prediction, right or wrong, and
    keeps the network from settling where it is certain of single labels.

    Validation reports plain cross-entropy, and draws nothing.

    Args:
        num_classes: int, K >= 2.
        sigma: float >= 0, standard deviation of the noise; 0 is cross-entropy.
        seed: int in [0, 2^31), where the noise starts; replicas draw different noise.
        name: name of the loss.
        reduction: as in `keras.losses.Loss`.
        dtype: float32 or float64.

    Raises:
        ValueError: if `sigma` is negative, or `seed` out of range.

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
        2021. The moving average of weights and the label correction that the authors add are not part of it.
    """

    paper = "Chen et al., 2021"

    def __init__(self, num_classes, sigma, *, seed=0, name="noise_against_noise", **kwargs):
        super().__init__(num_classes, name=name, **kwargs)
        self.sigma = self._check_number("sigma", sigma, 0)
        self.seed = _validation.check_seed(seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def soft_label_loss(self, targets, y_pred):
        # Always float32, so that the numbers do not depend on the dtype.
        noise = standard_normal(draw_seed(self.seed_generator), ops.shape(y_pred))
        noisy = targets + self.sigma * ops.cast(noise, self.dtype)
        # Not a library's cross-entropy, whose gradient takes for granted that labels sum to 1.
        return cross_entropy(noisy, ops.log_softmax(y_pred, axis=-1))

    def evaluation_loss(self, y_true, y_pred, sample_weight=None):
        return cross_entropy_like(self)(y_true, y_pred, sample_weight)

    def get_config(self):
        return {**super().get_config(), "sigma": self.sigma, "seed": self.seed}
