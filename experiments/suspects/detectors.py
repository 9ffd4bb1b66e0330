"""Detectors of wrong labels that need the trained network itself; high means that the label looks right."""

import numpy as np
from sklearn import mixture

from tfp_noise import losses


def loss_mixture(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Probability that a label's cross-entropy is of the lower component of a mixture of two Gaussians.

    The mixture is fitted to the losses `-log p_y` of all examples, scaled to [0, 1]. It is meant for a network early in
    training, before it memorises the labels.

    Args:
        probabilities: float `[n, K]`, predictions for the examples that the network was trained on.
        labels: int `[n]`, the given labels.

    Returns:
        float64 `[n]`; below a half, the label is taken to be wrong.

    References:
        Li, Socher, Hoi, "DivideMix: learning with noisy labels as semi-supervised learning", 2020, section 3.1, after
        Arazo et al., "Unsupervised label noise modeling and loss correction", 2019, who fit beta distributions.
    """
    own = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    nats = -np.log(np.maximum(own, np.finfo(np.float32).tiny))[:, None]
    scaled = (nats - nats.min()) / np.ptp(nats)
    fitted = mixture.GaussianMixture(2, reg_covar=5e-4, random_state=0).fit(scaled)  # 5e-4: Li et al.'s code
    return fitted.predict_proba(scaled)[:, fitted.means_.argmin()]


def standardised_residual(outputs: np.ndarray, labels: np.ndarray, loss: losses.LogisticNormal) -> np.ndarray:
    """Minus the squared Mahalanobis distance of a given label's target from a Logistic-Normal network's mean.

    With `z` the logits of the smoothed label, `loc` the mean and `S = c c' + min_scale I` the scale that the network
    predicts for the example (or `S = I`), the distance is `|S^-1 (z - loc)|^2`. A label that the mean contradicts
    counts less where the network expects noise in just that direction. `log|S|`, the other part of the loss, is left
    out, because it is large for examples in crowded places, whatever their own label.

    Args:
        outputs: float `[n, num_outputs]`, raw outputs of the network.
        labels: int `[n]`, the given labels.
        loss: the `LogisticNormal` that it was trained with, "identity" or "low_rank" with rank 1, with the dummy class.

    Returns:
        float64 `[n]`, at most 0.

    References:
        Englesson, Mehrpanah, Azizpour, 2023, Eq. 4, 9 and 11.
    """
    loc, factor = np.split(outputs.astype(np.float64), [loss.num_classes], axis=1)
    base = 1.0 if loss.covariance == "identity" else loss.min_scale
    off = loss.target_smoothing / (loss.num_classes + 1)
    error = -loc
    error[np.arange(len(labels)), labels] += loss.temperature * np.log((1 - loss.target_smoothing + off) / off)
    if factor.size:  # Sherman and Morrison: S^-1 e = (e - c c'e / (min_scale + c'c)) / min_scale
        along = np.sum(factor * error, axis=1) / (base + np.sum(factor**2, axis=1))
        error -= factor * along[:, None]
    return -np.sum((error / base) ** 2, axis=1)
