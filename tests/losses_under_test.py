"""Every loss, under the settings that matter, beside an independent float64 oracle: what the contract is run over."""

import dataclasses
from collections.abc import Callable

import numpy as np
from scipy import special, stats

from tfp_noise import losses


@dataclasses.dataclass(frozen=True)
class Case:
    """A loss and its value by another way.

    `build(num_classes, **kwargs)` gives the loss; `oracle(targets, outputs)` its value `[batch]` in float64.
    """

    build: Callable
    oracle: Callable


def random_transition(num_classes):
    rows = np.random.default_rng(num_classes).dirichlet(np.ones(num_classes), num_classes)
    return 0.6 * np.eye(num_classes) + 0.4 * rows


def random_matrix(num_classes):
    return np.random.default_rng(num_classes).normal(size=(num_classes, num_classes))


def cross_entropy(targets, outputs):
    return -np.sum(targets * (outputs - special.logsumexp(outputs, axis=1, keepdims=True)), axis=1)


def smearing(targets, outputs):
    return cross_entropy(targets @ random_matrix(targets.shape[1]), outputs)


def smoothing(alpha):
    return lambda targets, outputs: cross_entropy((1 - alpha) * targets + alpha / targets.shape[1], outputs)


def backward(targets, outputs):
    weights = targets @ np.linalg.inv(random_transition(targets.shape[1]))
    return -np.sum(weights * np.log(np.clip(special.softmax(outputs, axis=1), 1e-7, 1)), axis=1)


def forward(targets, outputs):
    return -np.sum(targets * np.log(special.softmax(outputs, axis=1) @ random_transition(targets.shape[1])), axis=1)


def logistic_normal(covariance="low_rank", rank=1, dummy_class=True, temperature=1.0, min_scale=0.5, t=0.01):
    def oracle(targets, outputs):
        """The density of SciPy's Gaussian at the target's logits, times the Jacobian of the softmax-centred map."""
        if dummy_class:
            targets = np.pad(targets, [(0, 0), (0, 1)])
        m = targets.shape[1]
        n = m - 1
        targets = (1 - t) * targets + t / m
        values = []
        for s, row in zip(targets, outputs, strict=True):
            loc, raw = row[:n], row[n:]
            scale = {
                "identity": lambda: np.eye(n),
                "isotropic": lambda c=raw: (c[0] ** 2 + min_scale) * np.eye(n),
                "diagonal": lambda c=raw: np.diag(c**2 + min_scale),
                "low_rank": lambda c=raw: c.reshape(n, rank) @ c.reshape(n, rank).T + min_scale * np.eye(n),
            }[covariance]()
            z = temperature * np.log(s[:n] / s[n])
            gaussian = stats.multivariate_normal(loc, scale @ scale.T, allow_singular=False).logpdf(z)
            values.append(-(gaussian + n * np.log(temperature) - 0.5 * np.log(m) - np.log(s).sum()))
        return np.array(values)

    settings = {"covariance": covariance, "rank": rank, "dummy_class": dummy_class, "temperature": temperature}
    settings |= {"min_scale": min_scale, "target_smoothing": t}
    return Case(lambda k, **kwargs: losses.LogisticNormal(k, **settings, **kwargs), oracle)


LOSSES_UNDER_TEST = {
    "smearing": Case(lambda k, **kwargs: losses.LabelSmearing(k, random_matrix(k), **kwargs), smearing),
    "cross_entropy": Case(lambda k, **kwargs: losses.LabelSmoothing(k, alpha=0.0, **kwargs), cross_entropy),
    "smoothing": Case(lambda k, **kwargs: losses.LabelSmoothing(k, alpha=0.3, **kwargs), smoothing(0.3)),
    "backward": Case(lambda k, **kwargs: losses.BackwardCorrection(k, random_transition(k), **kwargs), backward),
    "forward": Case(lambda k, **kwargs: losses.ForwardCorrection(k, random_transition(k), **kwargs), forward),
    "logistic_normal": logistic_normal(),
    "logistic_normal_tempered": logistic_normal(temperature=0.5, min_scale=0.1, t=0.1),
    "logistic_normal_rank3": logistic_normal(rank=3),
    "logistic_normal_no_dummy": logistic_normal(dummy_class=False),
    "logistic_normal_no_dummy_rank2": logistic_normal(dummy_class=False, rank=2, temperature=2.0),
    "logistic_normal_identity": logistic_normal("identity"),
    "logistic_normal_isotropic": logistic_normal("isotropic"),
    "logistic_normal_diagonal": logistic_normal("diagonal", min_scale=0.2),
}


def examples(loss, batch=6, seed=0):
    """Class indices, soft labels and outputs of moderate size, float64."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, loss.num_classes, batch)
    labels[:2] = [0, loss.num_classes - 1]
    soft = rng.dirichlet(np.full(loss.num_classes, 0.5), batch)
    return labels, soft, rng.normal(size=(batch, loss.num_outputs))
