"""Figures: functions from numbers to a `matplotlib.figure.Figure`, without pyplot and its global state."""

# ruff: noqa: E402 (matplotlib is looked for before the modules that import it)
from tfp_noise import _extras

_extras.load("matplotlib", "`tfp_noise.visualization`")

from tfp_noise.visualization.attenuation import label_dependent_densities, loss_by_residual
from tfp_noise.visualization.calibration import reliability_diagram
from tfp_noise.visualization.clusters import feature_clusters
from tfp_noise.visualization.comparison import scores_by_method
from tfp_noise.visualization.confidence import logit_gap_densities, logit_gaps
from tfp_noise.visualization.decisions import decision_regions
from tfp_noise.visualization.errors import errors_by_noise_rate, score_by_update_period
from tfp_noise.visualization.learned_rows import class_similarities, similarity_evolution
from tfp_noise.visualization.representations import class_plane_projection, penultimate
from tfp_noise.visualization.sensitivity import score_by_temperature_and_min_scale
from tfp_noise.visualization.separators import linear_separators
from tfp_noise.visualization.simplex import logits_and_simplex
from tfp_noise.visualization.smearing import loss_by_margin, score_by_alpha
from tfp_noise.visualization.training import learning_curves, training_by_noise_rate
from tfp_noise.visualization.transition import transition_matrix

__all__ = [
    "class_plane_projection",
    "class_similarities",
    "decision_regions",
    "errors_by_noise_rate",
    "feature_clusters",
    "label_dependent_densities",
    "learning_curves",
    "linear_separators",
    "logit_gap_densities",
    "logit_gaps",
    "logits_and_simplex",
    "loss_by_margin",
    "loss_by_residual",
    "penultimate",
    "reliability_diagram",
    "score_by_alpha",
    "score_by_temperature_and_min_scale",
    "score_by_update_period",
    "scores_by_method",
    "similarity_evolution",
    "training_by_noise_rate",
    "transition_matrix",
]
