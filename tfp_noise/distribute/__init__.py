"""One training script for a laptop's CPU, all GPUs of a machine, a TPU, or several machines."""

from tfp_noise.distribute._cluster import Cluster
from tfp_noise.distribute._strategies import strategy
from tfp_noise.distribute._workers import barrier, check_batch_size, description, is_chief

__all__ = ["Cluster", "barrier", "check_batch_size", "description", "is_chief", "strategy"]
