"""Logistic-Normal distributions of three logits, with their statistics by NumPy."""

import numpy as np
import tensorflow as tf

from tfp_noise.distributions import LogisticNormal

CASES = {
    "diagonal": {"scale_diag": np.array([0.4, 1.1, 0.7])},
    "scalar": {"scale_diag": 0.8, "temperature": 0.6},
    "rank_1": {"scale_diag": 0.5, "scale_perturb_factor": np.array([[0.9], [-0.6], [0.3]]), "temperature": 2.0},
    "rank_2": {
        "scale_diag": np.array([0.4, 1.1, 0.7]),
        "scale_perturb_factor": np.array([[0.9, 0.1], [-0.6, 0.5], [0.3, 0.2]]),
    },
    "rank_above_n": {"scale_diag": 0.5, "scale_perturb_factor": 0.4 * np.ones((3, 5))},  # and collinear
}
LOC = np.array([1.0, -0.5, 0.2])


def distribution_of(case, loc=LOC):
    return LogisticNormal(tf.constant(loc, tf.float64), **CASES[case])


def scale_of(case):
    arguments = CASES[case]
    factor = arguments.get("scale_perturb_factor", np.zeros((3, 1)))
    return np.diag(np.broadcast_to(arguments["scale_diag"], 3)) + factor @ factor.T


def log_ratio_moments(case):
    temperature = CASES[case].get("temperature", 1.0)
    return LOC / temperature, scale_of(case) @ scale_of(case) / temperature**2


def gauss_hermite(case, degree=30):
    """Weights and points of the log-ratios, by a tensor product rule that knows nothing of Sobol points."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(degree)
    points = np.stack(np.meshgrid(nodes, nodes, nodes, indexing="ij"), -1).reshape(-1, 3)
    weights = np.einsum("i,j,k->ijk", weights, weights, weights).ravel() / (2 * np.pi) ** 1.5
    mean, covariance = log_ratio_moments(case)
    return weights, mean + points @ np.linalg.cholesky(covariance).T
