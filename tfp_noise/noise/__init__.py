"""Label noise: transition matrices and the corruption of labels.

Everywhere `transition[i, j] = P(observed = j | clean = i)`; rows sum to 1. Noise that differs between the examples of a
class is a row for each example instead: `distributions[n, j] = P(observed = j | example n)`.
"""

from tfp_noise.noise.by_example import corrupt_dataset_by_example, draw_labels, instance_dependent, mean_transition
from tfp_noise.noise.corruption import corrupt, corrupt_dataset, corrupt_exact
from tfp_noise.noise.superclasses import CIFAR100_SUPERCLASSES, superclass_flip
from tfp_noise.noise.transitions import asymmetric, condition_number, effective_rate, from_pairs, pair_flip, symmetric

__all__ = [
    "CIFAR100_SUPERCLASSES",
    "asymmetric",
    "condition_number",
    "corrupt",
    "corrupt_dataset",
    "corrupt_dataset_by_example",
    "corrupt_exact",
    "draw_labels",
    "effective_rate",
    "from_pairs",
    "instance_dependent",
    "mean_transition",
    "pair_flip",
    "superclass_flip",
    "symmetric",
]
